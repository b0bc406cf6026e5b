//! When an answer is too late to be believed as it is.
//!
//! Nobody takes over from a primary that was heard of a moment ago: whoever watches over it waits
//! for longer than that. After a longer silence somebody may have, and a server that froze meanwhile
//! does not know it: then the other addresses are asked first.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use tokio::sync::Mutex;

/// The longest silence after which an answer is believed at once. Less than any watcher waits
/// (Patroni: `ttl` less `loop_wait`, 20 s unless changed); more than a busy server takes.
pub(super) const SILENCE: Duration = Duration::from_secs(2);

/// When the primary was heard of, by any thread.
pub(super) struct Silence {
    born: Instant,
    /// Milliseconds since `born`, and one. Zero: never.
    heard: AtomicU64,
    /// When the last look around that came to its end had begun; held during one.
    looked: Mutex<Option<Instant>>,
}

impl Silence {
    pub(super) fn new() -> Self {
        Self {
            born: Instant::now(),
            heard: AtomicU64::new(0),
            looked: Mutex::new(None),
        }
    }

    fn now(&self) -> u64 {
        let since = self.born.elapsed().as_millis();
        u64::try_from(since).unwrap_or(u64::MAX - 1) + 1
    }

    /// The primary was heard of, or nobody has taken over from it, just now.
    pub(super) fn broken(&self) {
        self.heard.store(self.now(), Relaxed);
    }

    /// Whether nothing was heard of it for long, or ever.
    pub(super) fn is_long(&self) -> bool {
        let heard = self.heard.load(Relaxed);
        heard == 0 || u128::from(self.now().saturating_sub(heard)) >= SILENCE.as_millis()
    }

    /// Looks around, unless somebody else begins and ends to do it meanwhile.
    pub(super) async fn look(&self, around: impl Future<Output = ()>) {
        let asked = Instant::now();
        let mut looked = self.looked.lock().await;
        if looked.is_none_or(|began| began < asked) {
            let began = Instant::now();
            around.await;
            *looked = Some(began);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    #[test]
    fn what_was_never_heard_of_is_silent() {
        let silence = Silence::new();
        assert!(silence.is_long());
        silence.broken();
        assert!(!silence.is_long());
    }

    #[tokio::test]
    async fn of_many_who_ask_at_once_one_looks_for_the_others() {
        let (silence, looks) = (Silence::new(), AtomicUsize::new(0));
        let one = || {
            silence.look(async {
                looks.fetch_add(1, Relaxed);
                tokio::time::sleep(Duration::from_millis(20)).await;
            })
        };
        // The second one asks when the first has begun already, and looks for all the others.
        futures_util::future::join_all((0..9).map(|_| one())).await;
        assert_eq!(looks.load(Relaxed), 2);
        one().await;
        assert_eq!(looks.load(Relaxed), 3);
    }
}
