//! `POST /license/revoke`, `POST /license/suspend` and `POST /license/resume`

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use doorward_domain::secret::SecretText;
use doorward_domain::{AppId, LicenseId};
use doorward_service::licenses::{self, Asker, Which};
use utoipa::ToSchema;

use super::{PublicFace, Success};
use crate::docs::refusals;
use crate::error::ApiResult;
use crate::license::fields;
use crate::read::AppBody;
use crate::shell::Meta;

/// A licence is to be revoked or suspended. Exactly one of `license_key` and `license_id` is given.
#[derive(ToSchema)]
#[expect(dead_code, reason = "documents the body, which `read` takes apart")]
pub(super) struct EndLicenseRequest {
    /// The app.
    #[schema(value_type = uuid::Uuid)]
    app_id: AppId,
    /// Its secret.
    #[schema(value_type = String, max_length = 4096, example = "<64 hex characters>")]
    app_secret: SecretText,
    /// The key, as somebody typed it.
    #[schema(value_type = Option<String>, max_length = 4096, example = "ACME-0000-0000-0000-0000")]
    license_key: Option<SecretText>,
    /// The licence.
    #[schema(value_type = Option<uuid::Uuid>)]
    license_id: Option<LicenseId>,
    /// Why: kept with the licence and in the audit log.
    #[schema(min_length = 1, max_length = 200)]
    reason: Option<String>,
}

/// A licence is to be resumed. Exactly one of `license_key` and `license_id` is given.
#[derive(ToSchema)]
#[expect(dead_code, reason = "documents the body, which `read` takes apart")]
pub(super) struct ResumeLicenseRequest {
    /// The app.
    #[schema(value_type = uuid::Uuid)]
    app_id: AppId,
    /// Its secret.
    #[schema(value_type = String, max_length = 4096, example = "<64 hex characters>")]
    app_secret: SecretText,
    /// The key, as somebody typed it.
    #[schema(value_type = Option<String>, max_length = 4096, example = "ACME-0000-0000-0000-0000")]
    license_key: Option<SecretText>,
    /// The licence.
    #[schema(value_type = Option<uuid::Uuid>)]
    license_id: Option<LicenseId>,
}

refusals!(
    RevokeLicenseRefusals = ALWAYS | BODY | APP + LicenseInvalid,
    LicenseNotFound,
    LicenseAlreadyRevoked,
    RateLimited
);

refusals!(
    SuspendLicenseRefusals = ALWAYS | BODY | APP + LicenseInvalid,
    LicenseNotFound,
    LicenseRevoked,
    RateLimited
);

/// Revoke a licence for good
///
/// Its devices are refused from now on, and the entitlements leave its user's token at the next
/// refresh.
#[utoipa::path(
    post, path = "/license/revoke", operation_id = "revokeLicense", tag = "Licences",
    request_body = EndLicenseRequest,
    responses((status = 200, description = "It is revoked.", body = Success), RevokeLicenseRefusals),
    security((), ("app" = [])),
)]
pub(super) async fn revoke(
    State(face): State<Arc<PublicFace>>,
    meta: Meta,
    body: AppBody,
) -> ApiResult<Json<Success>> {
    let (asker, which, reason) = read(&face, &meta, body).await?;
    licenses::revoke(&face.core, &asker, which, reason).await?;
    Ok(Json(Success::new()))
}

/// Suspend a licence
///
/// Until it is resumed. Doing it twice is no error.
#[utoipa::path(
    post, path = "/license/suspend", operation_id = "suspendLicense", tag = "Licences",
    request_body = EndLicenseRequest,
    responses((status = 200, description = "It is suspended.", body = Success), SuspendLicenseRefusals),
    security((), ("app" = [])),
)]
pub(super) async fn suspend(
    State(face): State<Arc<PublicFace>>,
    meta: Meta,
    body: AppBody,
) -> ApiResult<Json<Success>> {
    let (asker, which, reason) = read(&face, &meta, body).await?;
    licenses::suspend(&face.core, &asker, which, reason).await?;
    Ok(Json(Success::new()))
}

/// Resume a suspended licence
///
/// Doing it twice is no error.
#[utoipa::path(
    post, path = "/license/resume", operation_id = "resumeLicense", tag = "Licences",
    request_body = ResumeLicenseRequest,
    responses((status = 200, description = "It is in use.", body = Success), SuspendLicenseRefusals),
    security((), ("app" = [])),
)]
pub(super) async fn resume(
    State(face): State<Arc<PublicFace>>,
    meta: Meta,
    body: AppBody,
) -> ApiResult<Json<Success>> {
    let (asker, which, _) = read(&face, &meta, body).await?;
    licenses::resume(&face.core, &asker, which).await?;
    Ok(Json(Success::new()))
}

async fn read(
    face: &PublicFace,
    meta: &Meta,
    mut body: AppBody,
) -> ApiResult<(Asker, Which, Option<String>)> {
    let which = fields::which(&mut body.fields);
    let reason = fields::reason(&mut body.fields);
    let (credentials, (which, reason)) = body.finish(|| Some((which?, reason?)))?;
    let app = face.authenticate(meta, credentials).await?;
    Ok((Asker::app(app, None), which, reason))
}
