//! What text messages may cost: budgets, countries, and codes that nobody types in (SMS pumping).

mod settings;
mod usage;

pub use settings::{MAX_PREFIXES, PrefixBudget, SmsSettings};
pub use usage::{AlarmKind, OUTCOME_SHARDS, Periods, SLOT_SECONDS, SmsCounts, UsageUnit};

use crate::contact::PhoneNumber;

/// Whether a text is the beginning of numbers in E.164 form: `+` and 1 to 7 digits.
#[must_use]
pub fn is_prefix(text: &str) -> bool {
    text.strip_prefix('+').is_some_and(|digits| {
        (1..=7).contains(&digits.len())
            && !digits.starts_with('0')
            && digits.bytes().all(|b| b.is_ascii_digit())
    })
}

/// What messages to a number are counted under: the longest prefix that the app has set and the
/// number begins with, else the country's calling code.
#[must_use]
pub fn prefix_of(phone: &PhoneNumber, settings: &SmsSettings) -> String {
    let number = phone.as_str();
    settings
        .prefixes()
        .filter(|prefix| number.starts_with(prefix))
        .max_by_key(|prefix| prefix.len())
        .map_or_else(|| format!("+{}", phone.calling_code()), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes() {
        for good in ["+1", "+44", "+1876", "+9714567"] {
            assert!(is_prefix(good), "{good}");
        }
        for bad in ["", "+", "1", "+0", "+01", "+12345678", "+4 4", "++1", "+١"] {
            assert!(!is_prefix(bad), "{bad}");
        }
    }

    #[test]
    fn numbers_are_counted_under_the_longest_prefix() {
        let phone = |text: &str| PhoneNumber::parse(text).unwrap();
        let mut settings = SmsSettings::default();
        assert_eq!(prefix_of(&phone("+14155552671"), &settings), "+1");
        assert_eq!(prefix_of(&phone("+919876543210"), &settings), "+91");
        settings.countries = vec!["+91".to_owned(), "+1".to_owned()];
        settings.prefix_budgets = vec![PrefixBudget {
            prefix: "+1415".to_owned(),
            per_day: 5,
            per_month: 0,
        }];
        assert_eq!(prefix_of(&phone("+14155552671"), &settings), "+1415");
        assert_eq!(prefix_of(&phone("+12125552671"), &settings), "+1");
    }
}
