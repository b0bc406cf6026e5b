//! `GET /apps/{app_id}/revocations`

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use doorward_domain::{AppId, Code};
use doorward_service::Error;
use doorward_service::revocations::{self, Document, FEED_WAIT_MAX};
use hyper::body::Bytes;

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

/// Places for those who ask: never those that sign-ins need. Anybody may wait, so all places for
/// that may be taken; who finds none is answered at once, because a consumer that hears nothing for
/// minutes may have chosen to refuse every token.
#[derive(Clone)]
pub(super) struct Places {
    waiting: InFlight,
    fetching: InFlight,
}

impl Places {
    /// Half as many of each as requests may be in flight.
    pub(super) fn of(max_in_flight: usize) -> Self {
        Self {
            waiting: InFlight::new(max_in_flight / 2),
            fetching: InFlight::new(max_in_flight / 2),
        }
    }
}

/// The document's text, which all answers share.
struct Text(Arc<Document>);

impl AsRef<[u8]> for Text {
    fn as_ref(&self) -> &[u8] {
        self.0.text.as_bytes()
    }
}

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
    Extension(places): Extension<Places>,
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
    let known = one_tag(&headers).filter(|_| !wait.is_zero());
    let waits = known.and_then(|etag| Some((etag, places.waiting.take(meta.ip())?)));
    let (document, place) = match waits {
        Some((etag, place)) => {
            let longest = face.options.request_timeout.saturating_sub(MARGIN);
            let document = revocations::next(&face.core, app_id, &etag, wait.min(longest)).await?;
            (document, place)
        }
        None => {
            let place = places
                .fetching
                .take(meta.ip())
                .ok_or_else(|| Error::new(Code::ServiceUnavailable).with_retry_after(1))?;
            (revocations::current(&face.core, app_id).await?, place)
        }
    };
    let mut response = if is_current(&headers, &document.etag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let kind = [(header::CONTENT_TYPE, "application/jwt")];
        (kind, Bytes::from_owner(Text(Arc::clone(&document)))).into_response()
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
