//! `POST /admin/apps/{app_id}/licenses/{license_id}/reveal`

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use doorward_domain::LicenseId;
use doorward_domain::license::parse_line;
use doorward_service::licenses;
use serde::Serialize;
use utoipa::ToSchema;

use super::ids;
use crate::docs::refusals;
use crate::error::ApiResult;
use crate::operator::OperatorFace;
use crate::operator::auth::Authenticated;
use crate::read::{Fields, JsonBody};

/// A key is to be shown again.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "documents the body, which the handler takes apart"
)]
pub(crate) struct RevealLicenseRequest {
    /// Why: kept in the audit log.
    #[schema(min_length = 1, max_length = 200)]
    reason: String,
}

/// The key of a licence.
#[derive(Serialize, ToSchema)]
pub(crate) struct RevealedLicense {
    /// The licence.
    #[schema(value_type = uuid::Uuid)]
    license_id: LicenseId,
    /// Its key.
    license_key: String,
}

refusals!(
    RevealLicenseRefusals = ALWAYS | OPERATOR | BODY + AppNotFound,
    LicenseNotFound,
    Conflict
);

/// Show the key of a licence again
///
/// The act is in the audit log, with its reason. Scope `licenses:write`.
#[utoipa::path(
    post, path = "/admin/apps/{app_id}/licenses/{license_id}/reveal", operation_id = "revealLicense", tag = "Licences",
    params(
        ("app_id" = uuid::Uuid, Path, description = "The app."),
        ("license_id" = uuid::Uuid, Path, description = "The licence."),
    ),
    request_body = RevealLicenseRequest,
    responses((status = 200, description = "The key.", body = RevealedLicense), RevealLicenseRefusals),
    security(("admin_key" = [])),
)]
pub(crate) async fn reveal(
    State(face): State<Arc<OperatorFace>>,
    Authenticated(operator): Authenticated,
    Path(path): Path<(String, String)>,
    body: JsonBody,
) -> ApiResult<Json<RevealedLicense>> {
    let (app_id, id) = ids(&path)?;
    let mut fields = Fields::from(body);
    let reason = fields.required("reason", parse_line);
    fields.refuse_unknown();
    let reason = fields.finish(|| reason)?;
    let key = licenses::reveal(&face.core, &operator, app_id, id, reason).await?;
    Ok(Json(RevealedLicense {
        license_id: id,
        license_key: key.expose().to_owned(),
    }))
}
