//! `GET /.well-known/jwks.json` (RFC 7517 §5)

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use doorward_service::Error;
use utoipa::ToSchema;

use super::PublicFace;
use crate::docs::refusals;
use crate::error::{ApiError, ApiResult};

/// The public keys.
#[derive(ToSchema)]
#[expect(dead_code, reason = "documents the document, which is prebuilt bytes")]
pub(super) struct Jwks {
    /// Of signing keys the next, the active and the retiring ones; of licence keys all, at most 32
    /// (RFC 7517 §4). Private members never occur.
    keys: Vec<serde_json::Map<String, serde_json::Value>>,
}

refusals!(JwksRefusals = ALWAYS);

/// The document's bytes, shared with every answer that carries them.
struct Shared(Arc<str>);

impl AsRef<[u8]> for Shared {
    fn as_ref(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

/// The public keys that verify our tokens
///
/// A new key is published here before it signs; an old one stays until its last token is dead.
#[utoipa::path(
    get, path = "/.well-known/jwks.json", operation_id = "jwks", tag = "Keys",
    params(("If-None-Match" = Option<String>, Header, description = "The ETag of a kept copy.")),
    responses(
        (status = 200, description = "The keys.", body = Jwks,
            headers(("ETag" = String), ("Cache-Control" = String))),
        (status = 304, description = "The kept copy is current."),
        JwksRefusals,
    ),
    security(()),
)]
pub(super) async fn jwks(
    State(face): State<Arc<PublicFace>>,
    headers: HeaderMap,
) -> ApiResult<Response> {
    let set = face.core.signing();
    let etag = set.etag();
    let mut response = if is_current(&headers, &etag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let body = Bytes::from_owner(Shared(set.jwks()));
        ([(header::CONTENT_TYPE, "application/json")], body).into_response()
    };
    let max_age = face.core.settings.jwks_max_age_seconds.max(0);
    let out = response.headers_mut();
    out.insert(header::ETAG, value(&etag)?);
    out.insert(
        header::CACHE_CONTROL,
        value(&format!("public, max-age={max_age}"))?,
    );
    for_everybody(out);
    Ok(response)
}

/// Public by nature: any page may read it.
pub(super) fn for_everybody(out: &mut HeaderMap) {
    out.insert(
        header::ACCESS_CONTROL_ALLOW_ORIGIN,
        HeaderValue::from_static("*"),
    );
    out.insert(
        HeaderName::from_static("cross-origin-resource-policy"),
        HeaderValue::from_static("cross-origin"),
    );
}

pub(super) fn value(text: &str) -> ApiResult<HeaderValue> {
    HeaderValue::from_str(text)
        .map_err(|_| ApiError::from(Error::internal("a header value is not visible ASCII")))
}

/// RFC 9110 §13.1.2: any of the listed tags, compared weakly, or `*`.
pub(super) fn is_current(headers: &HeaderMap, etag: &str) -> bool {
    headers
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .any(|list| {
            list.split(',')
                .map(str::trim)
                .any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag)
        })
}
