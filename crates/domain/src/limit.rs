//! Rate limits as pure functions over a small stored state.
//!
//! Up to [`LOG_MAX`] events per window the state is the exact log of their times, so "3 in any
//! 10 minutes" is meant literally. Above that it is two counters (this window and the one before,
//! weighted by overlap), which keeps the state at 24 bytes.

use serde::{Deserialize, Serialize};

use crate::time::{Timestamp, seconds_until};

/// Largest `max` that is kept as an exact log.
pub const LOG_MAX: u32 = 64;

/// "At most `max` in any `seconds`."
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LimitRule {
    /// Events (1 to 1,000,000).
    pub max: u32,
    /// Length of the window in seconds (1 to 604,800).
    pub seconds: u32,
}

impl LimitRule {
    /// Whether both numbers are in range.
    #[must_use]
    pub const fn is_sane(&self) -> bool {
        self.max >= 1 && self.max <= 1_000_000 && self.seconds >= 1 && self.seconds <= 604_800
    }

    const fn window_micros(&self) -> i64 {
        self.seconds as i64 * 1_000_000
    }
}

/// The decision on one event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Within the limit; store this state.
    Allowed {
        /// The state that includes the event.
        state: Vec<u8>,
        /// After this the state says nothing any more and can be deleted.
        forget_at: Timestamp,
        /// When the next event would be allowed: `now` unless this one used the last place.
        next_at: Timestamp,
    },
    /// Over the limit; the state stays as it is.
    Refused {
        /// Seconds until one more would be allowed, at least 1.
        retry_after: i64,
    },
}

/// Judges one more event at `now`, given the stored state (empty when there is none).
///
/// A state that does not parse counts as empty: it can only come from a changed rule.
#[must_use]
pub fn hit(rule: LimitRule, state: &[u8], now: Timestamp) -> Decision {
    if rule.max <= LOG_MAX {
        hit_log(rule, state, now)
    } else {
        hit_counters(rule, state, now)
    }
}

/// Seconds until one more event would be allowed, without counting one; 0 when it is now.
#[must_use]
pub fn wait(rule: LimitRule, state: &[u8], now: Timestamp) -> i64 {
    match hit(rule, state, now) {
        Decision::Allowed { .. } => 0,
        Decision::Refused { retry_after } => retry_after,
    }
}

/// How many events count at `now`, given the stored state: those of the window, of a large limit an
/// estimate.
#[must_use]
pub fn used(rule: LimitRule, state: &[u8], now: Timestamp) -> u32 {
    let (window, now_us) = (rule.window_micros(), now.as_microsecond());
    let count = if rule.max <= LOG_MAX {
        let times = numbers(LOG, state).into_iter();
        let live = times.filter(|time| time.saturating_add(window) > now_us);
        i64::try_from(live.count()).unwrap_or(i64::MAX)
    } else {
        match numbers(COUNTERS, state).as_slice() {
            [start, current, previous] => {
                let elapsed = now_us.saturating_sub(*start);
                // Of the window before, the share that the sliding window still covers.
                let share = |count: i64, left: i64| {
                    let part = i128::from(count.max(0)) * i128::from(left.clamp(0, window));
                    i64::try_from(part / i128::from(window)).unwrap_or(i64::MAX)
                };
                if elapsed < window {
                    current.saturating_add(share(*previous, window - elapsed))
                } else {
                    share(*current, 2 * window - elapsed)
                }
            }
            _ => 0,
        }
    };
    u32::try_from(count.max(0)).unwrap_or(u32::MAX)
}

const LOG: u8 = 1;
const COUNTERS: u8 = 2;

fn numbers(tag: u8, state: &[u8]) -> Vec<i64> {
    match state.split_first() {
        Some((first, rest)) if *first == tag && rest.len() % 8 == 0 => rest
            .chunks_exact(8)
            .map(|chunk| i64::from_le_bytes(chunk.try_into().unwrap_or_default()))
            .collect(),
        _ => Vec::new(),
    }
}

fn encode(tag: u8, numbers: &[i64]) -> Vec<u8> {
    let mut out = Vec::with_capacity(1 + numbers.len() * 8);
    out.push(tag);
    for number in numbers {
        out.extend_from_slice(&number.to_le_bytes());
    }
    out
}

fn at(micros: i64) -> Timestamp {
    Timestamp::from_microsecond(micros).unwrap_or(Timestamp::MAX)
}

fn hit_log(rule: LimitRule, state: &[u8], now: Timestamp) -> Decision {
    let (window, now_us) = (rule.window_micros(), now.as_microsecond());
    let mut times = numbers(LOG, state);
    times.retain(|time| time.saturating_add(window) > now_us);
    times.sort_unstable();
    let max = usize::try_from(rule.max).unwrap_or(usize::MAX);
    // The event that must leave the window before one more fits.
    let blocking = |times: &[i64]| {
        times
            .len()
            .checked_sub(max)
            .and_then(|index| times.get(index))
            .map(|t| at(t + window))
    };
    if let Some(free_at) = blocking(&times) {
        return Decision::Refused {
            retry_after: seconds_until(now, free_at, 1),
        };
    }
    times.push(now_us);
    Decision::Allowed {
        next_at: blocking(&times).unwrap_or(now),
        forget_at: at(now_us.saturating_add(window)),
        state: encode(LOG, &times),
    }
}

fn hit_counters(rule: LimitRule, state: &[u8], now: Timestamp) -> Decision {
    let (window, mut now_us) = (rule.window_micros(), now.as_microsecond());
    let stored = numbers(COUNTERS, state);
    // A node whose clock is a little behind counts in the window that another has begun: as if it
    // knew no window, the two would take turns in starting anew.
    if let Some(begun) = stored.first()
        && (1..=window).contains(&begun.saturating_sub(now_us))
    {
        now_us = *begun;
    }
    let start = now_us - now_us.rem_euclid(window);
    let (mut current, mut previous) = match stored.as_slice() {
        [stored, current, previous] if *stored == start => (*current, *previous),
        [stored, current, _] if *stored == start - window => (0, *current),
        _ => (0, 0),
    };
    (current, previous) = (current.max(0), previous.max(0));
    let max = i64::from(rule.max);
    // The former window counts for the share of it that the sliding window still covers.
    let weighted = |current: i64, elapsed: i64| {
        i128::from(current) * i128::from(window)
            + i128::from(previous) * i128::from(window - elapsed)
    };
    let limit = i128::from(max) * i128::from(window);
    let elapsed = now_us - start;
    if weighted(current, elapsed) + i128::from(window) > limit {
        let free_at = if current < max && previous > 0 {
            // Solve current + 1 + previous * (window - e) / window = max for e.
            let spare = i128::from(max - current - 1) * i128::from(window) / i128::from(previous);
            start.saturating_add(window - i64::try_from(spare).unwrap_or(0).min(window))
        } else {
            start.saturating_add(window)
        };
        return Decision::Refused {
            retry_after: seconds_until(now, at(free_at), 1),
        };
    }
    Decision::Allowed {
        state: encode(COUNTERS, &[start, current + 1, previous]),
        forget_at: at(start.saturating_add(2 * window)),
        next_at: now,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const THREE: LimitRule = LimitRule {
        max: 3,
        seconds: 600,
    };

    fn t(seconds: i64) -> Timestamp {
        Timestamp::from_microsecond(1_700_000_000_000_000 + seconds * 1_000_000).unwrap()
    }

    #[test]
    fn three_in_ten_minutes() {
        let mut state = Vec::new();
        for second in [0, 100, 200] {
            let Decision::Allowed { state: next, .. } = hit(THREE, &state, t(second)) else {
                panic!("the first three are allowed")
            };
            state = next;
        }
        assert_eq!(
            hit(THREE, &state, t(201)),
            Decision::Refused { retry_after: 399 }
        );
        assert_eq!(
            hit(THREE, &state, t(599)),
            Decision::Refused { retry_after: 1 }
        );
        assert!(matches!(
            hit(THREE, &state, t(600)),
            Decision::Allowed { .. }
        ));
        assert_eq!(wait(THREE, &state, t(600)), 0);
    }

    #[test]
    fn last_place_tells_when_the_next_is_free() {
        let one = LimitRule {
            max: 1,
            seconds: 10,
        };
        let Decision::Allowed { next_at, .. } = hit(one, &[], t(0)) else {
            panic!()
        };
        assert_eq!(next_at, t(10));
    }

    #[test]
    fn what_is_used_leaves_with_the_window() {
        let large = LimitRule {
            max: 1_000,
            seconds: 600,
        };
        for rule in [THREE, large] {
            let mut state = Vec::new();
            assert_eq!(used(rule, &state, t(0)), 0);
            for _ in 0..3 {
                let Decision::Allowed { state: next, .. } = hit(rule, &state, t(0)) else {
                    panic!("within the limit")
                };
                state = next;
            }
            assert_eq!(used(rule, &state, t(1)), 3);
            assert_eq!(used(rule, &state, t(1_200)), 0);
        }
        assert_eq!(used(THREE, &[9, 9, 9], t(0)), 0);
    }

    #[test]
    fn garbage_state_counts_as_empty() {
        assert!(matches!(
            hit(THREE, &[9, 9, 9], t(0)),
            Decision::Allowed { .. }
        ));
    }

    #[test]
    fn nodes_whose_clocks_differ_share_one_count() {
        let rule = LimitRule {
            max: 100,
            seconds: 60,
        };
        // A multiple of 60: a window begins here.
        let boundary = 40;
        let (mut state, mut allowed) = (Vec::new(), 0);
        for n in 0..400 {
            // Two nodes in turn, on either side of the boundary.
            let now = if n % 2 == 0 { boundary } else { boundary - 1 };
            if let Decision::Allowed { state: next, .. } = hit(rule, &state, t(now)) {
                state = next;
                allowed += 1;
            }
        }
        assert_eq!(allowed, 100);
    }

    proptest! {
        /// No window of the rule's length ever contains more than `max` allowed events.
        #[test]
        fn log_never_exceeds(gaps in prop::collection::vec(0i64..300, 1..200), max in 1u32..8) {
            let rule = LimitRule { max, seconds: 600 };
            let (mut state, mut now, mut allowed) = (Vec::new(), 0, Vec::<i64>::new());
            for gap in gaps {
                now += gap;
                match hit(rule, &state, t(now)) {
                    Decision::Allowed { state: next, .. } => { state = next; allowed.push(now); }
                    Decision::Refused { retry_after } => {
                        prop_assert!(retry_after >= 1);
                        // Waiting exactly that long is enough, and a second less is not.
                        prop_assert_eq!(wait(rule, &state, t(now + retry_after)), 0);
                        prop_assert!(wait(rule, &state, t(now + retry_after - 1)) > 0);
                    }
                }
            }
            for end in &allowed {
                let inside = allowed.iter().filter(|x| **x <= *end && **x > end - 600).count();
                prop_assert!(inside <= max as usize);
            }
        }

        /// The counters never allow more than twice `max` in a window and respect retry_after.
        #[test]
        fn counters_are_bounded(gaps in prop::collection::vec(0i64..20, 1..600)) {
            let rule = LimitRule { max: 100, seconds: 60 };
            let (mut state, mut now, mut allowed) = (Vec::new(), 0, Vec::<i64>::new());
            for gap in gaps {
                now += gap;
                match hit(rule, &state, t(now)) {
                    Decision::Allowed { state: next, .. } => { state = next; allowed.push(now); }
                    Decision::Refused { retry_after } => {
                        prop_assert!((1..=120).contains(&retry_after));
                        prop_assert_eq!(wait(rule, &state, t(now + retry_after)), 0);
                    }
                }
            }
            for end in &allowed {
                let inside = allowed.iter().filter(|x| **x <= *end && **x > end - 60).count();
                prop_assert!(inside <= 200);
            }
        }
    }
}
