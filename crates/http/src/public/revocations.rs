//! `GET /apps/{app_id}/revocations`

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use doorward_domain::{AppId, Code};
use doorward_service::Error;
use doorward_service::revocations::{self, FEED_WAIT_MAX};

use super::PublicFace;
use super::jwks::{for_everybody, is_current, value};
use crate::docs::refusals;
use crate::error::ApiResult;
use crate::held;
use crate::read::{QueryFields, uuid};
use crate::shell::{InFlight, Meta};

/// Seconds that caches may keep a document nobody waited for.
const MAX_AGE: u32 = 5;
/// What is left of a request's time when the wait ends.
const MARGIN: Duration = Duration::from_secs(3);

refusals!(RevocationsRefusals = ALWAYS + ValidationError, AppNotFound);

/// Access tokens that no longer count
///
/// A signed document (JWS, `typ: revocations+jwt`) for consumers that do not want to wait for the
/// end of an access token: sessions that were ended, users whose sessions were, and whether the app
/// was switched off. Entries are hashes; only who holds a token can look it up. With `wait` and
/// `If-None-Match` the answer comes as soon as there is something new.
#[utoipa::path(
    get, path = "/apps/{app_id}/revocations", operation_id = "revocations", tag = "Keys",
    params(
        ("app_id" = uuid::Uuid, Path, description = "The app."),
        ("wait" = Option<u32>, Query, minimum = 0, maximum = 25, description = "Seconds to wait for something new, at most."),
        ("If-None-Match" = Option<String>, Header, description = "The ETag of the kept document."),
    ),
    responses(
        (status = 200, description = "The document.", body = String, content_type = "application/jwt",
            headers(("ETag" = String), ("Cache-Control" = String))),
        (status = 304, description = "The kept document is current."),
        RevocationsRefusals,
    ),
    security(()),
)]
pub(super) async fn revocations(
    State(face): State<Arc<PublicFace>>,
    Extension(waiting): Extension<InFlight>,
    meta: Meta,
    Path(app): Path<String>,
    headers: HeaderMap,
    QueryFields(mut fields): QueryFields,
) -> ApiResult<Response> {
    let app_id: AppId = uuid(&app).map_err(|message| Error::field("app_id", message))?;
    let wait = fields.optional("wait", |text| match text.parse::<u64>() {
        Ok(seconds) if seconds <= FEED_WAIT_MAX.as_secs() => Ok(Duration::from_secs(seconds)),
        _ => Err("Must be a whole number from 0 to 25"),
    });
    fields.refuse_unknown();
    let wait = fields.finish(|| wait)?.unwrap_or_default();
    // Who waits holds a place, but none of those that sign-ins need.
    let place = waiting
        .take(meta.ip())
        .ok_or_else(|| Error::new(Code::ServiceUnavailable).with_retry_after(1))?;
    let known = one_tag(&headers).filter(|_| !wait.is_zero());
    let document = match known {
        Some(etag) => {
            let longest = face.options.request_timeout.saturating_sub(MARGIN);
            revocations::next(&face.core, app_id, &etag, wait.min(longest)).await?
        }
        None => revocations::current(&face.core, app_id).await?,
    };
    let mut response = if is_current(&headers, &document.etag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let kind = [(header::CONTENT_TYPE, "application/jwt")];
        (kind, document.text.clone()).into_response()
    };
    let caching = if wait.is_zero() {
        format!("public, max-age={MAX_AGE}")
    } else {
        "no-cache".to_owned()
    };
    let out = response.headers_mut();
    out.insert(header::ETAG, value(&document.etag)?);
    out.insert(header::CACHE_CONTROL, value(&caching)?);
    for_everybody(out);
    Ok(held::until_end(response, place))
}

/// The tag of the document that the caller holds: one, strong or weak. `*` and lists wait for
/// nothing in particular.
fn one_tag(headers: &HeaderMap) -> Option<String> {
    let mut values = headers.get_all(header::IF_NONE_MATCH).iter();
    let text = values.next()?.to_str().ok()?.trim();
    let tag = text.strip_prefix("W/").unwrap_or(text);
    let alone = values.next().is_none() && !tag.contains(',');
    (alone && tag.len() <= 64 && tag.starts_with('"')).then(|| tag.to_owned())
}
