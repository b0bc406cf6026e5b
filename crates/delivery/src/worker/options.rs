//! How the worker works, and how long it waits before another attempt.

use std::time::Duration;

use doorward_domain::SecureRandom;
use doorward_domain::random::below;

/// How the worker works.
#[derive(Debug, Clone)]
pub struct WorkerOptions {
    /// Messages of the channel sent at the same time (at least 1; default 8).
    pub concurrency: usize,
    /// After so long an attempt gives its place to another message (default 2 s): places are not what
    /// an app whose server hangs can take from everybody else. All in all there are at most
    /// [`WorkerOptions::SLOW_PLACES`] times `concurrency`.
    pub slow: Duration,
    /// Longest wait before the outbox is looked at again (default 1 s).
    pub poll: Duration,
    /// Time for one attempt (default 30 s).
    pub send_timeout: Duration,
    /// How long a message is ours (default 90 s). When a node dies, another takes over after this.
    /// Kept at no less than twice `send_timeout`, so that an attempt ends well within its lease.
    pub lease: Duration,
    /// Attempts before a message is given up (at least 1; default 8).
    pub max_attempts: u32,
    /// Waiting between attempts.
    pub backoff: Backoff,
}

impl Default for WorkerOptions {
    fn default() -> Self {
        Self {
            concurrency: 8,
            slow: Duration::from_secs(2),
            poll: Duration::from_secs(1),
            send_timeout: Duration::from_secs(30),
            lease: Duration::from_secs(90),
            max_attempts: 8,
            backoff: Backoff::default(),
        }
    }
}

impl WorkerOptions {
    /// How many times `concurrency` may be under way, the slow ones counted.
    pub const SLOW_PLACES: usize = 8;

    pub(super) fn lease(&self) -> Duration {
        self.lease.max(self.send_timeout.saturating_mul(2))
    }
}

/// Exponential back-off with jitter, so that messages which failed together do not come back
/// together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// Longest wait after the first attempt (default 1 s); doubles with each further one.
    pub base: Duration,
    /// Longest wait after any (default 60 s).
    pub cap: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self {
            base: Duration::from_secs(1),
            cap: Duration::from_secs(60),
        }
    }
}

impl Backoff {
    /// How long to wait after the `attempt`th failure (from 1): between half and all of
    /// min(cap, base · 2^(attempt − 1)); longer, up to the cap, when the other side asked for it.
    #[must_use]
    pub fn delay(
        &self,
        attempt: u32,
        asked: Option<Duration>,
        random: &dyn SecureRandom,
    ) -> Duration {
        let doubled = 1_u32
            .checked_shl(attempt.saturating_sub(1))
            .unwrap_or(u32::MAX);
        let full = self.base.saturating_mul(doubled).min(self.cap);
        let half = full / 2;
        let spread = u32::try_from(half.as_millis())
            .unwrap_or(u32::MAX - 1)
            .saturating_add(1);
        let wait = full.saturating_sub(Duration::from_millis(below(random, spread).into()));
        wait.max(asked.unwrap_or_default().min(self.cap))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use doorward_domain::OsRandom;

    #[test]
    fn waits_double_up_to_the_cap_and_vary() {
        let backoff = Backoff::default();
        for (attempt, most) in [
            (1, 1),
            (2, 2),
            (3, 4),
            (6, 32),
            (7, 60),
            (8, 60),
            (33, 60),
            (u32::MAX, 60),
        ] {
            let most = Duration::from_secs(most);
            let waits: Vec<_> = (0..100)
                .map(|_| backoff.delay(attempt, None, &OsRandom))
                .collect();
            assert!(
                waits.iter().all(|wait| (most / 2..=most).contains(wait)),
                "{attempt}"
            );
            assert!(waits.iter().any(|wait| wait != &waits[0]), "{attempt}");
        }
    }

    #[test]
    fn the_other_sides_wish_counts_up_to_the_cap() {
        let backoff = Backoff::default();
        let wish = |seconds| backoff.delay(1, Some(Duration::from_secs(seconds)), &OsRandom);
        assert_eq!(wish(30), Duration::from_secs(30));
        assert_eq!(wish(86_400), Duration::from_secs(60));
        assert!(wish(0) >= Duration::from_millis(500));
    }

    #[test]
    fn a_lease_outlives_its_attempt() {
        let hasty = WorkerOptions {
            lease: Duration::from_secs(1),
            ..WorkerOptions::default()
        };
        assert_eq!(hasty.lease(), hasty.send_timeout * 2);
    }
}
