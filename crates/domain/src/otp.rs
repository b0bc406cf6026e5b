//! One-time codes: purposes, numbers and the verdict on an attempt.

use crate::code::Code;
use crate::random::{SecureRandom, below};
use crate::secret::SecretText;
use crate::time::Timestamp;

/// What a code is asked for. It is required, and verified with the same value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// Sign in, or up.
    Login,
    /// Set a new phone number on a known user.
    PhoneChange,
    /// Set or confirm the e-mail address of a known user.
    EmailVerify,
    /// Get a one-use token that allows a new password.
    PasswordReset,
}

impl Purpose {
    /// Every purpose.
    pub const ALL: [Self; 4] = [
        Self::Login,
        Self::PhoneChange,
        Self::EmailVerify,
        Self::PasswordReset,
    ];

    /// As on the wire and in the store.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Login => "LOGIN",
            Self::PhoneChange => "PHONE_CHANGE",
            Self::EmailVerify => "EMAIL_VERIFY",
            Self::PasswordReset => "PASSWORD_RESET",
        }
    }

    /// From the wire or the store.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|purpose| purpose.as_str() == text)
    }
}

/// Digits of a code (63B §3.1.3.2: at least 20 bits, i.e. 6 digits).
pub const DIGITS: usize = 6;

/// A fresh code: six decimal digits, uniformly distributed.
#[must_use]
pub fn generate(random: &dyn SecureRandom) -> SecretText {
    SecretText::new(format!("{:06}", below(random, 1_000_000)))
}

/// Whether a text can be a code at all.
#[must_use]
pub fn is_well_formed(text: &str) -> bool {
    text.len() == DIGITS && text.bytes().all(|b| b.is_ascii_digit())
}

/// What is known of a request when an attempt could not be accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Verified before.
    pub used: bool,
    /// Locked by wrong attempts.
    pub locked: bool,
    /// Replaced by a newer code.
    pub voided: bool,
    /// End of life.
    pub expires_at: Timestamp,
    /// The purpose it was requested for.
    pub purpose: Purpose,
}

/// Why a request cannot be verified, in the fixed order: purpose, used, locked, expired.
/// `None`: it is live, so the code decides.
///
/// A voided code answers as an expired one: the remedy (use or request the newer one) is the same.
#[must_use]
pub fn refusal(standing: &Standing, purpose: Purpose, now: Timestamp) -> Option<Code> {
    if standing.purpose != purpose {
        Some(Code::OtpWrongPurpose)
    } else if standing.used {
        Some(Code::OtpAlreadyUsed)
    } else if standing.locked {
        Some(Code::OtpLocked)
    } else if standing.voided || standing.expires_at <= now {
        Some(Code::OtpExpired)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::OsRandom;

    #[test]
    fn codes_are_six_digits() {
        for _ in 0..1000 {
            assert!(is_well_formed(generate(&OsRandom).expose()));
        }
        for bad in ["", "12345", "1234567", "12345a", "١٢٣", " 12345"] {
            assert!(!is_well_formed(bad), "{bad}");
        }
    }

    #[test]
    fn order_of_refusals() {
        let now: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let mut all = Standing {
            used: true,
            locked: true,
            voided: true,
            expires_at: now,
            purpose: Purpose::Login,
        };
        assert_eq!(
            refusal(&all, Purpose::EmailVerify, now),
            Some(Code::OtpWrongPurpose)
        );
        assert_eq!(
            refusal(&all, Purpose::Login, now),
            Some(Code::OtpAlreadyUsed)
        );
        all.used = false;
        assert_eq!(refusal(&all, Purpose::Login, now), Some(Code::OtpLocked));
        all.locked = false;
        assert_eq!(refusal(&all, Purpose::Login, now), Some(Code::OtpExpired));
        all.voided = false;
        assert_eq!(refusal(&all, Purpose::Login, now), Some(Code::OtpExpired));
        all.expires_at = crate::time::plus_seconds(now, 1);
        assert_eq!(refusal(&all, Purpose::Login, now), None);
    }
}
