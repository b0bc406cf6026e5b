//! What an app may say in its own words: names of messages, languages, and the few constructs that
//! a template consists of.
//!
//! A template is data of an app and is read as such (ASVS 1.3.7): it names variables and asks simple
//! questions about them. There are no loops, calls, filters, assignments or concatenations, so no
//! template can grow, spin, or switch the escaping off. What stands here is therefore stricter than
//! the engine that renders it.

mod check;
mod html;
mod language;

pub use check::{TemplateFault, check};
pub use html::check_html;
pub use language::Language;

use crate::contact::Channel;
use crate::otp::Purpose;
use crate::time::Timestamp;

/// Variables of every message: `app_name`, `code`, `minutes` (that the code lives), `domain` (the
/// host the code is for, often none) and `language` (of the template).
pub const VARIABLES: [&str; 5] = ["app_name", "code", "minutes", "domain", "language"];

/// Most templates of one app: four messages by two channels in eight languages.
pub const MAX_TEMPLATES: usize = 64;

/// A message that an app can word itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct MessageName(Purpose);

impl MessageName {
    /// Every message.
    pub const ALL: [Self; 4] = [
        Self(Purpose::Login),
        Self(Purpose::EmailVerify),
        Self(Purpose::PhoneChange),
        Self(Purpose::PasswordReset),
    ];

    /// The message that carries a code for `purpose`.
    #[must_use]
    pub const fn of(purpose: Purpose) -> Self {
        Self(purpose)
    }

    /// What the code inside is for.
    #[must_use]
    pub const fn purpose(self) -> Purpose {
        self.0
    }

    /// As stored and as shown.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self.0 {
            Purpose::Login => "otp_login",
            Purpose::EmailVerify => "otp_email_verify",
            Purpose::PhoneChange => "otp_phone_change",
            Purpose::PasswordReset => "otp_password_reset",
        }
    }

    /// Reads one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|name| name.as_str() == text)
    }
}

/// Names one template of an app.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TemplateKey {
    /// Which message.
    pub name: MessageName,
    /// In which language.
    pub language: Language,
    /// How it travels.
    pub channel: Channel,
}

/// The words of one message. Of an SMS there is only the text.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Words {
    /// Subject line of an e-mail, at most [`Words::SUBJECT_MAX`] bytes.
    pub subject: Option<String>,
    /// Plain text, at most [`Words::TEXT_MAX`] bytes.
    pub text: String,
    /// HTML of an e-mail, at most [`Words::HTML_MAX`] bytes.
    pub html: Option<String>,
}

impl Words {
    /// Longest subject template, in bytes.
    pub const SUBJECT_MAX: usize = 500;
    /// Longest text template, in bytes.
    pub const TEXT_MAX: usize = 8 * 1024;
    /// Longest HTML template, in bytes.
    pub const HTML_MAX: usize = 24 * 1024;
}

/// A template of an app as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredTemplate {
    /// Which one.
    pub key: TemplateKey,
    /// Its words.
    pub words: Words,
    /// The app's version when it was written: grows with every change, never comes back.
    pub version: i64,
    /// Last change.
    pub updated_at: Timestamp,
}
