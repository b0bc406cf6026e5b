//! What a licence entitles its holder to.

use serde_json::Value;

/// The largest number that every JSON reader keeps exactly (2^53 - 1).
const MAX_NUMBER: i64 = 9_007_199_254_740_991;

/// One named entitlement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entitlement {
    /// A feature that is there or not.
    Feature(bool),
    /// How many: 0 to 2^53 - 1.
    Number(i64),
}

impl Entitlement {
    /// Whether it grants anything: a feature that is on, a number above 0.
    #[must_use]
    pub const fn is_granted(self) -> bool {
        match self {
            Self::Feature(on) => on,
            Self::Number(number) => number > 0,
        }
    }

    /// How many, where it is a number.
    #[must_use]
    pub const fn number(self) -> Option<i64> {
        match self {
            Self::Feature(_) => None,
            Self::Number(number) => Some(number),
        }
    }

    pub(crate) fn read(value: &Value) -> Option<Self> {
        match value {
            Value::Bool(on) => Some(Self::Feature(*on)),
            Value::Number(number) => number
                .as_i64()
                .filter(|number| (0..=MAX_NUMBER).contains(number))
                .map(Self::Number),
            _ => None,
        }
    }
}
