//! What happened in an app on a day, as numbers.

mod sketch;

use crate::contact::Channel;
use crate::time::Timestamp;

pub use sketch::Sketch;

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Counted {
    /// Somebody signed in.
    SignIn,
    /// An attempt to sign in was refused.
    SignInFailure,
    /// A code was asked for by e-mail.
    CodeEmail,
    /// A code was asked for by SMS.
    CodeSms,
    /// A refresh token was exchanged.
    Refresh,
    /// An exchange was refused.
    RefreshFailure,
    /// A device was activated on a licence, or found activated.
    LicenseActivation,
    /// A licence was found good on a device.
    LicenseVerify,
    /// An activation or a verification was refused.
    LicenseFailure,
    /// A provider took an e-mail over.
    EmailAccepted,
    /// A provider reported that an e-mail arrived.
    EmailDelivered,
    /// An e-mail was given up, or reported as not delivered.
    EmailFailed,
    /// A provider took an SMS over.
    SmsAccepted,
    /// A provider reported that an SMS arrived.
    SmsDelivered,
    /// An SMS was given up, or reported as not delivered.
    SmsFailed,
}

impl Counted {
    /// How many kinds there are.
    pub const COUNT: usize = 15;

    /// Every one, in the order of the columns.
    pub const ALL: [Self; Self::COUNT] = [
        Self::SignIn,
        Self::SignInFailure,
        Self::CodeEmail,
        Self::CodeSms,
        Self::Refresh,
        Self::RefreshFailure,
        Self::LicenseActivation,
        Self::LicenseVerify,
        Self::LicenseFailure,
        Self::EmailAccepted,
        Self::EmailDelivered,
        Self::EmailFailed,
        Self::SmsAccepted,
        Self::SmsDelivered,
        Self::SmsFailed,
    ];

    /// A message that a provider took over.
    #[must_use]
    pub const fn accepted(channel: Channel) -> Self {
        match channel {
            Channel::Email => Self::EmailAccepted,
            Channel::Sms => Self::SmsAccepted,
        }
    }

    /// A message that arrived.
    #[must_use]
    pub const fn delivered(channel: Channel) -> Self {
        match channel {
            Channel::Email => Self::EmailDelivered,
            Channel::Sms => Self::SmsDelivered,
        }
    }

    /// A message that did not arrive.
    #[must_use]
    pub const fn undelivered(channel: Channel) -> Self {
        match channel {
            Channel::Email => Self::EmailFailed,
            Channel::Sms => Self::SmsFailed,
        }
    }

    /// As shown.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SignIn => "sign_ins",
            Self::SignInFailure => "sign_in_failures",
            Self::CodeEmail => "codes_email",
            Self::CodeSms => "codes_sms",
            Self::Refresh => "refreshes",
            Self::RefreshFailure => "refresh_failures",
            Self::LicenseActivation => "license_activations",
            Self::LicenseVerify => "license_verifies",
            Self::LicenseFailure => "license_failures",
            Self::EmailAccepted => "email_accepted",
            Self::EmailDelivered => "email_delivered",
            Self::EmailFailed => "email_failed",
            Self::SmsAccepted => "sms_accepted",
            Self::SmsDelivered => "sms_delivered",
            Self::SmsFailed => "sms_failed",
        }
    }
}

/// A number for each kind, in the order of [`Counted::ALL`].
pub type Counts = [i64; Counted::COUNT];

/// The day of a time, in days since 1970 (UTC).
#[must_use]
pub fn day_of(at: Timestamp) -> i64 {
    at.as_second().div_euclid(86_400)
}

/// A day as `2026-01-31`.
#[must_use]
pub fn show_day(day: i64) -> String {
    let start = Timestamp::from_second(day.saturating_mul(86_400)).unwrap_or(Timestamp::MAX);
    let mut text = start.to_string();
    text.truncate(10);
    text
}

/// Reads a day.
///
/// # Errors
/// What it looks like.
pub fn parse_day(text: &str) -> Result<i64, &'static str> {
    const RULE: &str = "Must be a day such as 2026-01-31";
    if text.len() != 10 {
        return Err(RULE);
    }
    let start: Timestamp = format!("{text}T00:00:00Z").parse().map_err(|_| RULE)?;
    Ok(day_of(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days() {
        for text in ["1970-01-01", "2026-01-31", "2028-02-29"] {
            assert_eq!(show_day(parse_day(text).unwrap()), text);
        }
        for bad in ["", "2026-02-30", "2026-1-31", "31.01.2026", "2026-01-31T"] {
            assert!(parse_day(bad).is_err(), "{bad}");
        }
        assert_eq!(
            day_of("2026-01-31T23:59:59Z".parse().unwrap()),
            parse_day("2026-01-31").unwrap()
        );
    }

    #[test]
    fn the_order_is_that_of_the_kinds() {
        for (index, kind) in Counted::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, index);
        }
    }
}
