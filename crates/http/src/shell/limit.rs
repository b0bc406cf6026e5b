//! Bounds: requests in flight, and what a panic becomes.

use std::any::Any;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use doorward_domain::Code;
use doorward_service::Error;
use tokio::sync::Semaphore;

use super::Meta;
use crate::error::{ApiError, ApiResult};

/// How many requests may be in flight. There is no queue: who finds no place is told so at once,
/// because waiting would only make everybody late. No client address gets the last eighth of the
/// places: one that opens requests and never ends them does not shut the others out.
#[derive(Clone)]
pub(crate) struct InFlight(Arc<Places>);

struct Places {
    free: Semaphore,
    per_client: usize,
    clients: Mutex<HashMap<IpAddr, usize>>,
}

impl InFlight {
    pub(crate) fn new(max: usize) -> Self {
        let max = max.clamp(1, Semaphore::MAX_PERMITS);
        Self(Arc::new(Places {
            free: Semaphore::new(max),
            per_client: max - max / 8,
            clients: Mutex::default(),
        }))
    }

    /// A place among those that one client may hold.
    fn share(&self, client: Option<IpAddr>) -> Option<Share> {
        let client = client?;
        let mut clients = self
            .0
            .clients
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let held = clients.entry(client).or_default();
        if *held >= self.0.per_client {
            return None;
        }
        *held += 1;
        Some(Share {
            places: Arc::clone(&self.0),
            client,
        })
    }
}

struct Share {
    places: Arc<Places>,
    client: IpAddr,
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut clients = self
            .places
            .clients
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(held) = clients.get_mut(&self.client) {
            *held -= 1;
            if *held == 0 {
                clients.remove(&self.client);
            }
        }
    }
}

/// Takes a place or answers 503.
pub(crate) async fn in_flight(
    State(places): State<InFlight>,
    request: Request,
    next: Next,
) -> ApiResult<Response> {
    let client = request.extensions().get::<Meta>().and_then(Meta::ip);
    let share = places.share(client);
    let place = places.0.free.try_acquire();
    if place.is_err() || (client.is_some() && share.is_none()) {
        return Err(Error::new(Code::ServiceUnavailable)
            .with_retry_after(1)
            .into());
    }
    Ok(next.run(request).await)
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

    #[test]
    fn one_client_leaves_places_for_others() {
        let places = InFlight::new(16);
        let greedy = Some(IpAddr::from([192, 0, 2, 1]));
        let mut held: Vec<_> = (0..14).map(|_| places.share(greedy).unwrap()).collect();
        assert!(places.share(greedy).is_none());
        assert!(places.share(Some(IpAddr::from([192, 0, 2, 2]))).is_some());
        held.pop();
        assert!(places.share(greedy).is_some());
        drop(held);
        assert!(places.0.clients.lock().unwrap().is_empty());
    }
}
