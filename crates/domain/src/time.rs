//! Points in time: microseconds in UTC, because that is what both engines store exactly.

pub use jiff::Timestamp;

/// Cuts a timestamp to whole microseconds, the resolution both engines keep.
#[must_use]
pub fn to_micros(at: Timestamp) -> Timestamp {
    Timestamp::from_microsecond(at.as_microsecond()).unwrap_or(at)
}

/// ISO 8601 in UTC with milliseconds and `Z`, the form of every timestamp on the wire.
#[must_use]
pub fn iso(at: Timestamp) -> String {
    format!("{at:.3}")
}

/// `at` plus whole seconds, saturating at the calendar's ends.
#[must_use]
pub fn plus_seconds(at: Timestamp, seconds: i64) -> Timestamp {
    at.checked_add(jiff::SignedDuration::from_secs(seconds))
        .unwrap_or(if seconds < 0 {
            Timestamp::MIN
        } else {
            Timestamp::MAX
        })
}

/// Whole seconds from `now` until `then`, rounded up, at least `floor`.
#[must_use]
pub fn seconds_until(now: Timestamp, then: Timestamp, floor: i64) -> i64 {
    let micros = then.as_microsecond().saturating_sub(now.as_microsecond());
    micros
        .div_euclid(1_000_000)
        .saturating_add(i64::from(micros.rem_euclid(1_000_000) > 0))
        .max(floor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn iso_has_three_digits_and_z() {
        let at: Timestamp = "2026-01-02T03:04:05.6789Z".parse().unwrap();
        assert_eq!(iso(at), "2026-01-02T03:04:05.678Z");
        let whole: Timestamp = "2026-01-02T03:04:05Z".parse().unwrap();
        assert_eq!(iso(whole), "2026-01-02T03:04:05.000Z");
    }

    #[test]
    fn seconds_are_rounded_up_and_floored() {
        let now: Timestamp = "2026-01-02T03:04:05Z".parse().unwrap();
        let then: Timestamp = "2026-01-02T03:04:06.2Z".parse().unwrap();
        assert_eq!(seconds_until(now, then, 1), 2);
        assert_eq!(seconds_until(then, now, 1), 1);
    }
}
