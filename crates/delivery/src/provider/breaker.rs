//! A circuit breaker: a provider that keeps failing is left alone for a while.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use doorward_domain::Timestamp;
use doorward_domain::time::{plus_seconds, seconds_until};

/// Failures in a row that open it.
const FAILURES: u32 = 5;

/// Seconds it stays open; then one message tries again.
const OPEN_SECONDS: i64 = 30;

/// Seconds after which it is asked again while one message is trying.
const TRYING_SECONDS: i64 = 2;

/// One provider's, on this node.
#[derive(Debug, Default)]
pub(crate) struct Breaker(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    failures: u32,
    open_until: Option<Timestamp>,
    /// Whether one message is trying it at this moment.
    trying: bool,
}

impl Breaker {
    /// How long to wait before the provider may be asked; `None` when it may be now. When its time has
    /// come, the first to ask is let through and the others wait for what becomes of it.
    pub(crate) fn wait(&self, now: Timestamp) -> Option<Duration> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match state.open_until {
            Some(until) if until > now => {
                let seconds = seconds_until(now, until, 1);
                let seconds = if state.trying {
                    seconds.min(TRYING_SECONDS)
                } else {
                    seconds
                };
                Some(Duration::from_secs(seconds.unsigned_abs()))
            }
            Some(_) => {
                state.open_until = Some(plus_seconds(now, OPEN_SECONDS));
                state.trying = true;
                None
            }
            None => None,
        }
    }

    /// It works.
    pub(crate) fn worked(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = State::default();
    }

    /// It does not; whether that opened it.
    pub(crate) fn failed(&self, now: Timestamp) -> bool {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.failures = state.failures.saturating_add(1);
        state.trying = false;
        if state.failures < FAILURES {
            return false;
        }
        let was_closed = state.open_until.is_none();
        state.open_until = Some(plus_seconds(now, OPEN_SECONDS));
        was_closed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opens_after_failures_in_a_row_and_tries_again_with_one() {
        let at = |seconds| plus_seconds(Timestamp::UNIX_EPOCH, seconds);
        let breaker = Breaker::default();
        let wait = |seconds| breaker.wait(at(seconds)).map(|wait| wait.as_secs());
        for _ in 0..4 {
            assert!(!breaker.failed(at(0)));
        }
        breaker.worked();
        for _ in 0..4 {
            assert!(!breaker.failed(at(0)));
            assert_eq!(wait(0), None);
        }
        assert!(breaker.failed(at(0)));
        assert_eq!((wait(0), wait(29)), (Some(30), Some(1)));
        assert_eq!(wait(30), None);
        assert_eq!(wait(30), Some(2), "one tries, the others wait for it");
        assert!(!breaker.failed(at(31)), "it was open before");
        assert_eq!(wait(31), Some(30));
        assert_eq!((wait(60), wait(61)), (Some(1), None));
        breaker.worked();
        assert_eq!((wait(61), wait(61)), (None, None));
    }
}
