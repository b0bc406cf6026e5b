//! One connection, from accept to close.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderValue, Request, StatusCode, Version, header};
use axum::response::{IntoResponse, Response};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tower::ServiceExt;

use super::ServeOptions;
use super::activity::{Activity, Deadline, Watched};
use super::framing;
use crate::held;
use crate::shell::Peer;

/// Time for the last bytes of a connection that is being closed.
const GRACE: Duration = Duration::from_secs(2);
/// Requests one HTTP/2 connection may have open.
const HTTP2_STREAMS: u32 = 32;
/// Most header fields of a request.
const HEADER_FIELDS: usize = 64;

/// HTTP/1.1 and cleartext HTTP/2, with their bounds.
pub(super) fn builder(options: &ServeOptions) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    // hyper's floor for the buffer is 8 KiB.
    let header_bytes = options.max_header_bytes.max(8 * 1024);
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(options.idle_timeout)
        .max_headers(HEADER_FIELDS)
        .max_buf_size(header_bytes)
        .half_close(false);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(HTTP2_STREAMS)
        .max_header_list_size(u32::try_from(header_bytes).unwrap_or(u32::MAX))
        .keep_alive_interval(Some(Duration::from_secs(20)))
        .keep_alive_timeout(Duration::from_secs(10));
    builder
}

/// As hyper answers what it cannot read: bare, and with the connection's end, because nobody knows
/// what the next bytes mean.
fn refuse(fault: &'static str) -> Response {
    metrics::counter!("doorward_requests_malformed_total").increment(1);
    tracing::debug!(fault, "malformed request");
    let mut response = StatusCode::BAD_REQUEST.into_response();
    let close = HeaderValue::from_static("close");
    response.headers_mut().insert(header::CONNECTION, close);
    response
}

/// Runs it.
pub(super) async fn run(
    stream: TcpStream,
    peer: SocketAddr,
    builder: Arc<Builder<TokioExecutor>>,
    router: Router,
    options: ServeOptions,
    mut stopping: watch::Receiver<bool>,
) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "no TCP_NODELAY");
    }
    let activity = Activity::new();
    let requests = Arc::clone(&activity);
    let service = service_fn(move |request: Request<Incoming>| {
        let in_flight = requests.request_begins(request.version() == Version::HTTP_2);
        let fault = framing::fault(&request, requests.two_framings());
        let router = router.clone();
        async move {
            if let Some(fault) = fault {
                return Ok(refuse(fault));
            }
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(Peer(peer));
            let response = router.oneshot(request).await?;
            Ok::<_, Infallible>(held::until_end(response, in_flight))
        }
    });
    let io = TokioIo::new(Watched {
        stream,
        activity: Arc::clone(&activity),
    });
    let connection = builder.serve_connection(io, service);
    tokio::pin!(connection);

    let mut closing = false;
    loop {
        let look = match activity.deadline(options.header_timeout, options.idle_timeout) {
            // Its grace is over, or it never was asked anything: there is nothing to be polite about.
            Deadline::Over if closing => return,
            Deadline::Over => {
                closing = true;
                connection.as_mut().graceful_shutdown();
                tokio::time::Instant::now() + GRACE
            }
            Deadline::LookAgain(at) => at,
        };
        tokio::select! {
            ended = connection.as_mut() => {
                // Broken connections are the clients' affair.
                if let Err(error) = ended { tracing::debug!(%error, "connection ended"); }
                return;
            }
            _ = stopping.wait_for(|stop| *stop), if !closing => {
                closing = true;
                connection.as_mut().graceful_shutdown();
            }
            () = tokio::time::sleep_until(look) => {}
        }
    }
}
