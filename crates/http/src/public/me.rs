//! `GET /auth/me`

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use doorward_domain::{AppId, Code, TenantId, UserId};
use doorward_service::sessions;
use serde::Serialize;
use utoipa::ToSchema;

use super::PublicFace;
use crate::docs::refusals;
use crate::error::{ApiError, ApiResult, Challenge};
use crate::read::{Authorization, authorization};
use crate::shell::Meta;

/// What the access token says.
#[derive(Serialize, ToSchema)]
pub(super) struct MeAnswer {
    /// The user.
    #[schema(value_type = uuid::Uuid)]
    user_id: UserId,
    /// The app.
    #[schema(value_type = uuid::Uuid)]
    app_id: AppId,
    /// Its URL-safe name.
    app_slug: String,
    /// The organization the token speaks for.
    #[schema(value_type = Option<uuid::Uuid>)]
    tenant_id: Option<TenantId>,
    /// The roles in it; at most 16.
    roles: Vec<String>,
}

refusals!(
    MeRefusals = ALWAYS + TokenInvalid,
    TokenExpired,
    ValidationError
);

/// Who is signed in
///
/// Checks the access token as a consumer would, and shows what it says.
#[utoipa::path(
    get, path = "/auth/me", operation_id = "me", tag = "Sessions",
    responses((status = 200, description = "The token is valid.", body = MeAnswer), MeRefusals),
    security(("user" = [])),
)]
pub(super) async fn me(
    State(face): State<Arc<PublicFace>>,
    meta: Meta,
    headers: HeaderMap,
) -> ApiResult<Json<MeAnswer>> {
    let authorization =
        authorization(&headers).map_err(|error| error.challenging(Challenge::BearerInvalid))?;
    let Authorization::Bearer(token) = authorization else {
        let missing = doorward_service::Error::new(Code::TokenInvalid)
            .with_message("Send the access token as `Authorization: Bearer …`.");
        return Err(ApiError::from(missing).challenging(Challenge::BearerMissing));
    };
    let me = sessions::me(&face.core, token.expose())
        .await
        .map_err(|error| ApiError::from(error).challenging(Challenge::BearerInvalid))?;
    meta.set_app(me.app.id);
    Ok(Json(MeAnswer {
        user_id: me.user_id,
        app_id: me.app.id,
        app_slug: me.app.slug.as_str().to_owned(),
        tenant_id: me.tenant_id,
        roles: me.roles,
    }))
}
