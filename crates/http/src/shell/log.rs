//! The access log and the request metrics.
//!
//! Neither ever holds a query string, a body, a cookie or an `Authorization` header, and the route
//! is the template, not the path: a path may carry a token.

use std::time::{Duration, Instant};

use axum::extract::MatchedPath;
use axum::http::{HeaderMap, Method};

use super::{Face, Meta};
use crate::error::ApiError;

/// Status of a request whose client went away before it was answered (nginx's number; nobody is
/// ever sent it).
const GONE: u16 = 499;

/// The line of one request. Dropped before the answer, it tells that the client went away: a caller
/// must not keep himself out of the log by hanging up.
pub(crate) struct Entry {
    pub(crate) face: Face,
    pub(crate) method: Method,
    pub(crate) route: Option<MatchedPath>,
    pub(crate) started: Instant,
    pub(crate) request_id: String,
    pub(crate) correlation: Option<String>,
    pub(crate) meta: Meta,
    pub(crate) written: bool,
}

impl Drop for Entry {
    fn drop(&mut self) {
        if !self.written {
            self.write(GONE, None);
        }
    }
}

impl Entry {
    /// Writes one line and counts one request.
    pub(crate) fn write(&mut self, status: u16, refusal: Option<&ApiError>) {
        self.written = true;
        let took = self.started.elapsed();
        let method = method_label(&self.method);
        let route = self.route.as_ref().map_or("unmatched", MatchedPath::as_str);
        let face = self.face.as_str();
        count(face, method, route, status, took);
        let app_id = self.meta.app().map(tracing::field::display);
        let duration_ms = took.as_secs_f64() * 1000.0;
        let code = refusal.map(|refusal| refusal.error().code().as_str());
        let internal = refusal.and_then(|refusal| refusal.error().internal_message());
        let (request_id, correlation_id) = (&self.request_id, self.correlation.as_deref());
        macro_rules! line {
            ($level:ident) => {
                tracing::$level!(
                    target: "doorward::access",
                    face, method, route, status, duration_ms, request_id, correlation_id, app_id,
                    code, internal, "request"
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
}

fn count(face: &'static str, method: &'static str, route: &str, status: u16, took: Duration) {
    let route = route.to_owned();
    metrics::counter!(
        "doorward_http_requests_total",
        "face" => face, "method" => method, "route" => route.clone(),
        "status" => status.to_string()
    )
    .increment(1);
    metrics::histogram!(
        "doorward_http_request_duration_seconds",
        "face" => face, "method" => method, "route" => route
    )
    .record(took.as_secs_f64());
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
