//! `POST /auth/roles/assign` and `POST /auth/roles/revoke`

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use doorward_domain::role::RoleName;
use doorward_domain::secret::SecretText;
use doorward_domain::{AppId, TenantId, UserId};
use doorward_service::Caller;
use doorward_service::roles::{self, RoleChange};
use utoipa::ToSchema;

use super::{PublicFace, Success};
use crate::docs::refusals;
use crate::error::ApiResult;
use crate::read::{AppBody, AppCredentials, uuid};
use crate::shell::Meta;

/// A role is given.
#[derive(ToSchema)]
#[expect(dead_code, reason = "documents the body, which `read` takes apart")]
pub(super) struct AssignRoleRequest {
    /// The app.
    #[schema(value_type = uuid::Uuid)]
    app_id: AppId,
    /// Its secret.
    #[schema(value_type = String, max_length = 4096, example = "<64 hex characters>")]
    app_secret: SecretText,
    /// Whose role.
    #[schema(value_type = uuid::Uuid)]
    user_id: UserId,
    /// In which organization.
    #[schema(value_type = uuid::Uuid)]
    tenant_id: TenantId,
    /// `owner`, `admin`, `staff`, `viewer`, or one that the app defines.
    #[schema(value_type = String, pattern = "^[a-z][a-z0-9_-]{0,31}$", example = "staff")]
    role: RoleName,
}

/// A role is taken.
#[derive(ToSchema)]
#[expect(dead_code, reason = "documents the body, which `read` takes apart")]
pub(super) struct RevokeRoleRequest {
    /// The app.
    #[schema(value_type = uuid::Uuid)]
    app_id: AppId,
    /// Its secret.
    #[schema(value_type = String, max_length = 4096, example = "<64 hex characters>")]
    app_secret: SecretText,
    /// Whose role.
    #[schema(value_type = uuid::Uuid)]
    user_id: UserId,
    /// In which organization.
    #[schema(value_type = uuid::Uuid)]
    tenant_id: TenantId,
    /// Which one; absent: all, which ends the membership.
    #[schema(value_type = Option<String>, pattern = "^[a-z][a-z0-9_-]{0,31}$")]
    role: Option<RoleName>,
}

refusals!(
    AssignRoleRefusals = ALWAYS | BODY | APP + TenantNotFound,
    UserNotFound,
    UserDeleted,
    RoleNotFound,
    Conflict
);

/// Give a user a role in an organization
///
/// Makes the user a member. It is in the access token from the next refresh or sign-in on. Doing it
/// twice is no error.
#[utoipa::path(
    post, path = "/auth/roles/assign", operation_id = "assignRole", tag = "Organizations",
    request_body = AssignRoleRequest,
    responses((status = 200, description = "The user has the role.", body = Success), AssignRoleRefusals),
    security((), ("app" = [])),
)]
pub(super) async fn assign(
    State(face): State<Arc<PublicFace>>,
    meta: Meta,
    body: AppBody,
) -> ApiResult<Json<Success>> {
    let (credentials, change) = read(body, true)?;
    let app = face.authenticate(&meta, credentials).await?;
    roles::assign(&face.core, Caller::App(&app), change).await?;
    Ok(Json(Success { success: true }))
}

refusals!(
    RevokeRoleRefusals = ALWAYS | BODY | APP + TenantNotFound,
    UserNotFound,
    RoleNotFound,
    LastOwner
);

/// Take a role from a user in an organization
///
/// Without `role` all of them, and with the last one the membership ends. It is gone from the
/// access token at the next refresh; `POST /auth/revoke-user` has it end at once.
#[utoipa::path(
    post, path = "/auth/roles/revoke", operation_id = "revokeRole", tag = "Organizations",
    request_body = RevokeRoleRequest,
    responses((status = 200, description = "The user has it no more.", body = Success), RevokeRoleRefusals),
    security((), ("app" = [])),
)]
pub(super) async fn revoke(
    State(face): State<Arc<PublicFace>>,
    meta: Meta,
    body: AppBody,
) -> ApiResult<Json<Success>> {
    let (credentials, change) = read(body, false)?;
    let app = face.authenticate(&meta, credentials).await?;
    roles::revoke(&face.core, Caller::App(&app), change).await?;
    Ok(Json(Success { success: true }))
}

fn read(mut body: AppBody, role_is_due: bool) -> ApiResult<(AppCredentials, RoleChange)> {
    let fields = &mut body.fields;
    let user_id = fields.required("user_id", uuid);
    let tenant_id = fields.required("tenant_id", uuid);
    let role = if role_is_due {
        fields.required("role", RoleName::parse).map(Some)
    } else {
        fields.optional("role", RoleName::parse)
    };
    body.finish(|| {
        Some(RoleChange {
            user_id: user_id?,
            tenant_id: tenant_id?,
            role: role?,
        })
    })
}
