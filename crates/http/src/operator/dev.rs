//! The aids of `doorward dev`: captured messages, and a clock that can be moved.
//!
//! They need no credentials, so they exist only where an operator face was made with [`DevAids`],
//! which `serve` has no way to make, and they answer only to somebody at the machine: a web page
//! that resolves its own name to 127.0.0.1 sends that name as the host.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{FromRef, Request, State};
use axum::http::{HeaderMap, Uri, header};
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Json, Router};
use doorward_domain::{AppId, Clock, Code, OffsetClock};
use doorward_service::Error;
use serde_json::{Value, json};

use crate::error::ApiResult;
use crate::read::{BodyLimit, Fields, JsonBody, QueryFields, uuid};

/// Which captured messages are asked for.
#[derive(Debug, Clone, Default)]
pub struct OutboxQuery {
    /// Only to this recipient.
    pub to: Option<String>,
    /// Only for this app.
    pub app_id: Option<AppId>,
}

/// Reads the captured messages, newest first, each as one JSON object.
pub type OutboxReader = dyn Fn(&OutboxQuery) -> Vec<Value> + Send + Sync;

/// What `doorward dev` offers beside the operator API.
#[derive(Clone)]
pub struct DevAids {
    /// The captured messages.
    pub outbox: Arc<OutboxReader>,
    /// The server's clock.
    pub clock: OffsetClock,
}

/// Farthest the clock moves in one request: ten years, in seconds.
const ADVANCE_MAX: i64 = 10 * 366 * 86_400;

/// The routes. They are not part of the documented API.
pub(super) fn routes(aids: DevAids) -> Router {
    Router::new()
        .route("/dev/outbox", get(outbox))
        .route("/dev/clock", post(advance))
        .layer(from_fn(local_only))
        .with_state(aids)
}

impl FromRef<DevAids> for BodyLimit {
    fn from_ref(_: &DevAids) -> Self {
        Self(1_024)
    }
}

async fn outbox(
    State(aids): State<DevAids>,
    QueryFields(mut fields): QueryFields,
) -> ApiResult<Json<Vec<Value>>> {
    let to = fields.optional("to", |text| Ok::<_, &str>(text.to_owned()));
    let app_id = fields.optional("app_id", uuid);
    fields.refuse_unknown();
    let query = fields.finish(|| {
        Some(OutboxQuery {
            to: to?,
            app_id: app_id?,
        })
    })?;
    Ok(Json((aids.outbox)(&query)))
}

async fn advance(State(aids): State<DevAids>, body: JsonBody) -> ApiResult<Json<Value>> {
    let mut fields = Fields::from(body);
    let seconds = fields.optional_int("advance_seconds", 0..=ADVANCE_MAX);
    if seconds == Some(None) {
        fields.refuse("advance_seconds", "Is required");
    }
    fields.refuse_unknown();
    let seconds = fields.finish(|| seconds?)?;
    aids.clock.advance_seconds(seconds);
    Ok(Json(
        json!({ "now": doorward_domain::time::iso(aids.clock.now()) }),
    ))
}

async fn local_only(request: Request, next: Next) -> ApiResult<Response> {
    let from_page = request.headers().contains_key(header::ORIGIN);
    if from_page || !asks_for_this_machine(request.headers(), request.uri()) {
        return Err(Error::new(Code::Forbidden)
            .with_message("The dev aids answer to localhost or an IP address, not to web pages.")
            .into());
    }
    Ok(next.run(request).await)
}

/// Whether every host that the request names is local, and it names one.
fn asks_for_this_machine(headers: &HeaderMap, uri: &Uri) -> bool {
    let mut named = headers
        .get_all(header::HOST)
        .iter()
        .map(|value| value.to_str().ok())
        .chain(uri.authority().map(|authority| Some(authority.as_str())))
        .peekable();
    named.peek().is_some()
        && named.all(|authority| authority.and_then(host).is_some_and(is_local_name))
}

/// Without the port.
fn host(authority: &str) -> Option<&str> {
    match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next(),
        None => authority.split(':').next(),
    }
}

/// `localhost` (RFC 6761 §6.3) or an address. A name without a dot is none: a network may resolve
/// it as anybody likes.
fn is_local_name(host: &str) -> bool {
    let host = host.to_ascii_lowercase();
    host.parse::<IpAddr>().is_ok() || host == "localhost" || host.ends_with(".localhost")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn local(hosts: &[&str], uri: &str) -> bool {
        let mut headers = HeaderMap::new();
        for host in hosts {
            headers.append(header::HOST, host.parse().unwrap());
        }
        asks_for_this_machine(&headers, &uri.parse().unwrap())
    }

    #[test]
    fn local_names() {
        for good in [
            "localhost",
            "LocalHost:3001",
            "x.localhost:3001",
            "127.0.0.1",
            "127.0.0.1:3001",
            "[::1]:3001",
            "10.0.0.7",
        ] {
            assert!(local(&[good], "/dev/outbox"), "{good}");
        }
        for bad in [
            "",
            ":3001",
            "doorward",
            "doorward:3001",
            "evil.example:3001",
            "127.0.0.1.nip.io",
            "localhost.evil.example",
            "xlocalhost",
        ] {
            assert!(!local(&[bad], "/dev/outbox"), "{bad}");
        }
    }

    #[test]
    fn every_host_that_is_named_counts() {
        assert!(local(&[], "http://localhost/dev/outbox"));
        assert!(!local(&[], "/dev/outbox"));
        assert!(!local(&["localhost", "evil.example"], "/dev/outbox"));
        assert!(!local(&["localhost"], "http://evil.example/dev/outbox"));
        assert!(!local(&["evil.example"], "http://localhost/dev/outbox"));
    }
}
