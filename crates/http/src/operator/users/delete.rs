//! `POST /admin/apps/{app_id}/users/{user_id}/delete`, `/restore` and `/erase`

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use doorward_domain::reason::Reason;
use doorward_service::Operator;
use doorward_service::users::{self, DeleteUser};
use serde::Serialize;
use utoipa::ToSchema;

use super::status::{ReasonRequest, why};
use super::{UserView, ids};
use crate::docs::refusals;
use crate::error::ApiResult;
use crate::operator::OperatorFace;
use crate::operator::auth::Authenticated;
use crate::operator::deliberate::meant;
use crate::read::{Fields, JsonBody};

/// A user is to be deleted or erased.
#[derive(ToSchema)]
#[expect(dead_code, reason = "documents the body, which `read` takes apart")]
pub(crate) struct DeleteUserRequest {
    /// Why; it goes to the audit and stays there. No e-mail address or phone number.
    #[schema(value_type = String, min_length = 3, max_length = 500)]
    reason: Reason,
    /// The user's id, e-mail address or phone number, once more.
    #[schema(max_length = 254)]
    confirm: String,
    /// Do it although an organization is left without an active owner.
    without_owner: Option<bool>,
}

fn read(operator: &Operator, body: JsonBody) -> ApiResult<DeleteUser> {
    let mut fields = Fields::from(body);
    let meant = meant(&mut fields);
    let without_owner = fields.optional_bool("without_owner");
    fields.refuse_unknown();
    let (meant, without_owner) = fields.finish(|| Some((meant?, without_owner?)))?;
    Ok(DeleteUser {
        deliberate: meant.by(operator)?,
        without_owner: without_owner.unwrap_or(false),
    })
}

refusals!(
    DeleteUserRefusals = ALWAYS | OPERATOR | BODY + AppNotFound,
    UserNotFound,
    LastOwner
);

/// Delete a user softly
///
/// Its sessions end and it signs in nowhere. For 30 days it can be restored, and nobody else gets its
/// addresses; then it is erased. Doing it twice is no error. Scope `users:write`.
#[utoipa::path(
    post, path = "/admin/apps/{app_id}/users/{user_id}/delete", operation_id = "deleteUser", tag = "Users",
    params(
        ("app_id" = uuid::Uuid, Path, description = "The app."),
        ("user_id" = uuid::Uuid, Path, description = "The user."),
    ),
    request_body = DeleteUserRequest,
    responses(
        (status = 200, description = "It is deleted.", body = UserView,
            headers(("ETag" = String, description = "Its version, for `If-Match`."))),
        DeleteUserRefusals,
    ),
    security(("admin_key" = [])),
)]
pub(crate) async fn delete(
    State(face): State<Arc<OperatorFace>>,
    Authenticated(operator): Authenticated,
    Path(path): Path<(String, String)>,
    body: JsonBody,
) -> ApiResult<UserView> {
    let (app_id, user_id) = ids(path)?;
    let request = read(&operator, body)?;
    let user = users::delete(&face.core, &operator, app_id, user_id, request).await?;
    Ok(UserView::new(app_id, user))
}

refusals!(
    EraseUserRefusals = ALWAYS | OPERATOR | BODY + AppNotFound,
    UserNotFound,
    LastOwner,
    Conflict
);

refusals!(
    RestoreUserRefusals = ALWAYS | OPERATOR | BODY + AppNotFound,
    UserNotFound,
    Conflict
);

/// Restore a deleted user
///
/// It is what it was before, active or deactivated; its sessions stay ended. The body may be left out.
/// Scope `users:write`.
#[utoipa::path(
    post, path = "/admin/apps/{app_id}/users/{user_id}/restore", operation_id = "restoreUser", tag = "Users",
    params(
        ("app_id" = uuid::Uuid, Path, description = "The app."),
        ("user_id" = uuid::Uuid, Path, description = "The user."),
    ),
    request_body = Option<ReasonRequest>,
    responses(
        (status = 200, description = "It is restored.", body = UserView,
            headers(("ETag" = String, description = "Its version, for `If-Match`."))),
        RestoreUserRefusals,
    ),
    security(("admin_key" = [])),
)]
pub(crate) async fn restore(
    State(face): State<Arc<OperatorFace>>,
    Authenticated(operator): Authenticated,
    Path(path): Path<(String, String)>,
    body: Option<JsonBody>,
) -> ApiResult<UserView> {
    let (app_id, user_id) = ids(path)?;
    let reason = why(body)?;
    let user = users::restore(&face.core, &operator, app_id, user_id, reason).await?;
    Ok(UserView::new(app_id, user))
}

/// What an erasure came to.
#[derive(Serialize, ToSchema)]
pub(crate) struct ErasedUser {
    /// Whether everything is gone. If not, maintenance goes on with it.
    complete: bool,
    /// What is left: an id that nobody gets again.
    user: UserView,
}

/// Erase a person
///
/// Everything personal goes, at once and for good: addresses, sessions, memberships, messages and
/// codes; licences are revoked and emptied. The audit keeps the id. Export first what the person asked
/// for. Scope `users:write`.
#[utoipa::path(
    post, path = "/admin/apps/{app_id}/users/{user_id}/erase", operation_id = "eraseUser", tag = "Users",
    params(
        ("app_id" = uuid::Uuid, Path, description = "The app."),
        ("user_id" = uuid::Uuid, Path, description = "The user."),
    ),
    request_body = DeleteUserRequest,
    responses((status = 200, description = "Erased.", body = ErasedUser), EraseUserRefusals),
    security(("admin_key" = [])),
)]
pub(crate) async fn erase(
    State(face): State<Arc<OperatorFace>>,
    Authenticated(operator): Authenticated,
    Path(path): Path<(String, String)>,
    body: JsonBody,
) -> ApiResult<Json<ErasedUser>> {
    let (app_id, user_id) = ids(path)?;
    let request = read(&operator, body)?;
    let erased = users::erase(&face.core, &operator, app_id, user_id, request).await?;
    Ok(Json(ErasedUser {
        complete: erased.complete,
        user: UserView::new(app_id, erased.user),
    }))
}
