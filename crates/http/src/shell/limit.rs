//! Bounds: requests in flight, and what a panic becomes.

use std::any::Any;
use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use doorward_domain::Code;
use doorward_service::Error;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Meta;
use crate::error::{ApiError, ApiResult};
use crate::held;
use crate::share::{Share, Shares};

/// How many requests may be in flight. There is no queue: who finds no place is told so at once,
/// because waiting would only make everybody late. No client (an IPv4 address, a /64 of IPv6)
/// gets the last eighth of the places: one that opens requests and never ends them does not shut the others out.
#[derive(Clone)]
pub(crate) struct InFlight(Arc<Places>);

struct Places {
    free: Arc<Semaphore>,
    shares: Shares,
}

impl InFlight {
    pub(crate) fn new(max: usize) -> Self {
        let max = max.clamp(1, Semaphore::MAX_PERMITS);
        Self(Arc::new(Places {
            free: Arc::new(Semaphore::new(max)),
            shares: Shares::of(max),
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

/// Takes a place or answers 503. The place is taken until the last byte of the answer is handed
/// over: who reads slowly still costs what the answer costs.
pub(crate) async fn in_flight(
    State(places): State<InFlight>,
    request: Request,
    next: Next,
) -> ApiResult<Response> {
    let client = request.extensions().get::<Meta>().and_then(Meta::ip);
    let Some(place) = places.take(client) else {
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
