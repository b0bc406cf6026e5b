//! `If-Match` (RFC 9110 §13.1.1): a change is made against what its caller read, or not at all.
//!
//! Operations that declare it heed it. All others refuse it, instead of overwriting what the caller
//! meant to protect.

use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use doorward_service::Error;

use crate::error::ApiError;
use crate::read::Fields;

const WRONG: &str = "Must be the ETag of what is to change";

/// The version in `If-Match`: one strong tag, or `*`.
pub(super) fn if_match(headers: &HeaderMap, fields: &mut Fields) -> Option<Option<i64>> {
    let Some(tag) = if_match_tag(headers, fields)? else {
        return Some(None);
    };
    let version = tag.trim_matches('"').parse::<i64>().ok();
    if version.is_none() {
        fields.refuse("If-Match", WRONG);
    }
    version.map(Some)
}

/// The tag in `If-Match`, quotes included: one strong tag; `None` for `*`. The outer `None` means it was
/// refused.
pub(super) fn if_match_tag(headers: &HeaderMap, fields: &mut Fields) -> Option<Option<String>> {
    let Some(value) = headers.get(header::IF_MATCH) else {
        return Some(None);
    };
    let text = value.to_str().unwrap_or_default().trim();
    if text == "*" {
        return Some(None);
    }
    let tag = text
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
        .filter(|tag| (1..=64).contains(&tag.len()))
        .filter(|tag| tag.bytes().all(|b| b.is_ascii_graphic() && b != b'"'));
    if tag.is_none() {
        fields.refuse("If-Match", WRONG);
    }
    tag.map(|_| Some(text.to_owned()))
}

/// The operations that heed `If-Match`: those whose documentation says so, which a test compares.
const HEEDED: &[(&str, &str)] = &[
    ("PATCH", "/admin/apps/{app_id}"),
    ("PATCH", "/admin/apps/{app_id}/users/{user_id}"),
    ("PATCH", "/admin/apps/{app_id}/tenants/{tenant_id}"),
    ("PATCH", "/admin/apps/{app_id}/licenses/{license_id}"),
    ("PUT", "/admin/apps/{app_id}/roles/{role}"),
    ("DELETE", "/admin/apps/{app_id}/roles/{role}"),
    (
        "PUT",
        "/admin/apps/{app_id}/templates/{name}/{language}/{channel}",
    ),
    (
        "DELETE",
        "/admin/apps/{app_id}/templates/{name}/{language}/{channel}",
    ),
    ("PUT", "/admin/apps/{app_id}/delivery/{channel}"),
    ("DELETE", "/admin/apps/{app_id}/delivery/{channel}"),
];

/// Refuses the header where nothing heeds it.
pub(super) async fn refuse_unheeded(request: Request, next: Next) -> Response {
    if request.method().is_safe() || !request.headers().contains_key(header::IF_MATCH) {
        return next.run(request).await;
    }
    let path = request.extensions().get::<MatchedPath>();
    let path = path.map_or("", MatchedPath::as_str);
    if HEEDED.contains(&(request.method().as_str(), path)) {
        return next.run(request).await;
    }
    ApiError::from(Error::field("If-Match", "This call does not take it")).into_response()
}
