//! `GET /apps/{app_id}/license-keys.json` (RFC 7517 §5)

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use doorward_domain::AppId;
use doorward_service::{Error, license_keys};

use super::PublicFace;
use super::jwks::{Jwks, for_everybody, is_current, value};
use crate::docs::refusals;
use crate::error::ApiResult;
use crate::read::uuid;
use crate::shell::Meta;

refusals!(LicenseKeysRefusals = ALWAYS + ValidationError, AppNotFound);

/// The public keys that verify an app's licence files
///
/// To be built into the app's programs. Former keys stay for ever, because files they signed are
/// still in use. The keys of access tokens are others.
#[utoipa::path(
    get, path = "/apps/{app_id}/license-keys.json", operation_id = "licenseKeys", tag = "Keys",
    params(
        ("app_id" = uuid::Uuid, Path, description = "The app."),
        ("If-None-Match" = Option<String>, Header, description = "The ETag of a kept copy."),
    ),
    responses(
        (status = 200, description = "The keys.", body = Jwks,
            headers(("ETag" = String), ("Cache-Control" = String))),
        (status = 304, description = "The kept copy is current."),
        LicenseKeysRefusals,
    ),
    security(()),
)]
pub(super) async fn license_keys(
    State(face): State<Arc<PublicFace>>,
    meta: Meta,
    Path(app): Path<String>,
    headers: HeaderMap,
) -> ApiResult<Response> {
    let app_id: AppId = uuid(&app).map_err(|message| Error::field("app_id", message))?;
    let set = license_keys::published(&face.core, &meta.context(), app_id).await?;
    let mut response = if is_current(&headers, &set.etag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        ([(header::CONTENT_TYPE, "application/json")], set.jwks).into_response()
    };
    let max_age = face.core.settings.jwks_max_age_seconds.max(0);
    let out = response.headers_mut();
    out.insert(header::ETAG, value(&set.etag)?);
    out.insert(
        header::CACHE_CONTROL,
        value(&format!("public, max-age={max_age}"))?,
    );
    for_everybody(out);
    Ok(response)
}
