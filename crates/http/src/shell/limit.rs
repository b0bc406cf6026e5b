//! Bounds: requests in flight, and what a panic becomes.

use std::any::Any;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use doorward_domain::Code;
use doorward_service::Error;
use tokio::sync::Semaphore;

use crate::error::{ApiError, ApiResult};

/// How many requests may be in flight. There is no queue: who finds no place is told so at once,
/// because waiting would only make everybody late.
#[derive(Clone)]
pub(crate) struct InFlight(Arc<Semaphore>);

impl InFlight {
    pub(crate) fn new(max: usize) -> Self {
        Self(Arc::new(Semaphore::new(
            max.clamp(1, Semaphore::MAX_PERMITS),
        )))
    }
}

/// Takes a place or answers 503.
pub(crate) async fn in_flight(
    State(InFlight(places)): State<InFlight>,
    request: Request,
    next: Next,
) -> ApiResult<Response> {
    let Ok(_place) = places.try_acquire() else {
        return Err(Error::new(Code::ServiceUnavailable)
            .with_retry_after(1)
            .into());
    };
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
