//! One examination at a time, and none so soon after another.

use std::time::Duration;

use doorward_service::doctor::Finding;
use tokio::sync::Mutex;
use tokio::time::Instant;

/// How long what was found is told again.
const FRESH: Duration = Duration::from_secs(5);

/// The last examination. Each takes a thread, for seconds where something does not answer; whoever asks
/// often, or many times at once, must not take all the threads there are.
pub(crate) struct Recent {
    fresh: Duration,
    last: Mutex<Option<(Instant, Vec<Finding>)>>,
}

impl Default for Recent {
    fn default() -> Self {
        Self::keeping(FRESH)
    }
}

impl Recent {
    fn keeping(fresh: Duration) -> Self {
        Self {
            fresh,
            last: Mutex::default(),
        }
    }

    /// What was found a moment ago, else what is found now.
    pub(crate) async fn or<F>(&self, examine: impl FnOnce() -> F) -> Vec<Finding>
    where
        F: Future<Output = Vec<Finding>>,
    {
        let mut last = self.last.lock().await;
        if let Some((at, found)) = &*last
            && at.elapsed() < self.fresh
        {
            return found.clone();
        }
        let found = examine().await;
        *last = Some((Instant::now(), found.clone()));
        found
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

    use super::*;

    #[tokio::test]
    async fn many_who_ask_are_told_of_one_examination() {
        let fresh = Duration::from_secs(2);
        let recent = Arc::new(Recent::keeping(fresh));
        let done = Arc::new(AtomicUsize::new(0));
        let ask = || {
            let (recent, done) = (Arc::clone(&recent), Arc::clone(&done));
            async move {
                let examine = || async {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    done.fetch_add(1, SeqCst);
                    vec![Finding::ok("disk", "there is room")]
                };
                recent.or(examine).await
            }
        };
        let mut all = tokio::task::JoinSet::new();
        (0..50).for_each(|_| drop(all.spawn(ask())));
        for found in all.join_all().await {
            assert_eq!(found.len(), 1);
        }
        assert_eq!(done.load(SeqCst), 1);
        tokio::time::sleep(fresh).await;
        ask().await;
        assert_eq!(done.load(SeqCst), 2, "what is old is looked at again");
    }
}
