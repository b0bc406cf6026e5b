//! `POST /admin/apps/{app_id}/licenses/{license_id}/suspend`, `…/resume` and `…/revoke`

use std::sync::Arc;

use axum::extract::{Path, State};
use doorward_domain::reason::Reason;
use doorward_service::licenses::{self, Asker, Which};
use utoipa::ToSchema;

use super::ids;
use crate::docs::refusals;
use crate::error::ApiResult;
use crate::license::fields;
use crate::license::view::{LicenseView, Tagged};
use crate::operator::OperatorFace;
use crate::operator::auth::Authenticated;
use crate::operator::deliberate::meant;
use crate::read::{Fields, JsonBody};

/// Why.
#[derive(ToSchema)]
#[expect(dead_code, reason = "documents the body, which `reason` takes apart")]
pub(crate) struct EndAppLicenseRequest {
    /// Why: kept with the licence and in the audit log.
    #[schema(min_length = 1, max_length = 200)]
    reason: Option<String>,
}

refusals!(
    SuspendAppLicenseRefusals = ALWAYS | OPERATOR | BODY + AppNotFound,
    LicenseNotFound,
    LicenseRevoked
);

refusals!(
    ResumeAppLicenseRefusals = ALWAYS | OPERATOR + ValidationError,
    AppNotFound,
    LicenseNotFound,
    LicenseRevoked
);

refusals!(
    RevokeAppLicenseRefusals = ALWAYS | OPERATOR | BODY + AppNotFound,
    LicenseNotFound,
    LicenseAlreadyRevoked
);

/// Suspend a licence
///
/// Until it is resumed. Doing it twice is no error. The body may be left out. Scope
/// `licenses:write`.
#[utoipa::path(
    post, path = "/admin/apps/{app_id}/licenses/{license_id}/suspend", operation_id = "suspendAppLicense", tag = "Licences",
    params(
        ("app_id" = uuid::Uuid, Path, description = "The app."),
        ("license_id" = uuid::Uuid, Path, description = "The licence."),
    ),
    request_body = Option<EndAppLicenseRequest>,
    responses(
        (status = 200, description = "The licence.", body = LicenseView,
            headers(("ETag" = String, description = "Its version, for `If-Match`."))),
        SuspendAppLicenseRefusals,
    ),
    security(("admin_key" = [])),
)]
pub(crate) async fn suspend(
    State(face): State<Arc<OperatorFace>>,
    Authenticated(operator): Authenticated,
    Path(path): Path<(String, String)>,
    body: Option<JsonBody>,
) -> ApiResult<Tagged<LicenseView>> {
    let (app_id, id) = ids(&path)?;
    let reason = reason(body)?;
    let asker = Asker::Operator(operator, app_id);
    let license = licenses::suspend(&face.core, &asker, Which::Id(id), reason).await?;
    Ok(Tagged::license(license, face.core.clock.now()))
}

/// Resume a suspended licence
///
/// Doing it twice is no error. Scope `licenses:write`.
#[utoipa::path(
    post, path = "/admin/apps/{app_id}/licenses/{license_id}/resume", operation_id = "resumeAppLicense", tag = "Licences",
    params(
        ("app_id" = uuid::Uuid, Path, description = "The app."),
        ("license_id" = uuid::Uuid, Path, description = "The licence."),
    ),
    responses(
        (status = 200, description = "The licence.", body = LicenseView,
            headers(("ETag" = String, description = "Its version, for `If-Match`."))),
        ResumeAppLicenseRefusals,
    ),
    security(("admin_key" = [])),
)]
pub(crate) async fn resume(
    State(face): State<Arc<OperatorFace>>,
    Authenticated(operator): Authenticated,
    Path(path): Path<(String, String)>,
) -> ApiResult<Tagged<LicenseView>> {
    let (app_id, id) = ids(&path)?;
    let asker = Asker::Operator(operator, app_id);
    let license = licenses::resume(&face.core, &asker, Which::Id(id)).await?;
    Ok(Tagged::license(license, face.core.clock.now()))
}

/// A licence is to end for good.
#[derive(ToSchema)]
#[expect(dead_code, reason = "documents the body, which `meant` takes apart")]
pub(crate) struct RevokeAppLicenseRequest {
    /// Why: kept with the licence and in the audit log. No e-mail address or phone number.
    #[schema(value_type = String, min_length = 3, max_length = 200)]
    reason: Reason,
    /// The licence's id, once more.
    #[schema(max_length = 254)]
    confirm: String,
}

/// Revoke a licence for good
///
/// Its devices are refused from now on, and nothing brings it back. Scope `licenses:write`.
#[utoipa::path(
    post, path = "/admin/apps/{app_id}/licenses/{license_id}/revoke", operation_id = "revokeAppLicense", tag = "Licences",
    params(
        ("app_id" = uuid::Uuid, Path, description = "The app."),
        ("license_id" = uuid::Uuid, Path, description = "The licence."),
    ),
    request_body = RevokeAppLicenseRequest,
    responses(
        (status = 200, description = "The licence.", body = LicenseView,
            headers(("ETag" = String, description = "Its version, for `If-Match`."))),
        RevokeAppLicenseRefusals,
    ),
    security(("admin_key" = [])),
)]
pub(crate) async fn revoke(
    State(face): State<Arc<OperatorFace>>,
    Authenticated(operator): Authenticated,
    Path(path): Path<(String, String)>,
    body: JsonBody,
) -> ApiResult<Tagged<LicenseView>> {
    let (app_id, id) = ids(&path)?;
    let mut fields = Fields::from(body);
    let meant = meant(&mut fields);
    fields.refuse_unknown();
    let deliberate = fields.finish(|| meant)?.by(&operator)?;
    let which = Which::Id(id);
    let license =
        licenses::revoke_deliberately(&face.core, &operator, app_id, which, deliberate).await?;
    Ok(Tagged::license(license, face.core.clock.now()))
}

fn reason(body: Option<JsonBody>) -> ApiResult<Option<String>> {
    let mut fields = body.map_or_else(Fields::empty, Fields::from);
    let reason = fields::reason(&mut fields);
    fields.refuse_unknown();
    fields.finish(|| reason)
}
