//! `POST /admin/apps/{app_id}/rotate-secret`

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use doorward_domain::AppId;
use doorward_domain::reason::Reason;
use doorward_domain::secret::AppSecret;
use doorward_service::apps;
use serde::Serialize;
use utoipa::ToSchema;

use super::app_id;
use crate::docs::refusals;
use crate::error::ApiResult;
use crate::operator::OperatorFace;
use crate::operator::creating::Creating;
use crate::operator::deliberate::meant;

/// How to replace the secret.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "documents the body, which the handler takes apart"
)]
pub(crate) struct RotateSecretRequest {
    /// Accept the former secret for so many seconds. Absent: it dies at once.
    #[schema(minimum = 1, maximum = 604_800)]
    overlap_seconds: Option<i64>,
    /// Why; it goes to the audit and stays there. No e-mail address or phone number.
    #[schema(value_type = String, min_length = 3, max_length = 500)]
    reason: Reason,
    /// The slug or id of the app, once more.
    #[schema(max_length = 254)]
    confirm: String,
}

/// The new secret, shown this once.
#[derive(Serialize, ToSchema)]
pub(crate) struct RotatedSecret {
    /// The app.
    #[schema(value_type = uuid::Uuid)]
    app_id: AppId,
    /// The secret: 64 hex characters.
    app_secret: String,
}

impl RotatedSecret {
    pub(crate) fn new(app_id: AppId, secret: &AppSecret) -> Self {
        Self {
            app_id,
            app_secret: secret.expose().to_owned(),
        }
    }
}

refusals!(RotateSecretRefusals = ALWAYS | OPERATOR | BODY + AppNotFound);

/// Replace an app's secret
///
/// The old secret dies at once on every node, unless an overlap is chosen. Scope `apps:write`.
#[utoipa::path(
    post, path = "/admin/apps/{app_id}/rotate-secret", operation_id = "rotateAppSecret", tag = "Apps",
    params(("app_id" = uuid::Uuid, Path, description = "The app.")),
    request_body = RotateSecretRequest,
    responses((status = 200, description = "Replaced.", body = RotatedSecret), RotateSecretRefusals),
    security(("admin_key" = [])),
)]
pub(crate) async fn rotate_secret(
    State(face): State<Arc<OperatorFace>>,
    Path(id): Path<String>,
    Creating {
        operator,
        mut fields,
    }: Creating,
) -> ApiResult<Json<RotatedSecret>> {
    let id = app_id(&id)?;
    let overlap = fields.optional_int("overlap_seconds", 1..=apps::MAX_OVERLAP_SECONDS);
    let meant = meant(&mut fields);
    fields.refuse_unknown();
    let (overlap, meant) = fields.finish(|| Some((overlap?, meant?)))?;
    let deliberate = meant.by(&operator)?;
    let secret = apps::rotate_secret(&face.core, &operator, id, overlap, deliberate).await?;
    Ok(Json(RotatedSecret::new(id, &secret)))
}
