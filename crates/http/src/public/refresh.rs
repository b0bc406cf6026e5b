//! `POST /auth/refresh`

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use doorward_domain::secret::SecretText;
use doorward_domain::{AppId, TenantId};
use doorward_service::sessions::{self, Refresh};
use serde::Serialize;
use utoipa::ToSchema;

use super::PublicFace;
use crate::docs::refusals;
use crate::error::ApiResult;
use crate::read::{AppBody, AppCredentials, idempotency_key, secret, uuid};
use crate::shell::Meta;

/// A refresh token is exchanged.
#[derive(ToSchema)]
#[expect(dead_code, reason = "documents the body, which `read` takes apart")]
pub(super) struct RefreshRequest {
    /// The app.
    #[schema(value_type = uuid::Uuid)]
    app_id: AppId,
    /// Its secret.
    #[schema(value_type = String, max_length = 4096, example = "<64 hex characters>")]
    app_secret: SecretText,
    /// The token.
    #[schema(value_type = String, max_length = 4096)]
    refresh_token: SecretText,
    /// The organization the tokens are to speak for from now on. Absent: as before.
    #[schema(value_type = Option<uuid::Uuid>)]
    tenant_id: Option<TenantId>,
}

/// The next pair of tokens.
#[derive(Serialize, ToSchema)]
pub(super) struct RefreshAnswer {
    /// The access token (a signed JWT), roles read anew.
    access_token: String,
    /// The next refresh token. The one presented is dead.
    refresh_token: String,
}

refusals!(
    RefreshRefusals = ALWAYS | BODY | APP + TokenExpired,
    TokenRevoked,
    TokenReuse,
    UserDeleted,
    TenantNotFound,
    Conflict
);

/// Exchange a refresh token
///
/// Single use: a token that comes back ends its session (TOKEN_REUSE). Always send an
/// `Idempotency-Key`, a new one for each exchange: then a repeated request whose answer got lost
/// gets the same answer for 60 seconds.
#[utoipa::path(
    post, path = "/auth/refresh", operation_id = "refresh", tag = "Sessions",
    params(("Idempotency-Key" = Option<String>, Header,
        description = "1 to 255 visible ASCII characters.",
        min_length = 1, max_length = 255, pattern = "^[!-~]+$")),
    request_body = RefreshRequest,
    responses((status = 200, description = "Exchanged.", body = RefreshAnswer), RefreshRefusals),
    security((), ("app" = [])),
)]
pub(super) async fn refresh(
    State(face): State<Arc<PublicFace>>,
    meta: Meta,
    headers: HeaderMap,
    body: AppBody,
) -> ApiResult<Json<RefreshAnswer>> {
    let (credentials, request) = read(&headers, body)?;
    let app = face.authenticate(&meta, credentials).await?;
    let tokens = sessions::refresh(&face.core, &app, request).await?;
    Ok(Json(RefreshAnswer {
        access_token: tokens.access_token.expose().to_owned(),
        refresh_token: tokens.refresh_token.expose().to_owned(),
    }))
}

fn read(headers: &HeaderMap, mut body: AppBody) -> ApiResult<(AppCredentials, Refresh)> {
    let refresh_token = body.fields.required("refresh_token", secret);
    let tenant_id = body.fields.optional("tenant_id", uuid);
    let idempotency_key = idempotency_key(headers, &mut body.fields);
    body.finish(|| {
        Some(Refresh {
            refresh_token: refresh_token?,
            idempotency_key: idempotency_key?,
            tenant_id: tenant_id?,
        })
    })
}
