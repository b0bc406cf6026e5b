//! `GET /admin/apps/{app_id}`

use std::sync::Arc;

use axum::extract::{Path, State};
use doorward_service::apps;

use super::{AppView, app_id};
use crate::docs::refusals;
use crate::error::ApiResult;
use crate::operator::OperatorFace;
use crate::operator::auth::Authenticated;

refusals!(
    ShowAppRefusals = ALWAYS | OPERATOR + ValidationError,
    AppNotFound
);

/// Show an app
///
/// Scope `apps:read`.
#[utoipa::path(
    get, path = "/admin/apps/{app_id}", operation_id = "showApp", tag = "Apps",
    params(("app_id" = uuid::Uuid, Path, description = "The app.")),
    responses(
        (status = 200, description = "The app.", body = AppView,
            headers(("ETag" = String, description = "Its version, for `If-Match`."))),
        ShowAppRefusals,
    ),
    security(("admin_key" = [])),
)]
pub(crate) async fn show(
    State(face): State<Arc<OperatorFace>>,
    Authenticated(operator): Authenticated,
    Path(id): Path<String>,
) -> ApiResult<AppView> {
    Ok(apps::show(&face.core, &operator, app_id(&id)?)
        .await?
        .into())
}
