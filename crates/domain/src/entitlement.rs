//! What a licence entitles its holder to: named features and numbers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::role::is_word;

/// Entitlements of one licence, at most.
pub const MAX_ENTITLEMENTS: usize = 50;

/// One entitlement's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Entitlement {
    /// A feature that is there or not.
    Feature(bool),
    /// How many (0 to 2^53 - 1, which every JSON reader keeps exactly).
    Number(i64),
}

/// Named features and numbers, e.g. `{"export": true, "projects": 20}`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Entitlements(BTreeMap<String, Entitlement>);

impl Entitlements {
    /// What a name looks like, for people.
    pub const NAME_RULE: &'static str =
        "Names are 1 to 64 characters of a-z, 0-9, _, -, . and :, starting with a letter";

    /// Reads what a caller sent.
    ///
    /// # Errors
    /// What is wrong with it, naming the entitlement.
    pub fn parse(value: &Value) -> Result<Self, String> {
        let object = value
            .as_object()
            .ok_or("Must be an object of names to true, false or whole numbers")?;
        if object.len() > MAX_ENTITLEMENTS {
            return Err(format!("Must have at most {MAX_ENTITLEMENTS} entries"));
        }
        let mut out = BTreeMap::new();
        for (name, value) in object {
            if !(1..=64).contains(&name.len()) || !is_word(name, b"_-.:") {
                return Err(Self::NAME_RULE.to_owned());
            }
            let entitlement = match value {
                Value::Bool(on) => Entitlement::Feature(*on),
                Value::Number(number) => number
                    .as_i64()
                    .filter(|n| (0..=9_007_199_254_740_991).contains(n))
                    .map(Entitlement::Number)
                    .ok_or_else(|| {
                        format!("{name} must be a whole number from 0 to 9007199254740991")
                    })?,
                _ => return Err(format!("{name} must be true, false or a whole number")),
            };
            out.insert(name.clone(), entitlement);
        }
        Ok(Self(out))
    }

    /// From the stored form.
    ///
    /// # Errors
    /// When it is none.
    pub fn from_stored(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }

    /// The stored form.
    #[must_use]
    pub fn to_stored(&self) -> String {
        serde_json::to_string(self).unwrap_or_else(|_| "{}".to_owned())
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Entitlement)> {
        self.0.iter().map(|(name, value)| (name.as_str(), *value))
    }

    /// Adds those of another licence of the same holder: a feature counts when either has it, of
    /// two numbers the larger one; a number is more than a bare feature.
    pub fn join(&mut self, other: Self) {
        for (name, new) in other.0 {
            let joined = match (self.0.get(&name).copied(), new) {
                (Some(Entitlement::Feature(a)), Entitlement::Feature(b)) => {
                    Entitlement::Feature(a || b)
                }
                (Some(Entitlement::Number(a)), Entitlement::Number(b)) => {
                    Entitlement::Number(a.max(b))
                }
                (Some(number @ Entitlement::Number(_)), Entitlement::Feature(_)) => number,
                (_, new) => new,
            };
            self.0.insert(name, joined);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_accepted() {
        let good = Entitlements::parse(&json!({"export": true, "seats": 20, "sso": false}));
        assert_eq!(
            good.unwrap().to_stored(),
            r#"{"export":true,"seats":20,"sso":false}"#
        );
        let many: serde_json::Map<_, _> = (0..51).map(|n| (format!("e{n}"), json!(true))).collect();
        for bad in [
            json!(null),
            json!([]),
            json!({"Export": true}),
            json!({"": true}),
            json!({"a": "text"}),
            json!({"a": -1}),
            json!({"a": 1.5}),
            json!({"a": 9_007_199_254_740_992_i64}),
            json!({"a": null}),
            json!(many),
        ] {
            assert!(Entitlements::parse(&bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_better_of_two_licences_counts() {
        let parse = |value| Entitlements::parse(&value).unwrap();
        let mut first = parse(json!({"a": false, "n": 5, "both": true, "mixed": 3}));
        first.join(parse(
            json!({"a": true, "n": 2, "new": 1, "both": false, "mixed": true}),
        ));
        assert_eq!(
            first,
            parse(json!({"a": true, "n": 5, "both": true, "mixed": 3, "new": 1}))
        );
    }
}
