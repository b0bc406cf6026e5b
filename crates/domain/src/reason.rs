//! Why something dangerous is done, in the words of whoever does it.

use crate::contact::{EmailAddress, PhoneNumber};

/// A reason: 3 to 500 characters on one line. It stays in the audit for good, so it names nobody by
/// an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason(String);

impl Reason {
    /// Longest reason, in characters.
    pub const MAX_CHARS: usize = 500;
    const MIN_CHARS: usize = 3;

    /// Parses a reason; white space around it is dropped.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let text = text.trim();
        let length = text.chars().count();
        if !(Self::MIN_CHARS..=Self::MAX_CHARS).contains(&length) {
            return Err("Must be 3 to 500 characters");
        }
        if text.contains(char::is_control) {
            return Err("Must be one line without control characters");
        }
        let edge = |c: char| !c.is_alphanumeric() && c != '+';
        let names_somebody = text.split_whitespace().any(|word| {
            let word = word.trim_matches(edge);
            EmailAddress::parse(word).is_ok() || PhoneNumber::parse(word).is_ok()
        });
        if names_somebody {
            return Err(
                "Must not contain an e-mail address or phone number: it stays in the audit for good",
            );
        }
        Ok(Self(text.to_owned()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons() {
        for good in ["key", " Ticket 4711 ", "Büro geschlossen; siehe #12"] {
            assert_eq!(Reason::parse(good).unwrap().as_str(), good.trim());
        }
        for bad in [
            "",
            "  a ",
            "a\nb c",
            "asked by ada@example.com.",
            "call (+919876543210)",
        ] {
            assert!(Reason::parse(bad).is_err(), "{bad:?}");
        }
        assert!(Reason::parse(&"x".repeat(500)).is_ok());
        assert!(Reason::parse(&"x".repeat(501)).is_err());
    }
}
