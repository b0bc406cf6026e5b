//! A circuit breaker: a provider that keeps failing is left alone for a while.

use std::sync::{Mutex, PoisonError};

use doorward_domain::Timestamp;
use doorward_domain::time::plus_seconds;

/// Failures in a row that open it.
const FAILURES: u32 = 5;

/// Seconds it stays open; then one message tries again.
const OPEN_SECONDS: i64 = 30;

/// One provider's, on this node.
#[derive(Debug, Default)]
pub(super) struct Breaker(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    failures: u32,
    open_until: Option<Timestamp>,
}

impl Breaker {
    /// Whether the provider may be asked. When its time has come, the first to ask is let through
    /// and the others wait for what becomes of it.
    pub(super) fn lets_through(&self, now: Timestamp) -> bool {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match state.open_until {
            Some(until) if until > now => false,
            Some(_) => {
                state.open_until = Some(plus_seconds(now, OPEN_SECONDS));
                true
            }
            None => true,
        }
    }

    /// It works.
    pub(super) fn worked(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = State::default();
    }

    /// It does not; whether that opened it.
    pub(super) fn failed(&self, now: Timestamp) -> bool {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.failures = state.failures.saturating_add(1);
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
        for _ in 0..4 {
            assert!(!breaker.failed(at(0)));
        }
        breaker.worked();
        for _ in 0..4 {
            assert!(!breaker.failed(at(0)));
            assert!(breaker.lets_through(at(0)));
        }
        assert!(breaker.failed(at(0)));
        assert!(!breaker.lets_through(at(29)));
        assert!(breaker.lets_through(at(30)));
        assert!(!breaker.lets_through(at(30)), "one tries, the others wait");
        assert!(!breaker.failed(at(31)), "it was open before");
        assert!(!breaker.lets_through(at(60)));
        assert!(breaker.lets_through(at(61)));
        breaker.worked();
        assert!(breaker.lets_through(at(61)) && breaker.lets_through(at(61)));
    }
}
