//! Keeps the held document new: fetched again and again by one background task.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use jiff::{SignedDuration, Timestamp};

use super::held::{Revocations, Taken};
use super::list::RevocationsError;
use super::{MAX_REVOCATIONS_LEN, REVOCATIONS_TYP};
use crate::jws;
use crate::rotating::{FetchError, FetchJwks, RotatingKeys};

/// The issuer refuses to wait longer.
const MAX_WAIT_SECONDS: i64 = 25;

/// More doublings of the pause make no difference.
const MAX_DOUBLINGS: u32 = 16;

/// What to ask the issuer for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedRequest {
    /// Goes into `If-None-Match`, where there is one.
    pub etag: Option<String>,
    /// Goes into the query as `wait`: the issuer answers as soon as there is something new, at the
    /// latest after so many seconds. The client's own time-out must be longer. 0: at once.
    pub wait_seconds: u32,
}

/// What the issuer answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FeedAnswer {
    /// 200: the body and its `ETag`.
    Document {
        /// The body.
        text: String,
        /// `ETag`, as it is, quotes included.
        etag: Option<String>,
    },
    /// 304: nothing new.
    NotModified,
}

/// Gets the feed once, by HTTPS with the caller's client (verified TLS, a time-out above the wait,
/// a limit of [`MAX_REVOCATIONS_LEN`], no redirects to other hosts). Closures that return such a
/// future implement it.
pub trait FetchRevocations: Send + Sync {
    /// Fetches it once.
    fn fetch(
        &self,
        request: FeedRequest,
    ) -> impl Future<Output = Result<FeedAnswer, FetchError>> + Send;
}

impl<F, R> FetchRevocations for F
where
    F: Fn(FeedRequest) -> R + Send + Sync,
    R: Future<Output = Result<FeedAnswer, FetchError>> + Send,
{
    fn fetch(
        &self,
        request: FeedRequest,
    ) -> impl Future<Output = Result<FeedAnswer, FetchError>> + Send {
        self(request)
    }
}

/// How often the feed is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FeedTiming {
    /// How long the issuer may wait for something new before it answers, in whole seconds: at most
    /// 25, more counts as 25. Zero asks again and again instead.
    pub wait: SignedDuration,
    /// At least so long between the ends and beginnings of two fetches, and after a failure, which
    /// doubles it up to `max_pause`.
    pub min_pause: SignedDuration,
    /// At most so long. With `wait` = 0, so often is asked.
    pub max_pause: SignedDuration,
}

impl Default for FeedTiming {
    fn default() -> Self {
        Self {
            wait: SignedDuration::from_secs(25),
            min_pause: SignedDuration::from_secs(1),
            max_pause: SignedDuration::from_secs(15),
        }
    }
}

/// What one poll brought, and how long to sleep before the next.
#[derive(Debug)]
#[must_use = "the next poll comes after the pause"]
pub struct Polled {
    /// Sleep so long.
    pub pause: SignedDuration,
    /// `Ok(None)`: nothing new.
    pub outcome: Result<Option<Taken>, PollError>,
}

/// Why the feed could not be renewed. What is held stays.
#[derive(Debug, thiserror::Error)]
pub enum PollError {
    /// The fetch failed.
    #[error("the revocations could not be fetched")]
    Fetch(#[source] FetchError),
    /// What was fetched is not acceptable.
    #[error(transparent)]
    Refused(#[from] RevocationsError),
}

/// Fetches the feed of one app and verifies it with the issuer's keys.
///
/// It has no clock and no timer of its own. One task of the consumer runs it:
///
/// ```
/// # use doorward_verify::{FetchJwks, FetchRevocations, RotatingRevocations};
/// # fn now() -> jiff::Timestamp { jiff::Timestamp::UNIX_EPOCH }
/// # async fn example<F: FetchRevocations, K: FetchJwks>(feed: RotatingRevocations<F, K>) {
/// loop {
///     let polled = feed.poll(now).await;
///     if let Err(error) = &polled.outcome {
///         eprintln!("revocations: {error}");
///     }
///     tokio::time::sleep(polled.pause.unsigned_abs()).await;
/// }
/// # }
/// ```
#[derive(Debug)]
pub struct RotatingRevocations<F, K> {
    fetch: F,
    keys: Arc<RotatingKeys<K>>,
    held: Arc<Revocations>,
    timing: FeedTiming,
    failures: AtomicU32,
}

impl<F: FetchRevocations, K: FetchJwks> RotatingRevocations<F, K> {
    /// Keeps `held` new, verifying with `keys`.
    pub const fn new(
        fetch: F,
        keys: Arc<RotatingKeys<K>>,
        held: Arc<Revocations>,
        timing: FeedTiming,
    ) -> Self {
        Self {
            fetch,
            keys,
            held,
            timing,
            failures: AtomicU32::new(0),
        }
    }

    /// Fetches once; with a document in hand, it waits for news. `clock` is asked before and after.
    pub async fn poll(&self, clock: impl Fn() -> Timestamp + Send) -> Polled {
        let asked_at = clock();
        let request = self.request(asked_at);
        let outcome = match self.fetch.fetch(request).await {
            Ok(FeedAnswer::NotModified) => Ok(None),
            Ok(FeedAnswer::Document { text, etag }) => {
                let taken = self.take(&text, etag, clock()).await;
                taken.map(Some).map_err(PollError::Refused)
            }
            Err(error) => Err(PollError::Fetch(error)),
        };
        let pause = match &outcome {
            Err(_) => {
                let failures = self.failures.fetch_add(1, Ordering::Relaxed);
                let factor = 1 << failures.min(MAX_DOUBLINGS);
                self.timing.min_pause.saturating_mul(factor)
            }
            Ok(taken) => {
                self.failures.store(0, Ordering::Relaxed);
                // An issuer that says "nothing new" at once does not wait: ask it less often.
                let took = clock().duration_since(asked_at);
                let at_once = taken.is_none() && took < self.timing.min_pause;
                if self.timing.wait.is_positive() && !at_once {
                    self.timing.min_pause
                } else {
                    self.timing.max_pause
                }
            }
        };
        Polled {
            pause: pause.clamp(SignedDuration::ZERO, self.timing.max_pause),
            outcome,
        }
    }

    /// Without a current document there is nothing to wait for. With one, the next must come
    /// before it is stale.
    fn request(&self, now: Timestamp) -> FeedRequest {
        let left = self.held.list().map_or(0, |list| {
            list.expires_at().duration_since(now).as_secs().max(0)
        });
        let wait = self.timing.wait.as_secs().clamp(0, MAX_WAIT_SECONDS);
        let wait = wait.min(left / 2);
        let worth_waiting = wait > 0 || (left > 0 && !self.timing.wait.is_positive());
        FeedRequest {
            etag: self.held.etag(now).filter(|_| worth_waiting),
            wait_seconds: u32::try_from(wait).unwrap_or(u32::MAX),
        }
    }

    async fn take(
        &self,
        text: &str,
        etag: Option<String>,
        now: Timestamp,
    ) -> Result<Taken, RevocationsError> {
        // What is refused anyway must not make anybody fetch keys.
        let header = jws::header_of_type(text, REVOCATIONS_TYP, MAX_REVOCATIONS_LEN)?;
        let keys = self
            .keys
            .keys_for(&header.kid, now)
            .await
            .ok_or(RevocationsError::KeysUnavailable)?;
        self.held.take(text, etag, &keys, now)
    }
}
