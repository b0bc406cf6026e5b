//! An app's own words for its messages.

use doorward_delivery::template::{Preview, built_in_words, preview as rendered, problems};
use doorward_domain::audit::Action;
use doorward_domain::contact::Channel;
use doorward_domain::scope::Scope;
use doorward_domain::template::{
    Language, MAX_TEMPLATES, MessageName, StoredTemplate, TemplateKey, Words,
};
use doorward_domain::{AppId, Code, Timestamp};

use super::{hold, unchanged};
use crate::caller::Caller;
use crate::context::{Describe, Operator};
use crate::core::Core;
use crate::error::{Error, FieldError, Result};

/// A template: the app's own, or the built-in one where it has none.
#[derive(Debug, Clone)]
pub struct TemplateInfo {
    /// Which one. A built-in one is in English, whatever was asked for.
    pub key: TemplateKey,
    /// Its words.
    pub words: Words,
    /// Grows with every change; 0 for a built-in one.
    pub version: i64,
    /// Last change; `None` for a built-in one.
    pub updated_at: Option<Timestamp>,
}

impl TemplateInfo {
    /// Whether the app wrote it.
    #[must_use]
    pub const fn is_own(&self) -> bool {
        self.version > 0
    }

    pub(super) fn built_in(name: MessageName, channel: Channel) -> Self {
        Self {
            key: TemplateKey {
                name,
                language: Language::english(),
                channel,
            },
            words: built_in_words(name, channel),
            version: 0,
            updated_at: None,
        }
    }
}

impl From<StoredTemplate> for TemplateInfo {
    fn from(stored: StoredTemplate) -> Self {
        Self {
            key: stored.key,
            words: stored.words,
            version: stored.version,
            updated_at: Some(stored.updated_at),
        }
    }
}

/// Reads the three parts that name a template.
///
/// # Errors
/// [`Code::ValidationError`] naming every bad part.
pub fn parse_key(name: &str, language: &str, channel: &str) -> Result<TemplateKey> {
    let names = MessageName::ALL.map(MessageName::as_str).join(", ");
    let name = MessageName::parse(name)
        .ok_or_else(|| FieldError::new("name", format!("Must be one of {names}")));
    let language =
        Language::parse(language).map_err(|message| FieldError::new("language", message));
    let channel = Channel::from_stored(channel)
        .ok_or_else(|| FieldError::new("channel", "Must be email or sms"));
    match (name, language, channel) {
        (Ok(name), Ok(language), Ok(channel)) => Ok(TemplateKey {
            name,
            language,
            channel,
        }),
        (name, language, channel) => {
            let wrong = [name.err(), language.err(), channel.err()];
            Err(Error::validation(wrong.into_iter().flatten().collect()))
        }
    }
}

/// One template: the built-in one where the app has none.
///
/// # Errors
/// [`Code::Forbidden`] without `delivery:read`; [`Code::AppNotFound`].
pub async fn show(
    core: &Core,
    operator: &Operator,
    app_id: AppId,
    key: TemplateKey,
) -> Result<TemplateInfo> {
    let caller = Caller::Operator(operator, app_id);
    core.read_as(caller, Scope::DeliveryRead, move |here, tx| {
        let own = tx.app(here.app.id).template(&key)?;
        Ok(own.map_or_else(
            || TemplateInfo::built_in(key.name, key.channel),
            TemplateInfo::from,
        ))
    })
    .await
}

/// Sets the app's own words. Messages that are not sent yet have them, on every node within a second.
///
/// # Errors
/// [`Code::Forbidden`] without `delivery:write`; [`Code::AppNotFound`]; [`Code::ValidationError`]
/// naming every bad part; [`Code::Conflict`] when it was changed since `expected` was read, or the
/// app has too many.
pub async fn set(
    core: &Core,
    operator: &Operator,
    app_id: AppId,
    key: TemplateKey,
    words: Words,
    expected: Option<i64>,
) -> Result<TemplateInfo> {
    judge(&words, key.channel)?;
    let caller = Caller::Operator(operator, app_id);
    let set = core
        .write_as(caller, Scope::DeliveryWrite, move |here, tx| {
            let version = hold(here, tx)?;
            let mut scope = tx.app(here.app.id);
            let former = scope.template(&key)?;
            unchanged(expected, former.as_ref().map(|former| former.version))?;
            let most = i64::try_from(MAX_TEMPLATES).unwrap_or(i64::MAX);
            if former.is_none() && scope.count_templates()? >= most {
                return Err(Error::new(Code::Conflict).with_message(format!(
                    "An app can have at most {MAX_TEMPLATES} templates."
                )));
            }
            let stored = StoredTemplate {
                key: key.clone(),
                words: words.clone(),
                version,
                updated_at: here.now(),
            };
            scope.put_template(&stored)?;
            scope.audit(
                &here
                    .event(Action::TemplateChanged)
                    .on("template", place(&key)),
            )?;
            Ok(Ok(stored.into()))
        })
        .await?;
    core.changed(app_id);
    Ok(set)
}

/// Forgets the app's own words: readers of that language get the app's default language again, or
/// the built-in words.
///
/// # Errors
/// [`Code::Forbidden`] without `delivery:write`; [`Code::AppNotFound`]; [`Code::NotFound`] when the
/// app has no such template; [`Code::Conflict`] as [`set`].
pub async fn reset(
    core: &Core,
    operator: &Operator,
    app_id: AppId,
    key: TemplateKey,
    expected: Option<i64>,
) -> Result<()> {
    let caller = Caller::Operator(operator, app_id);
    core.write_as(caller, Scope::DeliveryWrite, move |here, tx| {
        hold(here, tx)?;
        let mut scope = tx.app(here.app.id);
        let former = scope.template(&key)?;
        unchanged(expected, former.map(|former| former.version))?;
        if !scope.delete_template(&key)? {
            return Err(Error::new(Code::NotFound)
                .with_message("The app has no such template; the built-in one is in use."));
        }
        scope.audit(
            &here
                .event(Action::TemplateReset)
                .on("template", place(&key)),
        )?;
        Ok(Ok(()))
    })
    .await?;
    core.changed(app_id);
    Ok(())
}

/// Renders words with sample data: those given, else the app's own, else the built-in ones. Sends
/// nothing and stores nothing.
///
/// # Errors
/// [`Code::Forbidden`] without `delivery:read`; [`Code::AppNotFound`]; [`Code::ValidationError`]
/// naming every bad part.
pub async fn preview(
    core: &Core,
    operator: &Operator,
    app_id: AppId,
    key: TemplateKey,
    words: Option<Words>,
) -> Result<Preview> {
    if let Some(words) = &words {
        judge(words, key.channel)?;
    }
    let caller = Caller::Operator(operator, app_id);
    let asked = key.clone();
    let (app, stored) = core
        .read_as(caller, Scope::DeliveryRead, move |here, tx| {
            let stored = tx.app(here.app.id).template(&asked)?;
            Ok((std::sync::Arc::clone(&here.app), stored))
        })
        .await?;
    let (words, language) = match (words, stored) {
        (Some(words), _) => (words, key.language),
        (None, Some(stored)) => (stored.words, key.language),
        (None, None) => (built_in_words(key.name, key.channel), Language::english()),
    };
    let minutes = u32::try_from(app.settings.otp_seconds / 60)
        .unwrap_or(1)
        .max(1);
    rendered(
        &words,
        key.name,
        language.as_str(),
        key.channel,
        &app.name,
        minutes,
    )
    .map_err(|error| Error::field("text", error.to_string()))
}

fn judge(words: &Words, channel: Channel) -> Result<()> {
    let wrong = problems(words, channel);
    if wrong.is_empty() {
        return Ok(());
    }
    let wrong = wrong
        .into_iter()
        .map(|(field, message)| FieldError::new(field, message));
    Err(Error::validation(wrong.collect()))
}

fn place(key: &TemplateKey) -> String {
    format!(
        "{}/{}/{}",
        key.name.as_str(),
        key.language,
        key.channel.as_str()
    )
}
