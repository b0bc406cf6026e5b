//! The access log and the request metrics.
//!
//! Neither ever holds a query string, a body, a cookie or an `Authorization` header, and the route
//! is the template, not the path: a path may carry a token.

use std::time::Duration;

use axum::http::{HeaderMap, Method};
use doorward_domain::AppId;

use super::Face;
use crate::error::ApiError;

/// What there is to say about an answered request.
pub(crate) struct Seen<'a> {
    pub(crate) face: Face,
    pub(crate) method: &'a Method,
    pub(crate) route: Option<&'a str>,
    pub(crate) status: u16,
    pub(crate) took: Duration,
    pub(crate) request_id: &'a str,
    pub(crate) correlation: Option<&'a str>,
    pub(crate) app: Option<AppId>,
    pub(crate) refusal: Option<&'a ApiError>,
}

/// Writes one line and counts one request.
pub(crate) fn record(seen: &Seen<'_>) {
    let method = method_label(seen.method);
    let route = seen.route.unwrap_or("unmatched");
    count(seen, method, route);
    let app_id = seen.app.map(tracing::field::display);
    let duration_ms = seen.took.as_secs_f64() * 1000.0;
    let code = seen.refusal.map(|refusal| refusal.error().code().as_str());
    let internal = seen
        .refusal
        .and_then(|refusal| refusal.error().internal_message());
    let (face, status) = (seen.face.as_str(), seen.status);
    let (request_id, correlation_id) = (seen.request_id, seen.correlation);
    macro_rules! line {
        ($level:ident) => {
            tracing::$level!(
                target: "doorward::access",
                face, method, route, status, duration_ms, request_id, correlation_id, app_id, code,
                internal, "request"
            )
        };
    }
    match status {
        // An error of ours is for somebody to look at; being busy is for a graph.
        500 => line!(error),
        501.. => line!(warn),
        _ => line!(info),
    }
}

fn count(seen: &Seen<'_>, method: &'static str, route: &str) {
    let route = route.to_owned();
    let face = seen.face.as_str();
    metrics::counter!(
        "doorward_http_requests_total",
        "face" => face, "method" => method, "route" => route.clone(),
        "status" => status_label(seen.status)
    )
    .increment(1);
    metrics::histogram!(
        "doorward_http_request_duration_seconds",
        "face" => face, "method" => method, "route" => route
    )
    .record(seen.took.as_secs_f64());
}

/// A closed set: anybody can invent methods, and each label value costs memory for good.
fn method_label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "OTHER",
    }
}

fn status_label(status: u16) -> String {
    status.to_string()
}

/// The id a trusted proxy gave the request, if it looks like one (at most 128 visible characters
/// that cannot break a log line, ASVS 16.4.1).
pub(crate) fn correlation(headers: &HeaderMap) -> Option<String> {
    let text = headers.get("x-request-id")?.to_str().ok()?;
    let fit = (1..=128).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-_.:/+=".contains(&b));
    fit.then(|| text.to_owned())
}
