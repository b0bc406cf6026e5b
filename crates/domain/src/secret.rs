//! Secrets as types that do not print, and how the high-entropy ones look.

use secrecy::{ExposeSecret, SecretBox};
use subtle::ConstantTimeEq;

use crate::random::SecureRandom;

/// A secret text (one-time code, app secret, token). `Debug` shows `[redacted]`; there is no `Display`.
#[derive(Clone)]
pub struct SecretText(SecretBox<str>);

impl SecretText {
    /// Takes the text over.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(SecretBox::new(text.into().into_boxed_str()))
    }

    /// The text itself. Every use of this method is a place to look at in a review.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl std::fmt::Debug for SecretText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[redacted]")
    }
}

/// Compares two byte strings in time that depends on their lengths only.
#[must_use]
pub fn constant_time_eq(a: &[u8], b: &[u8]) -> bool {
    a.ct_eq(b).into()
}

/// An app's secret: 32 random bytes as 64 lower-case hex characters.
#[derive(Debug, Clone)]
pub struct AppSecret(SecretText);

impl AppSecret {
    /// Length on the wire, in characters.
    pub const LEN: usize = 64;

    /// A new one.
    #[must_use]
    pub fn generate(random: &dyn SecureRandom) -> Self {
        Self(SecretText::new(hex(&random.bytes::<32>())))
    }

    /// Reads one. `None` unless it is 64 hex characters (upper case is accepted and lowered).
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        (text.len() == Self::LEN && text.bytes().all(|b| b.is_ascii_hexdigit()))
            .then(|| Self(SecretText::new(text.to_ascii_lowercase())))
    }

    /// The secret itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose()
    }
}

/// Lower-case hex.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .map(|nibble| char::from(DIGITS.get(usize::from(nibble)).copied().unwrap_or(b'0')))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::OsRandom;

    #[test]
    fn app_secret_shape_and_silence() {
        let secret = AppSecret::generate(&OsRandom);
        assert_eq!(secret.expose().len(), 64);
        assert!(AppSecret::parse(secret.expose()).is_some());
        assert!(!format!("{secret:?}").contains(secret.expose()));
        assert!(AppSecret::parse(&"g".repeat(64)).is_none());
        assert!(AppSecret::parse(&"a".repeat(63)).is_none());
        assert_eq!(hex(&[0, 171, 255]), "00abff");
    }
}
