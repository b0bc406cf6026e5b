//! Every message of an app by either channel, in its words or in the built-in ones.

use std::fmt;
use std::str::FromStr;

use doorward_domain::AppId;
use doorward_domain::contact::Channel;
use doorward_domain::scope::Scope;
use doorward_domain::template::{Language, MessageName, TemplateKey};

use super::templates::TemplateInfo;
use crate::caller::Caller;
use crate::context::Operator;
use crate::core::Core;
use crate::error::Result;

/// Most templates of one page, and one more that tells whether there is a next.
const PAGE_MAX: u32 = 101;

/// A place in the list of an app's templates: behind this one, which may be gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateCursor(TemplateKey);

impl TemplateCursor {
    /// Behind this one.
    #[must_use]
    pub fn after(info: &TemplateInfo) -> Self {
        Self(info.key.clone())
    }
}

impl fmt::Display for TemplateCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(key) = self;
        let (name, channel) = (key.name.as_str(), key.channel.as_str());
        write!(f, "{name}.{channel}.{}", key.language)
    }
}

impl FromStr for TemplateCursor {
    type Err = &'static str;

    fn from_str(text: &str) -> std::result::Result<Self, Self::Err> {
        const WRONG: &str = "Must be the next_cursor of a former page";
        let mut parts = text.split('.');
        let mut part = || parts.next().ok_or(WRONG);
        let key = TemplateKey {
            name: MessageName::parse(part()?).ok_or(WRONG)?,
            channel: Channel::from_stored(part()?).ok_or(WRONG)?,
            language: Language::parse(part()?).map_err(|_| WRONG)?,
        };
        match parts.next() {
            None => Ok(Self(key)),
            Some(_) => Err(WRONG),
        }
    }
}

/// Templates stand by message, channel and language.
fn order(key: &TemplateKey) -> (Option<usize>, Option<usize>, &str) {
    (
        MessageName::ALL.iter().position(|name| *name == key.name),
        Channel::ALL.iter().position(|it| *it == key.channel),
        key.language.as_str(),
    )
}

/// Templates of an app by message, channel and language, after the given place; at most 101. Where the
/// app has none in English, the built-in one stands. An app has few (at most 64 of its own): they are
/// read together, and the page is cut out of them.
///
/// # Errors
/// [`doorward_domain::Code::Forbidden`] without `delivery:read`;
/// [`doorward_domain::Code::AppNotFound`].
pub async fn list(
    core: &Core,
    operator: &Operator,
    app_id: AppId,
    after: Option<TemplateCursor>,
    limit: u32,
) -> Result<Vec<TemplateInfo>> {
    let limit = usize::try_from(limit.clamp(1, PAGE_MAX)).unwrap_or(usize::MAX);
    let caller = Caller::Operator(operator, app_id);
    core.read_as(caller, Scope::DeliveryRead, move |here, tx| {
        let own = tx.app(here.app.id).templates()?;
        let mut all: Vec<TemplateInfo> = own.into_iter().map(TemplateInfo::from).collect();
        for name in MessageName::ALL {
            for channel in Channel::ALL {
                let built_in = TemplateInfo::built_in(name, channel);
                if !all.iter().any(|info| info.key == built_in.key) {
                    all.push(built_in);
                }
            }
        }
        if let Some(TemplateCursor(after)) = &after {
            all.retain(|info| order(&info.key) > order(after));
        }
        all.sort_by(|one, other| order(&one.key).cmp(&order(&other.key)));
        all.truncate(limit);
        Ok(all)
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_as_it_was_written() {
        for good in ["otp_login.email.en", "otp_phone_change.sms.pt-BR"] {
            assert_eq!(good.parse::<TemplateCursor>().unwrap().to_string(), good);
        }
        for bad in [
            "",
            "otp_login",
            "otp_login.email",
            "otp_login.email.",
            "otp_login.fax.en",
            "otp_logout.email.en",
            "otp_login.email.en.en",
        ] {
            assert!(bad.parse::<TemplateCursor>().is_err(), "{bad}");
        }
    }
}
