//! Bounds: requests in flight, how fast the others are turned away, and what a panic becomes.

use std::any::Any;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use doorward_domain::Code;
use doorward_service::Error;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use super::Meta;
use crate::error::{ApiError, ApiResult};
use crate::held;
use crate::share::{Share, Shares};

/// How many requests may be in flight. There is no queue: who finds no place is turned away,
/// because waiting for one would only make everybody late. No client (an IPv4 address, a /64 of IPv6)
/// gets the last eighth of the places: one that opens requests and never ends them does not shut the others out.
#[derive(Clone)]
pub(crate) struct InFlight(Arc<Places>);

struct Places {
    free: Arc<Semaphore>,
    shares: Shares,
    refusals: Refusals,
}

impl InFlight {
    pub(crate) fn new(max: usize) -> Self {
        let max = max.clamp(1, Semaphore::MAX_PERMITS);
        Self(Arc::new(Places {
            free: Arc::new(Semaphore::new(max)),
            shares: Shares::of(max),
            refusals: Refusals::default(),
        }))
    }
}

/// A place, and the caller's share of places. Given back when dropped.
pub(crate) type Place = (OwnedSemaphorePermit, Option<Share>);

impl InFlight {
    /// Takes a place, if there is one for this client.
    pub(crate) fn take(&self, client: Option<IpAddr>) -> Option<Place> {
        let share = client.and_then(|client| self.0.shares.take(client));
        let place = Arc::clone(&self.0.free).try_acquire_owned().ok()?;
        (client.is_none() || share.is_some()).then_some((place, share))
    }
}

/// How fast requests are turned away. To refuse one costs little, but ten times as many as can be
/// served would take half of the processor from those that are. So while there are many, each waits
/// its turn, for a second at most, which is also what its `Retry-After` says; and a connection that
/// waits sends nothing more. (ADR 0014)
struct Refusals {
    next: Mutex<Instant>,
    room: Semaphore,
}

impl Default for Refusals {
    fn default() -> Self {
        Self {
            next: Mutex::new(Instant::now()),
            room: Semaphore::new(Self::ROOM),
        }
    }
}

impl Refusals {
    /// Between two, while there are many.
    const EVERY: Duration = Duration::from_millis(5);
    /// The longest wait.
    const LONGEST: Duration = Duration::from_secs(1);
    /// How many may wait; who finds no room is refused at once.
    const ROOM: usize = 4_096;

    /// Waits for the turn.
    async fn turn(&self) {
        let Ok(_room) = self.room.try_acquire() else {
            return;
        };
        tokio::time::sleep_until(self.reserve(Instant::now())).await;
    }

    fn reserve(&self, now: Instant) -> Instant {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let turn = (*next).clamp(now, now + Self::LONGEST);
        *next = turn + Self::EVERY;
        turn
    }
}

/// Takes a place or answers 503. The place is taken until the last byte of the answer is handed
/// over: who reads slowly still costs what the answer costs.
pub(crate) async fn in_flight(
    State(places): State<InFlight>,
    request: Request,
    next: Next,
) -> ApiResult<Response> {
    let client = request.extensions().get::<Meta>().and_then(Meta::ip);
    let Some(place) = places.take(client) else {
        places.0.refusals.turn().await;
        return Err(Error::new(Code::ServiceUnavailable)
            .with_retry_after(1)
            .into());
    };
    Ok(held::until_end(next.run(request).await, place))
}

/// What a panic in a handler becomes. Its text goes to the log only.
pub(crate) fn panicked(panic: Box<dyn Any + Send + 'static>) -> Response {
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&'static str>().copied())
        .unwrap_or("a value that is no text");
    ApiError::from(Error::internal(format!("panicked: {text}"))).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn refusals_are_at_once_while_few_and_never_later_than_a_second() {
        let refusals = Refusals::default();
        let began = Instant::now();
        refusals.turn().await;
        assert_eq!(began.elapsed(), Duration::ZERO);
        let mut turns: Vec<Duration> = (0..1_000)
            .map(|_| refusals.reserve(began) - began)
            .collect();
        assert_eq!(turns[0], Refusals::EVERY);
        assert_eq!(turns[99], Refusals::EVERY * 100);
        assert_eq!(turns.pop(), Some(Refusals::LONGEST));
        // It is over: at once again.
        tokio::time::advance(Duration::from_secs(2)).await;
        let began = Instant::now();
        refusals.turn().await;
        assert_eq!(began.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn who_finds_no_room_to_wait_does_not_wait() {
        let refusals = Arc::new(Refusals::default());
        // So many that each waits as long as anybody does.
        for _ in 0..1_000 {
            refusals.reserve(Instant::now());
        }
        let waiting: Vec<_> = (0..Refusals::ROOM)
            .map(|_| {
                let refusals = Arc::clone(&refusals);
                tokio::spawn(async move { refusals.turn().await })
            })
            .collect();
        tokio::time::sleep(Duration::from_millis(1)).await;
        assert_eq!(refusals.room.available_permits(), 0);
        let began = Instant::now();
        refusals.turn().await;
        assert_eq!(began.elapsed(), Duration::ZERO);
        for task in waiting {
            task.await.unwrap();
        }
    }
}
