//! Cursors: where a page of a list ended, as `next_cursor` writes it and `cursor` reads it.

use std::fmt;
use std::str::FromStr;

use doorward_domain::Timestamp;

/// A place in a list in the order of time: behind what happened then and has this id. It stands on its
/// own, so what it was taken from may be gone when the next page is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimeCursor {
    /// When.
    pub at: Timestamp,
    /// Which one of that moment: at most 64 letters, digits, `-` and `_`.
    pub id: String,
}

impl fmt::Display for TimeCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.at.as_microsecond(), self.id)
    }
}

impl FromStr for TimeCursor {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const WRONG: &str = "Must be the next_cursor of a former page";
        let (at, id) = text.split_once('.').ok_or(WRONG)?;
        let at = at.parse().ok().filter(|at: &i64| *at >= 0).ok_or(WRONG)?;
        let sound = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        if !(1..=64).contains(&id.len()) || !id.bytes().all(sound) {
            return Err(WRONG);
        }
        Ok(Self {
            at: Timestamp::from_microsecond(at).map_err(|_| WRONG)?,
            id: id.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_as_it_was_written() {
        for good in ["0.a", "1767225600000001.0190-a_B"] {
            assert_eq!(good.parse::<TimeCursor>().unwrap().to_string(), good);
        }
        for bad in [
            "",
            "1",
            "1.",
            ".a",
            "-1.a",
            "x.a",
            "1.a b",
            "1.\u{e4}",
            "9223372036854775807.a",
        ] {
            assert!(bad.parse::<TimeCursor>().is_err(), "{bad}");
        }
    }
}
