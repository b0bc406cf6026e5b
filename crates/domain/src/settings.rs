//! Everything that can be set per app.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::limit::LimitRule;
use crate::sms::{PrefixBudget, SmsSettings};

/// Everything that can be set per app. Absent fields of a stored document take their defaults, so
/// that a new setting needs no migration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AppSettings {
    /// Life of an access token in seconds (60 to 3,600).
    pub access_token_seconds: i64,
    /// Idle life of a session in seconds: a refresh moves its end (3,600 to 31,536,000).
    pub refresh_token_seconds: i64,
    /// Absolute life of a session in seconds (3,600 to 31,536,000).
    pub session_seconds: i64,
    /// Life of a one-time code in seconds (60 to 600; 63B §3.1.3.2: at most 10 minutes).
    pub otp_seconds: i64,
    /// Wrong attempts that lock a code for good (1 to 5).
    pub otp_attempts: i64,
    /// Life of the reset token that a PASSWORD_RESET code yields, in seconds (60 to 3,600).
    pub reset_token_seconds: i64,
    /// Whether LOGIN may create users.
    pub sign_up: bool,
    /// Whether codes may be sent by e-mail.
    pub otp_email: bool,
    /// Whether codes may be sent by SMS.
    pub otp_sms: bool,
    /// Language of messages (BCP 47).
    pub language: String,
    /// What licence keys begin with (2 to 12 of A-Z and 0-9); empty for one made of the slug.
    pub license_prefix: String,
    /// Life of a licence file in seconds, where the caller asks for none (300 to 31,536,000).
    pub license_file_seconds: i64,
    /// The longest life of a licence file that a caller may ask for, in seconds (as above).
    pub license_file_max_seconds: i64,
    /// Whether the holder of a licence may release the seat of a lost device himself.
    pub license_self_release: bool,
    /// Seconds until a seat released by the holder may be taken again (0 to 31,536,000), at the
    /// earliest: not before the device's last licence file has ended.
    pub license_release_cooling_seconds: i64,
    /// What text messages may cost.
    pub sms: SmsSettings,
    /// Limits.
    pub limits: AppLimits,
    /// Settings that a newer version of the program has written: kept as they are, so that nodes of
    /// two versions can share a database. What a caller sends is judged by [`AppSettings::patched`].
    #[serde(flatten)]
    pub later: BTreeMap<String, Value>,
}

/// Limits of an app. Each is "at most `max` in any `seconds`".
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AppLimits {
    /// Codes sent to one contact.
    pub otp_per_contact: LimitRule,
    /// Codes sent on behalf of one client address, where the app's backend names it.
    pub otp_per_address: LimitRule,
    /// Codes sent by the whole app.
    pub otp_per_app: LimitRule,
    /// Wrong codes for one contact, over all its requests (63B §3.2.2: a new code does not reset
    /// the count).
    pub otp_failures_per_contact: LimitRule,
    /// Devices that one key is tried on; and licence files of one device.
    pub license_per_key: LimitRule,
    /// Refused licence calls on behalf of one client address, where the app's backend names it.
    pub license_failures_per_address: LimitRule,
    /// Refused licence calls of the whole app.
    pub license_failures_per_app: LimitRule,
    /// Seats that the holder of one licence may release.
    pub license_releases: LimitRule,
    /// As [`AppSettings::later`].
    #[serde(flatten)]
    pub later: BTreeMap<String, Value>,
}

impl Default for AppSettings {
    fn default() -> Self {
        Self {
            access_token_seconds: 30 * 60,
            refresh_token_seconds: 30 * 24 * 3600,
            session_seconds: 365 * 24 * 3600,
            otp_seconds: 5 * 60,
            otp_attempts: 3,
            reset_token_seconds: 15 * 60,
            sign_up: true,
            otp_email: true,
            otp_sms: true,
            language: "en".to_owned(),
            license_prefix: String::new(),
            license_file_seconds: 7 * 24 * 3600,
            license_file_max_seconds: 90 * 24 * 3600,
            license_self_release: true,
            license_release_cooling_seconds: 24 * 3600,
            sms: SmsSettings::default(),
            limits: AppLimits::default(),
            later: BTreeMap::new(),
        }
    }
}

impl Default for AppLimits {
    fn default() -> Self {
        Self {
            otp_per_contact: LimitRule {
                max: 3,
                seconds: 600,
            },
            otp_per_address: LimitRule {
                max: 1_000,
                seconds: 600,
            },
            otp_per_app: LimitRule {
                max: 10_000,
                seconds: 600,
            },
            otp_failures_per_contact: LimitRule {
                max: 50,
                seconds: 24 * 3600,
            },
            license_per_key: LimitRule {
                max: 300,
                seconds: 3600,
            },
            license_failures_per_address: LimitRule {
                max: 60,
                seconds: 3600,
            },
            license_failures_per_app: LimitRule {
                max: 10_000,
                seconds: 600,
            },
            license_releases: LimitRule {
                max: 3,
                seconds: 7 * 24 * 3600,
            },
            later: BTreeMap::new(),
        }
    }
}

impl AppSettings {
    /// These settings with a patch applied (JSON merge patch, RFC 7396, except that `null` restores
    /// the default). Strict, unlike reading what is stored: a name that does not exist and a value
    /// of another kind are refused.
    ///
    /// # Errors
    /// Every field that is wrong, as (field, message).
    pub fn patched(&self, patch: &Map<String, Value>) -> Result<Self, Vec<(String, String)>> {
        let whole = |error: serde_json::Error| vec![("settings".to_owned(), error.to_string())];
        let defaults = serde_json::to_value(Self::default()).map_err(whole)?;
        let mut merged = serde_json::to_value(self).map_err(whole)?;
        let mut wrong = Vec::new();
        merge("settings", &defaults, &mut merged, patch, &mut wrong);
        // What is of the wrong kind was left out; all else is judged as well, so that every field that
        // is wrong is named at once.
        let settings: Self = match serde_json::from_value(merged) {
            Ok(settings) => settings,
            Err(error) if wrong.is_empty() => return Err(whole(error)),
            Err(_) => return Err(wrong),
        };
        for (field, message) in settings.problems() {
            let told = |(known, _): &(String, String)| {
                field
                    .strip_prefix(known.as_str())
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            };
            if !wrong.iter().any(told) {
                wrong.push((field.to_owned(), message));
            }
        }
        if wrong.is_empty() {
            Ok(settings)
        } else {
            Err(wrong)
        }
    }

    /// Every field that is out of range, as (field, message).
    #[must_use]
    pub fn problems(&self) -> Vec<(&'static str, String)> {
        let mut out = Vec::new();
        let mut range = |field, value: i64, low: i64, high: i64| {
            if !(low..=high).contains(&value) {
                out.push((field, format!("Must be between {low} and {high}")));
            }
        };
        range(
            "settings.access_token_seconds",
            self.access_token_seconds,
            60,
            3_600,
        );
        range(
            "settings.refresh_token_seconds",
            self.refresh_token_seconds,
            3_600,
            31_536_000,
        );
        range(
            "settings.session_seconds",
            self.session_seconds,
            3_600,
            31_536_000,
        );
        range("settings.otp_seconds", self.otp_seconds, 60, 600);
        range("settings.otp_attempts", self.otp_attempts, 1, 5);
        range(
            "settings.reset_token_seconds",
            self.reset_token_seconds,
            60,
            3_600,
        );
        range(
            "settings.license_file_seconds",
            self.license_file_seconds,
            300,
            31_536_000,
        );
        range(
            "settings.license_file_max_seconds",
            self.license_file_max_seconds,
            300,
            31_536_000,
        );
        range(
            "settings.license_release_cooling_seconds",
            self.license_release_cooling_seconds,
            0,
            31_536_000,
        );
        for (field, rule) in [
            (
                "settings.limits.otp_per_contact",
                self.limits.otp_per_contact,
            ),
            (
                "settings.limits.otp_per_address",
                self.limits.otp_per_address,
            ),
            ("settings.limits.otp_per_app", self.limits.otp_per_app),
            (
                "settings.limits.otp_failures_per_contact",
                self.limits.otp_failures_per_contact,
            ),
            (
                "settings.limits.license_per_key",
                self.limits.license_per_key,
            ),
            (
                "settings.limits.license_failures_per_address",
                self.limits.license_failures_per_address,
            ),
            (
                "settings.limits.license_failures_per_app",
                self.limits.license_failures_per_app,
            ),
            (
                "settings.limits.license_releases",
                self.limits.license_releases,
            ),
        ] {
            if !rule.is_sane() {
                out.push((
                    field,
                    "max must be between 1 and 1000000, seconds between 1 and 604800".to_owned(),
                ));
            }
        }
        if self.license_file_seconds > self.license_file_max_seconds {
            out.push((
                "settings.license_file_seconds",
                "Must not be longer than settings.license_file_max_seconds".to_owned(),
            ));
        }
        let prefix = &self.license_prefix;
        let prefix_ok = prefix.is_empty()
            || (2..=12).contains(&prefix.len())
                && prefix
                    .bytes()
                    .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
        if !prefix_ok {
            out.push((
                "settings.license_prefix",
                "Must be empty, or 2 to 12 characters of A-Z and 0-9".to_owned(),
            ));
        }
        out.extend(self.sms.problems());
        let language_ok = (2..=35).contains(&self.language.len())
            && self
                .language
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if !language_ok {
            out.push((
                "settings.language",
                "Must be a language tag (e.g. en or pt-BR)".to_owned(),
            ));
        }
        out
    }
}

/// What is wrong with a list; it is replaced as a whole.
fn list(field: &str, items: &[Value]) -> Option<&'static str> {
    let good = |item: &Value| match field {
        "settings.sms.prefix_budgets" => {
            serde_json::from_value::<PrefixBudget>(item.clone()).is_ok()
        }
        _ => item.is_string(),
    };
    if items.iter().all(good) {
        None
    } else if field == "settings.sms.prefix_budgets" {
        Some("Must be a list of objects with prefix, per_day and per_month")
    } else {
        Some("Must be a list of strings")
    }
}

/// What is wrong with a number of a limit, whose type holds less than the others'.
fn limit(place: &str, name: &str, number: Option<i64>) -> Option<&'static str> {
    let fits = number.is_some_and(|number| u32::try_from(number).is_ok());
    match name {
        _ if fits || !place.starts_with("settings.limits.") => None,
        "max" => Some("Must be between 1 and 1000000"),
        _ => Some("Must be between 1 and 604800"),
    }
}

fn merge(
    place: &str,
    defaults: &Value,
    target: &mut Value,
    patch: &Map<String, Value>,
    wrong: &mut Vec<(String, String)>,
) {
    for (name, given) in patch {
        let field = format!("{place}.{name}");
        let (Some(default), Some(slot)) = (defaults.get(name), target.get_mut(name)) else {
            let there = defaults.as_object().into_iter().flat_map(Map::keys);
            let there: Vec<&str> = there.map(String::as_str).collect();
            let message = format!("There is no such setting; there are {}", there.join(", "));
            wrong.push((field, message));
            continue;
        };
        let kind = match (default, given) {
            (_, Value::Null) => {
                *slot = default.clone();
                continue;
            }
            (Value::Object(_), Value::Object(inner)) => {
                merge(&field, default, slot, inner, wrong);
                continue;
            }
            (Value::Bool(_), Value::Bool(_)) | (Value::String(_), Value::String(_)) => None,
            (Value::Number(_), Value::Number(number)) if number.is_i64() => {
                limit(place, name, number.as_i64())
            }
            (Value::Array(_), Value::Array(items)) => list(&field, items),
            (Value::Array(_), _) => Some("Must be a list"),
            (Value::Object(_), _) => Some("Must be an object"),
            (Value::Bool(_), _) => Some("Must be true or false"),
            (Value::Number(_), _) => Some("Must be a whole number"),
            _ => Some("Must be text"),
        };
        match kind {
            Some(message) => wrong.push((field, message.to_owned())),
            None => *slot = given.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patch_is_strict_and_what_is_stored_is_not() {
        let stored = r#"{"otp_seconds": 120, "passkeys": true, "limits": {"per_galaxy": 1}}"#;
        let newer: AppSettings = serde_json::from_str(stored).unwrap();
        let patch = |text: &str| serde_json::from_str::<Map<String, Value>>(text).unwrap();
        let kept = newer.patched(&patch(r#"{"sign_up": false}"#)).unwrap();
        let written = serde_json::to_value(&kept).unwrap();
        assert_eq!(
            (&written["passkeys"], &written["limits"]["per_galaxy"]),
            (&true.into(), &1.into())
        );
        let wrong = newer
            .patched(&patch(
                r#"{"nonsense": 1, "sign_up": "no", "otp_seconds": {"a": 1}, "limits": 3,
                    "language": 5}"#,
            ))
            .unwrap_err();
        let fields: Vec<_> = wrong.iter().map(|(field, _)| field.as_str()).collect();
        assert_eq!(fields.len(), 5, "{fields:?}");
        // What is unknown, of another kind and out of range, all at once.
        let wrong = newer
            .patched(&patch(
                r#"{"nope": 1, "otp_seconds": -1, "sms": {"countries": ["91"], "x": 1},
                    "limits": {"otp_per_app": {"max": -1, "seconds": "a"},
                               "otp_per_contact": {"max": 0}}}"#,
            ))
            .unwrap_err();
        let mut fields: Vec<_> = wrong.iter().map(|(field, _)| field.as_str()).collect();
        fields.sort_unstable();
        assert_eq!(
            fields,
            [
                "settings.limits.otp_per_app.max",
                "settings.limits.otp_per_app.seconds",
                "settings.limits.otp_per_contact",
                "settings.nope",
                "settings.otp_seconds",
                "settings.sms.countries",
                "settings.sms.x",
            ]
        );
        let (_, nope) = wrong
            .iter()
            .find(|(field, _)| field == "settings.nope")
            .unwrap();
        assert!(
            nope.contains("otp_attempts") && nope.contains("limits"),
            "{nope}"
        );
        let reset = newer.patched(&patch(r#"{"otp_seconds": null}"#)).unwrap();
        assert_eq!(reset.otp_seconds, 300);
        let half = r#"{"limits": {"otp_per_contact": {"max": 9, "seconds": null}}}"#;
        assert_eq!(
            newer
                .patched(&patch(half))
                .unwrap()
                .limits
                .otp_per_contact
                .seconds,
            600
        );
        assert!(
            newer
                .patched(&patch(r#"{"limits": {"otp_per_app": {"max": -1}}}"#))
                .is_err()
        );
        let sms = r#"{"sms": {"countries": ["+91"], "per_day": 5,
                      "prefix_budgets": [{"prefix": "+1", "per_day": 3}]}}"#;
        let set = newer.patched(&patch(sms)).unwrap();
        assert!(set.sms.permits("+919876543210") && !set.sms.permits("+14155552671"));
        assert_eq!(set.sms.budget_of("+1").unwrap().per_day, 3);
        let emptied = set
            .patched(&patch(r#"{"sms": {"countries": null}}"#))
            .unwrap();
        assert!(emptied.sms.countries.is_empty() && emptied.sms.per_day == 5);
        for (bad, field) in [
            (r#"{"sms": {"countries": [1]}}"#, "settings.sms.countries"),
            (r#"{"sms": {"countries": "+91"}}"#, "settings.sms.countries"),
            (
                r#"{"sms": {"countries": ["91"]}}"#,
                "settings.sms.countries",
            ),
            (
                r#"{"sms": {"prefix_budgets": [{"prefx": "+1"}]}}"#,
                "settings.sms.prefix_budgets",
            ),
            (
                r#"{"sms": {"prefix_budgets": [{"prefix": "+1"}, {"prefix": "+1"}]}}"#,
                "settings.sms.prefix_budgets",
            ),
            (r#"{"sms": {"per_day": -1}}"#, "settings.sms.per_day"),
            (
                r#"{"sms": {"pumping_window_seconds": 1}}"#,
                "settings.sms.pumping_window_seconds",
            ),
            (
                r#"{"sms": {"pumping_min_sends": 3}}"#,
                "settings.sms.pumping_min_sends",
            ),
        ] {
            let wrong = newer.patched(&patch(bad)).unwrap_err();
            assert_eq!(wrong[0].0, field, "{bad}");
        }
        assert!(newer.patched(&patch(r#"{"otp_seconds": 5}"#)).is_err());
    }

    #[test]
    fn settings_default_is_sane_and_old_documents_load() {
        assert!(AppSettings::default().problems().is_empty());
        let old: AppSettings = serde_json::from_str(r#"{"otp_seconds": 120}"#).unwrap();
        assert_eq!(old.otp_seconds, 120);
        assert_eq!(old.access_token_seconds, 1800);
    }

    #[test]
    fn settings_name_every_bad_field() {
        let bad = AppSettings {
            otp_seconds: 0,
            otp_attempts: 99,
            ..AppSettings::default()
        };
        let fields: Vec<_> = bad.problems().into_iter().map(|(field, _)| field).collect();
        assert_eq!(fields, ["settings.otp_seconds", "settings.otp_attempts"]);
    }
}
