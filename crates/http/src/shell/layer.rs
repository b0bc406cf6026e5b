//! The outermost layer: everything that is the same for every request, in one list of steps.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use doorward_domain::Code;
use doorward_service::Error;
use tracing::Instrument;

use super::log::{self, Entry};
use super::{Meta, Peer, Shell, headers};
use crate::error::{self, ApiError};

pub(crate) async fn surround(
    State(shell): State<Arc<Shell>>,
    mut request: Request,
    next: Next,
) -> Response {
    let started = Instant::now();

    // 1. Who, whence, under which id.
    let ip = request
        .extensions()
        .get::<Peer>()
        .map(|Peer(address)| address.ip());
    let trusted = ip.is_some_and(|ip| shell.options.proxies.trusts(ip));
    let client = ip.map(|ip| shell.options.proxies.client(ip, request.headers()));
    let user_agent = request
        .headers()
        .get(header::USER_AGENT)
        .map(HeaderValue::as_bytes);
    let meta = Meta::new(
        Arc::clone(&shell.clock),
        Arc::clone(&shell.random),
        client,
        user_agent,
    );
    let request_id = meta.id().to_string();
    let mut entry = Entry {
        face: shell.face,
        method: request.method().clone(),
        route: request.extensions().get::<MatchedPath>().cloned(),
        started,
        request_id: request_id.clone(),
        // Our own id is ours alone; a trusted proxy's id is kept beside it, in the log only.
        correlation: trusted
            .then(|| log::correlation(request.headers()))
            .flatten(),
        meta: meta.clone(),
        written: false,
    };
    request.extensions_mut().insert(meta);

    // 2. The handler, for a limited time.
    let span = tracing::info_span!("request", request_id = %request_id);
    let work = next.run(request).instrument(span);
    let mut response = tokio::time::timeout(shell.options.request_timeout, work)
        .await
        .unwrap_or_else(|_| timed_out().into_response());

    // 3. Errors get their body, here and nowhere else.
    let refusal = response.extensions_mut().remove::<ApiError>();
    if let Some(refusal) = &refusal {
        error::write(
            &mut response,
            refusal,
            shell.face,
            &entry.method,
            &request_id,
        );
    }

    // 4. Headers.
    if let Ok(value) = HeaderValue::from_str(&request_id) {
        response
            .headers_mut()
            .insert(HeaderName::from_static("x-request-id"), value);
    }
    headers::secure(response.headers_mut(), shell.options.https);

    // 5. Log and metrics.
    entry.write(response.status().as_u16(), refusal.as_ref());
    response
}

fn timed_out() -> ApiError {
    Error::new(Code::ServiceUnavailable)
        .with_message("The request took too long.")
        .with_retry_after(1)
        .with_internal("request time-out")
        .into()
}
