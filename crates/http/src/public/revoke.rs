//! `POST /auth/revoke`

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use doorward_domain::AppId;
use doorward_domain::secret::SecretText;
use doorward_service::sessions;
use serde::Serialize;
use utoipa::ToSchema;

use super::PublicFace;
use crate::docs::refusals;
use crate::error::ApiResult;
use crate::read::{AppBody, secret};
use crate::shell::Meta;

/// A session is to end.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "documents the body, which the handler takes apart"
)]
pub(super) struct RevokeRequest {
    /// The app.
    #[schema(value_type = uuid::Uuid)]
    app_id: AppId,
    /// Its secret.
    #[schema(value_type = String, max_length = 4096, example = "<64 hex characters>")]
    app_secret: SecretText,
    /// Any refresh token of the session.
    #[schema(value_type = String, max_length = 4096)]
    refresh_token: SecretText,
}

/// It was done.
#[derive(Serialize, ToSchema)]
pub(crate) struct Success {
    /// Always true.
    pub(crate) success: bool,
}

impl Success {
    pub(crate) const fn new() -> Self {
        Self { success: true }
    }
}

refusals!(RevokeRefusals = ALWAYS | BODY | APP);

/// Sign out
///
/// Ends the session that the token belongs to. A token that is unknown or already dead is no error.
#[utoipa::path(
    post, path = "/auth/revoke", operation_id = "revoke", tag = "Sessions",
    request_body = RevokeRequest,
    responses((status = 200, description = "The session is over.", body = Success), RevokeRefusals),
    security((), ("app" = [])),
)]
pub(super) async fn revoke(
    State(face): State<Arc<PublicFace>>,
    meta: Meta,
    mut body: AppBody,
) -> ApiResult<Json<Success>> {
    let token = body.fields.required("refresh_token", secret);
    let (credentials, token) = body.finish(|| token)?;
    let app = face.authenticate(&meta, credentials).await?;
    sessions::revoke(&face.core, &app, &token).await?;
    Ok(Json(Success { success: true }))
}
