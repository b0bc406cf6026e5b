//! `POST /auth/revoke-user`

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use doorward_domain::secret::SecretText;
use doorward_domain::{AppId, UserId};
use doorward_service::sessions;
use serde::Serialize;
use utoipa::ToSchema;

use super::PublicFace;
use crate::docs::refusals;
use crate::error::ApiResult;
use crate::read::{AppBody, uuid};
use crate::shell::Meta;

/// Every session of a user is to end.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "documents the body, which the handler takes apart"
)]
pub(super) struct RevokeUserRequest {
    /// The app.
    #[schema(value_type = uuid::Uuid)]
    app_id: AppId,
    /// Its secret.
    #[schema(value_type = String, max_length = 4096, example = "<64 hex characters>")]
    app_secret: SecretText,
    /// The user.
    #[schema(value_type = uuid::Uuid)]
    user_id: UserId,
}

/// It was done.
#[derive(Serialize, ToSchema)]
pub(super) struct RevokeUserAnswer {
    /// Always true.
    success: bool,
    /// How many sessions were alive.
    sessions_revoked: u64,
}

refusals!(RevokeUserRefusals = ALWAYS | BODY | APP + UserNotFound);

/// End every session of a user
///
/// Access tokens live on to their `exp`, 30 minutes at most unless the app sets another life.
#[utoipa::path(
    post, path = "/auth/revoke-user", operation_id = "revokeUser", tag = "Sessions",
    request_body = RevokeUserRequest,
    responses((status = 200, description = "The sessions are over.", body = RevokeUserAnswer), RevokeUserRefusals),
    security((), ("app" = [])),
)]
pub(super) async fn revoke_user(
    State(face): State<Arc<PublicFace>>,
    meta: Meta,
    mut body: AppBody,
) -> ApiResult<Json<RevokeUserAnswer>> {
    let user_id = body.fields.required("user_id", uuid);
    let (credentials, user_id) = body.finish(|| user_id)?;
    let app = face.authenticate(&meta, credentials).await?;
    let sessions_revoked = sessions::revoke_user(&face.core, &app, user_id).await?;
    Ok(Json(RevokeUserAnswer {
        success: true,
        sessions_revoked,
    }))
}
