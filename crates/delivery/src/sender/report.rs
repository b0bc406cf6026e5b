//! What a provider reports about a message after it took it over: a delivery receipt.

use doorward_domain::{OutboxId, Timestamp};
pub use reqwest::header::HeaderMap;

/// A report as it arrived, not yet trusted.
#[derive(Debug, Clone, Copy)]
pub struct Report<'a> {
    /// Where it was sent to, as the provider was told.
    pub url: &'a str,
    /// The headers.
    pub headers: &'a HeaderMap,
    /// The body.
    pub body: &'a [u8],
    /// Which message the URL is about.
    pub message: OutboxId,
    /// Now.
    pub now: Timestamp,
}

impl Report<'_> {
    /// The one header of this name.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let mut all = self.headers.get_all(name).iter();
        match (all.next(), all.next()) {
            (Some(value), None) => value.to_str().ok(),
            _ => None,
        }
    }
}

/// The fewest digits of a phone number in E.164 that say whose it is.
const PHONE_DIGITS: usize = 7;

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is still on its way.
    OnItsWay,
    /// It arrived.
    Delivered,
    /// It did not arrive; another provider may be luckier.
    Failed,
    /// It did not arrive, and will through nobody: the recipient does not take it.
    Rejected,
}

/// A report that was proved to be the provider's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// What became of the message.
    pub fate: Fate,
    /// The provider's name for the message, where it says one.
    pub provider_id: Option<String>,
    /// The provider's code for what went wrong: at most 32 letters, digits, dots, `_` and `-`, and too
    /// few digits for a phone number, because it goes to the audit.
    pub code: Option<String>,
}

impl Said {
    /// With what went wrong; dropped when it is no short code, because a text may name somebody.
    pub(super) fn new(fate: Fate, provider_id: Option<String>, code: Option<String>) -> Self {
        let fit = |code: &String| {
            (1..=32).contains(&code.len())
                && code.bytes().filter(u8::is_ascii_digit).count() < PHONE_DIGITS
                && code
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
        };
        Self {
            fate,
            provider_id,
            code: code.filter(fit),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_names_nobody() {
        let code = |text: &str| Said::new(Fate::Failed, None, Some(text.to_owned())).code;
        for kept in ["30008", "absent-subscriber", "5.1.1", "E_123456"] {
            assert_eq!(code(kept).as_deref(), Some(kept));
        }
        for dropped in [
            "",
            "14155550123",
            "1-415-555-0123",
            "ada@example.com",
            "no such",
        ] {
            assert_eq!(code(dropped), None, "{dropped}");
        }
        assert_eq!(code(&"a".repeat(33)), None);
    }
}
