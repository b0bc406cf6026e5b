//! `PATCH /admin/apps/{app_id}/licenses/{license_id}` and
//! `DELETE /admin/apps/{app_id}/licenses/{license_id}/activations/{activation_id}`

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use doorward_domain::time::iso;
use doorward_service::Error;
use doorward_service::licenses::{self, Asker, Release, Which};
use utoipa::ToSchema;

use super::ids;
use crate::docs::refusals;
use crate::error::ApiResult;
use crate::license::view::{LicenseView, Tagged};
use crate::license::{documented, fields};
use crate::operator::OperatorFace;
use crate::operator::apps::if_match;
use crate::operator::auth::Authenticated;
use crate::read::{Fields, JsonBody, uuid};

/// New terms (RFC 7396): what is absent stays, `null` empties a field.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "documents the body, which the handler takes apart"
)]
pub(crate) struct UpdateAppLicenseRequest {
    /// A name for people.
    #[schema(min_length = 1, max_length = 200)]
    label: Option<String>,
    /// Whom it is sold to.
    #[schema(min_length = 1, max_length = 200)]
    issued_to: Option<String>,
    /// Its new end, in the future; null for none.
    #[schema(format = DateTime)]
    expires_at: Option<String>,
    /// Device slots: not fewer than are in use.
    #[schema(minimum = 1, maximum = 100_000)]
    max_activations: Option<i64>,
    /// Merged into the entitlements.
    #[schema(schema_with = documented::entitlements_patch, required = false)]
    entitlements: (),
    /// Merged into the metadata.
    #[schema(value_type = Option<Object>)]
    metadata: Option<()>,
}

refusals!(
    UpdateAppLicenseRefusals = ALWAYS | OPERATOR | BODY + AppNotFound,
    LicenseNotFound,
    LicenseRevoked,
    Conflict
);

/// Change or renew a licence
///
/// A suspended or expired one can be changed, a revoked one not. `If-Match` with the ETag keeps two
/// operators from overwriting each other. Scope `licenses:write`.
#[utoipa::path(
    patch, path = "/admin/apps/{app_id}/licenses/{license_id}", operation_id = "updateAppLicense", tag = "Licences",
    params(
        ("app_id" = uuid::Uuid, Path, description = "The app."),
        ("license_id" = uuid::Uuid, Path, description = "The licence."),
        ("If-Match" = Option<String>, Header, pattern = "^(\"[0-9]{1,18}\"|\\*)$", description = "The ETag the change was made against."),
    ),
    request_body = UpdateAppLicenseRequest,
    responses(
        (status = 200, description = "The licence after the change.", body = LicenseView,
            headers(("ETag" = String, description = "Its version, for `If-Match`."))),
        UpdateAppLicenseRefusals,
    ),
    security(("admin_key" = [])),
)]
pub(crate) async fn update(
    State(face): State<Arc<OperatorFace>>,
    Authenticated(operator): Authenticated,
    Path(path): Path<(String, String)>,
    headers: HeaderMap,
    body: JsonBody,
) -> ApiResult<Tagged<LicenseView>> {
    let (app_id, id) = ids(&path)?;
    let mut fields = Fields::from(body);
    let change = fields::change(&mut fields);
    let expected = if_match(&headers, &mut fields);
    fields.refuse_unknown();
    let (mut change, expected) = fields.finish(|| Some((change?, expected?)))?;
    change.expected_version = expected;
    let asker = Asker::Operator(operator, app_id);
    let license = licenses::update(&face.core, &asker, Which::Id(id), change).await?;
    Ok(Tagged::license(license, face.core.clock.now()))
}

refusals!(
    DeactivateAppLicenseRefusals = ALWAYS | OPERATOR + ValidationError,
    AppNotFound;
    404: LicenseNotActivated
);

/// Deactivate a device
///
/// Frees its slot at once. Scope `licenses:write`.
#[utoipa::path(
    delete, path = "/admin/apps/{app_id}/licenses/{license_id}/activations/{activation_id}",
    operation_id = "deactivateAppLicense", tag = "Licences",
    params(
        ("app_id" = uuid::Uuid, Path, description = "The app."),
        ("license_id" = uuid::Uuid, Path, description = "The licence."),
        ("activation_id" = uuid::Uuid, Path, description = "The device's slot."),
    ),
    responses((status = 204, description = "Its slot is free."), DeactivateAppLicenseRefusals),
    security(("admin_key" = [])),
)]
pub(crate) async fn deactivate(
    State(face): State<Arc<OperatorFace>>,
    Authenticated(operator): Authenticated,
    Path((app, license, device)): Path<(String, String, String)>,
) -> ApiResult<StatusCode> {
    let (app_id, license) = ids(&(app, license))?;
    let device = uuid(&device).map_err(|message| Error::field("activation_id", message))?;
    let asker = Asker::Operator(operator, app_id);
    licenses::deactivate(&face.core, &asker, device, Some(license))
        .await
        .map_err(crate::license::no_such_activation)?;
    Ok(StatusCode::NO_CONTENT)
}

/// When the slot is free.
#[derive(serde::Serialize, ToSchema)]
pub(crate) struct ReleasedSlot {
    /// Until then it stays taken, and the device can come back to it.
    #[schema(format = DateTime)]
    slot_free_at: String,
}

refusals!(
    ReleaseAppLicenseRefusals = ALWAYS | OPERATOR + ValidationError,
    AppNotFound,
    LicenseNotFound,
    LicenseRevoked,
    LicenseSuspended,
    LicenseExpired,
    RateLimited;
    404: LicenseNotActivated
);

/// Release a lost device as the holder of the licence would
///
/// Its slot cools off first, as the app's settings say; they may forbid it. Scope `licenses:write`.
#[utoipa::path(
    post, path = "/admin/apps/{app_id}/licenses/{license_id}/activations/{activation_id}/release",
    operation_id = "releaseAppLicense", tag = "Licences",
    params(
        ("app_id" = uuid::Uuid, Path, description = "The app."),
        ("license_id" = uuid::Uuid, Path, description = "The licence."),
        ("activation_id" = uuid::Uuid, Path, description = "The device's slot."),
    ),
    responses((status = 200, description = "Released.", body = ReleasedSlot), ReleaseAppLicenseRefusals),
    security(("admin_key" = [])),
)]
pub(crate) async fn release(
    State(face): State<Arc<OperatorFace>>,
    Authenticated(operator): Authenticated,
    Path((app, license, device)): Path<(String, String, String)>,
) -> ApiResult<Json<ReleasedSlot>> {
    let (app_id, license) = ids(&(app, license))?;
    let activation_id = uuid(&device).map_err(|message| Error::field("activation_id", message))?;
    let asker = Asker::Operator(operator, app_id);
    let request = Release {
        which: Which::Id(license),
        activation_id,
    };
    let free_at = licenses::release(&face.core, &asker, request)
        .await
        .map_err(crate::license::no_such_activation)?;
    Ok(Json(ReleasedSlot {
        slot_free_at: iso(free_at),
    }))
}
