//! Keys that are fetched, cached, and renewed when they get old or a new one shows up.

use std::future::Future;
use std::sync::{Arc, PoisonError, RwLock};

use jiff::{SignedDuration, Timestamp};

use crate::jwks::{JwksSet, KeyError};

/// Why a fetch failed, in the caller's words.
pub type FetchError = Box<dyn std::error::Error + Send + Sync>;

/// Gets the text of the JWK set, by HTTPS with the caller's client (verified TLS, a time-out, a
/// limit of size, no redirects to other hosts). Closures that return such a future implement it.
pub trait FetchJwks: Send + Sync {
    /// Fetches it once.
    fn fetch(&self) -> impl Future<Output = Result<String, FetchError>> + Send;
}

impl<F, R> FetchJwks for F
where
    F: Fn() -> R + Send + Sync,
    R: Future<Output = Result<String, FetchError>> + Send,
{
    fn fetch(&self) -> impl Future<Output = Result<String, FetchError>> + Send {
        self()
    }
}

/// Why the keys could not be renewed.
#[derive(Debug, thiserror::Error)]
pub enum RefreshError {
    /// The fetch failed.
    #[error("the keys could not be fetched")]
    Fetch(#[source] FetchError),
    /// What was fetched is not acceptable.
    #[error(transparent)]
    Keys(#[from] KeyError),
}

/// How often keys are fetched and how long they are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RefreshTiming {
    /// At most one fetch in this time, whatever tokens say: unknown key ids are free to invent.
    pub min_interval: SignedDuration,
    /// Older keys are renewed.
    pub max_age: SignedDuration,
    /// Keys that could not be renewed for this long are no longer used. By default one hour: the
    /// longest life of an access token, after which an unreachable issuer has no live ones left.
    pub hard_limit: SignedDuration,
}

impl Default for RefreshTiming {
    fn default() -> Self {
        Self {
            min_interval: SignedDuration::from_secs(30),
            max_age: SignedDuration::from_secs(300),
            hard_limit: SignedDuration::from_secs(3600),
        }
    }
}

/// After a fetch that was given up half-way (its request went away), the next may start this much
/// later: not at once, or giving up would be a way around `min_interval`; and not much later, or
/// it would be a way to keep the keys from being renewed.
const AFTER_CANCELLATION: SignedDuration = SignedDuration::from_secs(1);

/// A cache of the issuer's keys.
pub struct RotatingKeys<F> {
    fetch: F,
    timing: RefreshTiming,
    state: RwLock<State>,
    /// Held while fetching: one at a time.
    flight: tokio::sync::Mutex<()>,
}

#[derive(Default, Clone)]
struct State {
    keys: Option<(Arc<JwksSet>, Timestamp)>,
    no_fetch_before: Option<Timestamp>,
}

impl<F: FetchJwks> RotatingKeys<F> {
    /// An empty cache; the first token (or [`RotatingKeys::refresh`]) fills it.
    pub fn new(fetch: F, timing: RefreshTiming) -> Self {
        Self {
            fetch,
            timing,
            state: RwLock::default(),
            flight: tokio::sync::Mutex::new(()),
        }
    }

    /// Fetches the keys now, whatever the cache holds: at start, and best also from a background
    /// task every `max_age`, so that no request ever waits for it.
    ///
    /// # Errors
    /// [`RefreshError`]; the cache is as before then.
    pub async fn refresh(&self, now: Timestamp) -> Result<(), RefreshError> {
        let _flight = self.flight.lock().await;
        self.fetch_now(now).await
    }

    /// The keys to verify a token of this `kid` with. `None` without usable ones. The key itself
    /// may still be missing.
    pub async fn keys_for(&self, kid: &str, now: Timestamp) -> Option<Arc<JwksSet>> {
        let state = self.read();
        let usable = state.usable(now, &self.timing);
        let known = usable.as_ref().is_some_and(|keys| keys.find(kid).is_some());
        if known && state.is_fresh(now, &self.timing) {
            return usable;
        }
        // Who already has the key does not wait for somebody else's fetch; who lacks it does.
        let flight = match self.flight.try_lock() {
            Ok(flight) => flight,
            Err(_) if known => return usable,
            Err(_) => self.flight.lock().await,
        };
        // Whoever held the flight before may have brought what is needed.
        if self.read().may_fetch(now, &self.timing) {
            // On failure the old keys stay, up to the hard limit.
            drop(self.fetch_now(now).await);
        }
        drop(flight);
        self.read().usable(now, &self.timing)
    }

    async fn fetch_now(&self, now: Timestamp) -> Result<(), RefreshError> {
        self.write(|state| state.no_fetch_before = Some(after(now, AFTER_CANCELLATION)));
        let fetched = match self.fetch.fetch().await {
            Ok(text) => JwksSet::from_json(&text).map_err(RefreshError::Keys),
            Err(error) => Err(RefreshError::Fetch(error)),
        };
        self.write(|state| state.no_fetch_before = Some(after(now, self.timing.min_interval)));
        let keys = Arc::new(fetched?);
        self.write(|state| state.keys = Some((keys, now)));
        Ok(())
    }

    fn read(&self) -> State {
        self.state
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn write(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.write().unwrap_or_else(PoisonError::into_inner));
    }
}

impl State {
    fn usable(&self, now: Timestamp, timing: &RefreshTiming) -> Option<Arc<JwksSet>> {
        let (keys, fetched_at) = self.keys.as_ref()?;
        (now.duration_since(*fetched_at) < timing.hard_limit).then(|| Arc::clone(keys))
    }

    /// Keys from the future (the clock was set back) are not fresh.
    fn is_fresh(&self, now: Timestamp, timing: &RefreshTiming) -> bool {
        self.keys.as_ref().is_some_and(|(_, fetched_at)| {
            let age = now.duration_since(*fetched_at);
            !age.is_negative() && age < timing.max_age
        })
    }

    /// A wait longer than the interval means that the clock was set back: it is void.
    fn may_fetch(&self, now: Timestamp, timing: &RefreshTiming) -> bool {
        self.no_fetch_before.is_none_or(|at| {
            let wait = at.duration_since(now);
            !wait.is_positive() || wait > timing.min_interval.max(AFTER_CANCELLATION)
        })
    }
}

fn after(now: Timestamp, wait: SignedDuration) -> Timestamp {
    now.checked_add(wait).unwrap_or(Timestamp::MAX)
}

impl<F> std::fmt::Debug for RotatingKeys<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RotatingKeys")
            .field("timing", &self.timing)
            .finish_non_exhaustive()
    }
}
