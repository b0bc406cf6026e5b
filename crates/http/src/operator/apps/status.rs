//! `POST /admin/apps/{app_id}/deactivate` and `/reactivate`

use std::sync::Arc;

use axum::extract::{Path, State};
use doorward_service::apps;

use super::{AppView, app_id};
use crate::docs::refusals;
use crate::error::ApiResult;
use crate::operator::OperatorFace;
use crate::operator::auth::Authenticated;
use crate::operator::deliberate::{DangerousRequest, meant};
use crate::read::{Fields, JsonBody};

refusals!(DeactivateAppRefusals = ALWAYS | OPERATOR | BODY + AppNotFound);
refusals!(
    AppStatusRefusals = ALWAYS | OPERATOR + ValidationError,
    AppNotFound
);

/// Switch an app off
///
/// It signs nobody in and refreshes nothing; its API answers as for a wrong secret. Doing it twice
/// is no error. Scope `apps:write`.
#[utoipa::path(
    post, path = "/admin/apps/{app_id}/deactivate", operation_id = "deactivateApp", tag = "Apps",
    params(("app_id" = uuid::Uuid, Path, description = "The app.")),
    request_body = DangerousRequest,
    responses((status = 200, description = "It is off.", body = AppView), DeactivateAppRefusals),
    security(("admin_key" = [])),
)]
pub(crate) async fn deactivate(
    State(face): State<Arc<OperatorFace>>,
    Authenticated(operator): Authenticated,
    Path(id): Path<String>,
    body: JsonBody,
) -> ApiResult<AppView> {
    let id = app_id(&id)?;
    let mut fields = Fields::from(body);
    let meant = meant(&mut fields);
    fields.refuse_unknown();
    let deliberate = fields.finish(|| meant)?.by(&operator)?;
    Ok(apps::deactivate(&face.core, &operator, id, deliberate)
        .await?
        .into())
}

/// Switch an app on again
///
/// Doing it twice is no error. Scope `apps:write`.
#[utoipa::path(
    post, path = "/admin/apps/{app_id}/reactivate", operation_id = "reactivateApp", tag = "Apps",
    params(("app_id" = uuid::Uuid, Path, description = "The app.")),
    responses((status = 200, description = "It is on.", body = AppView), AppStatusRefusals),
    security(("admin_key" = [])),
)]
pub(crate) async fn reactivate(
    State(face): State<Arc<OperatorFace>>,
    Authenticated(operator): Authenticated,
    Path(id): Path<String>,
) -> ApiResult<AppView> {
    Ok(apps::reactivate(&face.core, &operator, app_id(&id)?)
        .await?
        .into())
}
