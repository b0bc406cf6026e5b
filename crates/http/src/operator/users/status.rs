//! `POST /admin/apps/{app_id}/users/{user_id}/deactivate` and `/reactivate`

use std::sync::Arc;

use axum::extract::{Path, State};
use doorward_domain::reason::Reason;
use doorward_service::users::{self, SetStatus};
use utoipa::ToSchema;

use super::{UserView, ids};
use crate::docs::refusals;
use crate::error::ApiResult;
use crate::operator::OperatorFace;
use crate::operator::auth::Authenticated;
use crate::operator::deliberate::reason;
use crate::read::{Fields, JsonBody};

/// A user is to be switched off.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "documents the body, which the handler takes apart"
)]
pub(crate) struct DeactivateUserRequest {
    /// Why; it goes to the audit and stays there. No e-mail address or phone number.
    #[schema(value_type = Option<String>, min_length = 3, max_length = 500)]
    reason: Option<Reason>,
    /// Do it although an organization is left without an active owner. Needs a reason.
    without_owner: Option<bool>,
}

refusals!(
    DeactivateUserRefusals = ALWAYS | OPERATOR | BODY + AppNotFound,
    UserNotFound,
    UserDeleted,
    LastOwner
);

/// Switch a user off
///
/// Its sessions end at once. Doing it twice is no error. The body may be left out. Scope
/// `users:write`.
#[utoipa::path(
    post, path = "/admin/apps/{app_id}/users/{user_id}/deactivate", operation_id = "deactivateUser", tag = "Users",
    params(
        ("app_id" = uuid::Uuid, Path, description = "The app."),
        ("user_id" = uuid::Uuid, Path, description = "The user."),
    ),
    request_body = Option<DeactivateUserRequest>,
    responses(
        (status = 200, description = "It is off.", body = UserView,
            headers(("ETag" = String, description = "Its version, for `If-Match`."))),
        DeactivateUserRefusals,
    ),
    security(("admin_key" = [])),
)]
pub(crate) async fn deactivate(
    State(face): State<Arc<OperatorFace>>,
    Authenticated(operator): Authenticated,
    Path(path): Path<(String, String)>,
    body: Option<JsonBody>,
) -> ApiResult<UserView> {
    let (app_id, user_id) = ids(path)?;
    let mut fields = body.map_or_else(Fields::empty, Fields::from);
    let reason = reason(&mut fields);
    let without_owner = fields.optional_bool("without_owner");
    fields.refuse_unknown();
    let request = fields.finish(|| {
        Some(SetStatus {
            reason: reason?,
            without_owner: without_owner?.unwrap_or(false),
        })
    })?;
    let user = users::deactivate(&face.core, &operator, app_id, user_id, request).await?;
    Ok(UserView::new(app_id, user))
}

/// Something is to be undone, or ended.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "documents the body, which the handlers take apart"
)]
pub(crate) struct ReasonRequest {
    /// Why; it goes to the audit and stays there. No e-mail address or phone number.
    #[schema(value_type = Option<String>, min_length = 3, max_length = 500)]
    reason: Option<Reason>,
}

/// Reads it.
pub(super) fn why(body: Option<JsonBody>) -> ApiResult<Option<Reason>> {
    let mut fields = body.map_or_else(Fields::empty, Fields::from);
    let reason = reason(&mut fields);
    fields.refuse_unknown();
    fields.finish(|| reason)
}

refusals!(
    ReactivateUserRefusals = ALWAYS | OPERATOR | BODY + AppNotFound,
    UserNotFound,
    UserDeleted
);

/// Switch a user on again
///
/// Its sessions stay ended. Doing it twice is no error. The body may be left out. Scope
/// `users:write`.
#[utoipa::path(
    post, path = "/admin/apps/{app_id}/users/{user_id}/reactivate", operation_id = "reactivateUser", tag = "Users",
    params(
        ("app_id" = uuid::Uuid, Path, description = "The app."),
        ("user_id" = uuid::Uuid, Path, description = "The user."),
    ),
    request_body = Option<ReasonRequest>,
    responses(
        (status = 200, description = "It is on.", body = UserView,
            headers(("ETag" = String, description = "Its version, for `If-Match`."))),
        ReactivateUserRefusals,
    ),
    security(("admin_key" = [])),
)]
pub(crate) async fn reactivate(
    State(face): State<Arc<OperatorFace>>,
    Authenticated(operator): Authenticated,
    Path(path): Path<(String, String)>,
    body: Option<JsonBody>,
) -> ApiResult<UserView> {
    let (app_id, user_id) = ids(path)?;
    let reason = why(body)?;
    let user = users::reactivate(&face.core, &operator, app_id, user_id, reason).await?;
    Ok(UserView::new(app_id, user))
}
