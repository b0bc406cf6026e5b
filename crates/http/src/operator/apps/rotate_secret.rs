//! `POST /admin/apps/{app_id}/rotate-secret`

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use doorward_domain::AppId;
use doorward_service::apps;
use serde::Serialize;
use utoipa::ToSchema;

use super::app_id;
use crate::docs::refusals;
use crate::error::ApiResult;
use crate::operator::OperatorFace;
use crate::operator::creating::Creating;

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

refusals!(RotateSecretRefusals = ALWAYS | OPERATOR | BODY + AppNotFound);

/// Replace an app's secret
///
/// The old secret dies at once on every node, unless an overlap is chosen. The body may be left
/// out. Scope `apps:write`.
#[utoipa::path(
    post, path = "/admin/apps/{app_id}/rotate-secret", operation_id = "rotateAppSecret", tag = "Apps",
    params(("app_id" = uuid::Uuid, Path, description = "The app.")),
    request_body = Option<RotateSecretRequest>,
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
    fields.refuse_unknown();
    let overlap = fields.finish(|| overlap)?;
    let secret = apps::rotate_secret(&face.core, &operator, id, overlap).await?;
    Ok(Json(RotatedSecret {
        app_id: id,
        app_secret: secret.expose().to_owned(),
    }))
}
