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
    let host = host(request.headers(), request.uri());
    if request.headers().contains_key(header::ORIGIN) || !host.is_some_and(is_local_name) {
        return Err(Error::new(Code::Forbidden)
            .with_message("The dev aids answer to localhost or an IP address, not to web pages.")
            .into());
    }
    Ok(next.run(request).await)
}

/// The host asked for, without its port.
fn host<'a>(headers: &'a HeaderMap, uri: &'a Uri) -> Option<&'a str> {
    let authority = uri
        .authority()
        .map(|a| a.as_str())
        .or_else(|| headers.get(header::HOST)?.to_str().ok())?;
    match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next(),
        None => authority.split(':').next(),
    }
}

/// `localhost`, an address, or a name without a dot (a neighbour in a container network): nothing
/// that a stranger can have in public DNS.
fn is_local_name(host: &str) -> bool {
    host.parse::<IpAddr>().is_ok()
        || (!host.is_empty() && !host.contains('.'))
        || host.ends_with(".localhost")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn local_names() {
        for good in [
            "localhost",
            "127.0.0.1",
            "::1",
            "10.0.0.7",
            "doorward",
            "x.localhost",
        ] {
            assert!(is_local_name(good), "{good}");
        }
        for bad in [
            "",
            "evil.example",
            "127.0.0.1.nip.io",
            "localhost.evil.example",
        ] {
            assert!(!is_local_name(bad), "{bad}");
        }
    }

    #[test]
    fn hosts() {
        for (given, found) in [
            ("localhost:3001", "localhost"),
            ("127.0.0.1", "127.0.0.1"),
            ("[::1]:3001", "::1"),
            ("evil.example:3001", "evil.example"),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, given.parse().unwrap());
            assert_eq!(host(&headers, &"/dev/outbox".parse().unwrap()), Some(found));
        }
    }
}
