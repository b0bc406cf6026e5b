//! The clock, as an argument.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use crate::time::{Timestamp, to_micros};

/// Where the current time comes from.
pub trait Clock: Send + Sync + 'static {
    /// The current time, in whole microseconds.
    fn now(&self) -> Timestamp;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place that asks the machine"
    )]
    fn now(&self) -> Timestamp {
        to_micros(Timestamp::now())
    }
}

/// A clock that can be moved forward: the machine's clock plus an offset (`doorward dev`, tests).
#[derive(Clone)]
pub struct OffsetClock {
    base: Arc<dyn Clock>,
    offset_micros: Arc<AtomicI64>,
}

impl OffsetClock {
    /// Starts level with `base`.
    pub fn new(base: Arc<dyn Clock>) -> Self {
        Self {
            base,
            offset_micros: Arc::default(),
        }
    }

    /// Moves the clock by whole seconds. All clones move together.
    pub fn advance_seconds(&self, seconds: i64) {
        self.offset_micros
            .fetch_add(seconds.saturating_mul(1_000_000), Ordering::SeqCst);
    }
}

impl Clock for OffsetClock {
    fn now(&self) -> Timestamp {
        let micros = self
            .base
            .now()
            .as_microsecond()
            .saturating_add(self.offset_micros.load(Ordering::SeqCst));
        Timestamp::from_microsecond(micros).unwrap_or(Timestamp::MAX)
    }
}

impl<C: Clock + ?Sized> Clock for Arc<C> {
    fn now(&self) -> Timestamp {
        (**self).now()
    }
}
