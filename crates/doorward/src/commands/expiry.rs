//! `--expires`: a span from now, or a point in time.

use doorward_domain::Timestamp;
use doorward_domain::time::plus_seconds;

use crate::Outcome;
use crate::failure::Failure;

/// Reads `90d`, `12h`, `30m` or an RFC 3339 time.
pub(super) fn parse(text: &str, now: Timestamp) -> Outcome<Timestamp> {
    let wrong = || {
        Failure::usage(format!(
            "--expires {text}: write 90d, 12h, 30m or a time such as 2027-01-01T00:00:00Z"
        ))
    };
    let span = [('d', 86_400), ('h', 3_600), ('m', 60)]
        .into_iter()
        .find_map(|(unit, seconds)| {
            let count: i64 = text.strip_suffix(unit)?.parse().ok()?;
            (count > 0).then(|| count.saturating_mul(seconds))
        });
    match span {
        Some(seconds) => Ok(plus_seconds(now, seconds)),
        None => text.parse().map_err(|_| wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_and_times() {
        let now: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        for (text, expected) in [
            ("90d", "2026-04-01T00:00:00Z"),
            ("12h", "2026-01-01T12:00:00Z"),
            ("30m", "2026-01-01T00:30:00Z"),
            ("2027-01-01T00:00:00Z", "2027-01-01T00:00:00Z"),
        ] {
            assert_eq!(
                parse(text, now).unwrap(),
                expected.parse().unwrap(),
                "{text}"
            );
        }
        for bad in ["", "d", "-1d", "0d", "90", "90y", "tomorrow", "1.5d"] {
            assert!(parse(bad, now).is_err(), "{bad}");
        }
    }
}
