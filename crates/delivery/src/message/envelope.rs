//! What is sealed in the outbox: the recipient and what the templates need to know.

use std::borrow::Cow;

use doorward_crypto::{Keyring, SealPurpose};
use doorward_domain::contact::{Channel, Contact};
use doorward_domain::otp::Purpose;
use doorward_domain::secret::SecretText;
use doorward_domain::{AppId, OutboxId, SecureRandom};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// A one-time code on its way to somebody.
#[derive(Debug, Clone)]
pub struct Otp<'a> {
    /// Recipient; decides the channel.
    pub to: &'a Contact,
    /// The app's name for people.
    pub app_name: &'a str,
    /// Language of the message (BCP 47).
    pub language: &'a str,
    /// What the code is for.
    pub purpose: Purpose,
    /// The code.
    pub code: &'a SecretText,
    /// Minutes the code lives, counted from now.
    pub valid_minutes: u32,
    /// Host name that the code is meant for: an SMS then ends in `@host #code`, and phones offer the
    /// code only there. Anything that is no host name is left out.
    pub domain: Option<&'a str>,
}

/// Room for the longest address, app name (each character escaped) and domain.
const PLAINTEXT_CAPACITY: usize = 2048;

/// What is sealed in the outbox.
#[derive(Debug, Clone)]
pub struct Envelope {
    pub(crate) to: Contact,
    pub(crate) app_name: String,
    pub(crate) language: String,
    pub(crate) purpose: Purpose,
    pub(crate) code: SecretText,
    pub(crate) valid_minutes: u32,
    pub(crate) domain: Option<String>,
}

/// Why a sealed message could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    /// Sealed by a key this node does not have, for another message, or altered.
    #[error("the sealed message does not open")]
    Open,
    /// Opened, but written in a form this program does not know (a newer node wrote it).
    #[error("the message is of a kind this version does not know")]
    Unknown,
}

/// The template's name in the outbox, e.g. `otp/LOGIN`.
#[must_use]
pub fn template_name(purpose: Purpose) -> String {
    format!("otp/{}", purpose.as_str())
}

impl Envelope {
    /// For a one-time code.
    #[must_use]
    pub fn new_otp(otp: &Otp<'_>) -> Self {
        Self {
            to: otp.to.clone(),
            app_name: otp.app_name.to_owned(),
            language: otp.language.to_owned(),
            purpose: otp.purpose,
            code: otp.code.clone(),
            valid_minutes: otp.valid_minutes,
            domain: otp
                .domain
                .filter(|domain| is_host_name(domain))
                .map(str::to_owned),
        }
    }

    /// The recipient.
    #[must_use]
    pub const fn to(&self) -> &Contact {
        &self.to
    }

    /// The same, for words that are in English.
    pub(crate) fn in_english(&self) -> Cow<'_, Self> {
        if self.language == "en" {
            return Cow::Borrowed(self);
        }
        Cow::Owned(Self {
            language: "en".to_owned(),
            ..self.clone()
        })
    }

    /// The template's name in the outbox.
    #[must_use]
    pub fn template(&self) -> String {
        template_name(self.purpose)
    }

    /// Seals it for one row of the outbox: it opens only under the same app and message id.
    #[must_use]
    pub fn seal(
        &self,
        keyring: &Keyring,
        app_id: AppId,
        id: OutboxId,
        random: &dyn SecureRandom,
    ) -> Vec<u8> {
        keyring.seal(
            SealPurpose::Outbox,
            &aad(app_id, id),
            &self.plaintext(),
            random,
        )
    }

    #[expect(
        clippy::expect_used,
        reason = "texts and a number always serialise into memory"
    )]
    fn plaintext(&self) -> Zeroizing<Vec<u8>> {
        let wire = Wire::Otp(WireOtp {
            channel: self.to.channel(),
            to: self.to.original().into(),
            app_name: self.app_name.as_str().into(),
            language: self.language.as_str().into(),
            purpose: self.purpose.as_str().into(),
            code: self.code.expose().into(),
            valid_minutes: self.valid_minutes,
            domain: self.domain.as_deref().map(Into::into),
        });
        // Large enough never to move: a buffer left behind by growing is not wiped.
        let mut plain = Zeroizing::new(Vec::with_capacity(PLAINTEXT_CAPACITY));
        serde_json::to_writer(&mut *plain, &wire).expect("texts and a number");
        plain
    }

    /// Opens it.
    ///
    /// # Errors
    /// [`EnvelopeError::Open`] or [`EnvelopeError::Unknown`].
    pub fn open(
        keyring: &Keyring,
        app_id: AppId,
        id: OutboxId,
        sealed: &[u8],
    ) -> Result<Self, EnvelopeError> {
        let plain = keyring
            .open(SealPurpose::Outbox, &aad(app_id, id), sealed)
            .map_err(|_| EnvelopeError::Open)?;
        let Wire::Otp(wire) = serde_json::from_slice(&plain).map_err(|_| EnvelopeError::Unknown)?;
        Ok(Self {
            to: Contact::from_stored(wire.channel, &wire.to).ok_or(EnvelopeError::Unknown)?,
            app_name: wire.app_name.into_owned(),
            language: wire.language.into_owned(),
            purpose: Purpose::parse(&wire.purpose).ok_or(EnvelopeError::Unknown)?,
            code: SecretText::new(wire.code),
            valid_minutes: wire.valid_minutes,
            domain: wire.domain.map(Cow::into_owned),
        })
    }
}

/// The form inside the seal. Nodes of two versions share one outbox: fields may be added (they are
/// ignored by the older), never renamed or removed.
#[derive(Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Wire<'a> {
    #[serde(borrow)]
    Otp(WireOtp<'a>),
}

#[derive(Serialize, Deserialize)]
struct WireOtp<'a> {
    channel: Channel,
    #[serde(borrow)]
    to: Cow<'a, str>,
    #[serde(borrow)]
    app_name: Cow<'a, str>,
    #[serde(borrow)]
    language: Cow<'a, str>,
    #[serde(borrow)]
    purpose: Cow<'a, str>,
    // Borrowed, so that the code is not copied into memory that nobody wipes.
    #[serde(borrow)]
    code: Cow<'a, str>,
    valid_minutes: u32,
    #[serde(borrow)]
    domain: Option<Cow<'a, str>>,
}

/// A sealed message that is moved to another row, or to another app's, does not open.
fn aad(app_id: AppId, id: OutboxId) -> [u8; 32] {
    let mut out = [0; 32];
    let (first, second) = out.split_at_mut(16);
    first.copy_from_slice(app_id.as_bytes());
    second.copy_from_slice(id.as_bytes());
    out
}

/// Letters, digits, dots and inner hyphens: what may follow the `@` without being able to add
/// anything else to the message.
fn is_host_name(text: &str) -> bool {
    text.len() <= 253
        && text.split('.').all(|label| {
            (1..=63).contains(&label.len())
                && label
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-')
                && !label.starts_with('-')
                && !label.ends_with('-')
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use doorward_crypto::MasterKey;
    use doorward_domain::OsRandom;

    #[test]
    fn sealed_for_one_row_only() {
        let keyring = Keyring::new(MasterKey::generate(&OsRandom), Vec::new());
        let id = |n: u128| OutboxId::from_uuid(uuid::Uuid::from_u128(n));
        let app = |n: u128| AppId::from_uuid(uuid::Uuid::from_u128(n));
        let envelope = Envelope::new_otp(&Otp {
            to: &Contact::from_stored(Channel::Email, "Ada@example.com").unwrap(),
            app_name: "J\"rg\u{1}\u{65e5}",
            language: "en",
            purpose: Purpose::PasswordReset,
            code: &SecretText::new("204060"),
            valid_minutes: 5,
            domain: Some("shop.example"),
        });
        let sealed = envelope.seal(&keyring, app(1), id(2), &OsRandom);
        let open = |app_id, id, sealed: &[u8]| Envelope::open(&keyring, app_id, id, sealed);

        let opened = open(app(1), id(2), &sealed).unwrap();
        assert_eq!(opened.to.original(), "Ada@example.com");
        assert_eq!(opened.app_name, envelope.app_name);
        assert_eq!(opened.purpose, Purpose::PasswordReset);
        assert_eq!(opened.code.expose(), "204060");
        assert_eq!(
            (opened.valid_minutes, opened.domain.as_deref()),
            (5, Some("shop.example"))
        );
        assert!(!sealed.windows(6).any(|part| part == b"204060"));
        assert!(!format!("{opened:?}").contains("204060"));

        assert_eq!(
            open(app(2), id(2), &sealed).unwrap_err(),
            EnvelopeError::Open
        );
        assert_eq!(
            open(app(1), id(3), &sealed).unwrap_err(),
            EnvelopeError::Open
        );
        assert_eq!(
            open(app(2), id(1), &sealed).unwrap_err(),
            EnvelopeError::Open
        );
        assert_eq!(open(app(1), id(2), b"").unwrap_err(), EnvelopeError::Open);
        let other = Keyring::new(MasterKey::generate(&OsRandom), Vec::new());
        assert!(Envelope::open(&other, app(1), id(2), &sealed).is_err());
    }

    #[test]
    fn forms_of_another_version() {
        let keyring = Keyring::new(MasterKey::generate(&OsRandom), Vec::new());
        let (app_id, id) = (
            AppId::from_uuid(uuid::Uuid::nil()),
            OutboxId::from_uuid(uuid::Uuid::nil()),
        );
        let open = |json: &str| {
            let sealed = keyring.seal(
                SealPurpose::Outbox,
                &aad(app_id, id),
                json.as_bytes(),
                &OsRandom,
            );
            Envelope::open(&keyring, app_id, id, &sealed)
        };
        let newer = r#"{"kind":"otp","channel":"sms","to":"+14155552671","app_name":"A","language":"en",
            "purpose":"LOGIN","code":"123456","valid_minutes":5,"domain":null,"added_later":[1]}"#;
        assert_eq!(open(newer).unwrap().to.original(), "+14155552671");
        for unknown in [
            r#"{"kind":"invitation","to":"a"}"#,
            "",
            "{}",
            &newer.replace("LOGIN", "NEW_PURPOSE"),
            &newer.replace("+14155552671", "nobody"),
        ] {
            assert_eq!(
                open(unknown).unwrap_err(),
                EnvelopeError::Unknown,
                "{unknown}"
            );
        }
    }

    #[test]
    fn only_host_names_follow_the_at_sign() {
        for good in ["example.com", "a.b-c.example", "localhost"] {
            assert!(is_host_name(good), "{good}");
        }
        for bad in ["", ".", "a..b", "-a.b", "a b", "a\nb", "a/b", "a#b", "a:1"] {
            assert!(!is_host_name(bad), "{bad:?}");
        }
    }
}
