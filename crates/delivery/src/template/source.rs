//! Where the text of a template comes from.

use std::borrow::Cow;

use doorward_domain::AppId;
use doorward_domain::otp::Purpose;

/// A part of a message that has a template of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Part {
    /// Subject line of an e-mail.
    Subject,
    /// Plain text of an e-mail.
    Text,
    /// HTML of an e-mail. The only part whose variables are escaped.
    Html,
    /// Text of an SMS.
    Sms,
}

impl Part {
    /// Every part.
    pub const ALL: [Self; 4] = [Self::Subject, Self::Text, Self::Html, Self::Sms];

    /// How a template's name ends.
    #[must_use]
    pub const fn suffix(self) -> &'static str {
        match self {
            Self::Subject => "subject.txt",
            Self::Text => "text.txt",
            Self::Html => "html",
            Self::Sms => "sms.txt",
        }
    }
}

/// Names one template.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TemplateId {
    /// What the code is for.
    pub purpose: Purpose,
    /// Which part of the message.
    pub part: Part,
}

impl TemplateId {
    /// For errors and logs, e.g. `otp/LOGIN.html`. The ending decides about escaping.
    #[must_use]
    pub fn name(&self) -> String {
        format!("otp/{}.{}", self.purpose.as_str(), self.part.suffix())
    }
}

/// Gives templates, e.g. those that an app has replaced.
pub trait TemplateSource: Send + Sync {
    /// The text for `app_id` in `language` (BCP 47), or `None` to fall back to [`BuiltIn`].
    fn get(&self, app_id: AppId, template: TemplateId, language: &str) -> Option<Cow<'_, str>>;
}

/// The templates that Doorward brings, in English.
#[derive(Debug, Clone, Copy, Default)]
pub struct BuiltIn;

impl TemplateSource for BuiltIn {
    fn get(&self, _: AppId, template: TemplateId, _: &str) -> Option<Cow<'_, str>> {
        Some(Cow::Borrowed(built_in(template)))
    }
}

/// The frame of every built-in HTML part; a replaced one may extend it too.
pub(super) const LAYOUT: &str = include_str!("builtin/layout.html");

macro_rules! parts {
    ($part:expr, $name:literal) => {
        match $part {
            Part::Subject => include_str!(concat!("builtin/", $name, ".subject.txt")),
            Part::Text => include_str!(concat!("builtin/", $name, ".text.txt")),
            Part::Html => include_str!(concat!("builtin/", $name, ".html")),
            Part::Sms => include_str!(concat!("builtin/", $name, ".sms.txt")),
        }
    };
}

/// The built-in text.
pub(super) const fn built_in(template: TemplateId) -> &'static str {
    match template.purpose {
        Purpose::Login => parts!(template.part, "otp_login"),
        Purpose::PhoneChange => parts!(template.part, "otp_phone_change"),
        Purpose::EmailVerify => parts!(template.part, "otp_email_verify"),
        Purpose::PasswordReset => parts!(template.part, "otp_password_reset"),
    }
}
