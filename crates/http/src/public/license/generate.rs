//! `POST /license/generate`

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use doorward_domain::secret::SecretText;
use doorward_domain::{AppId, TenantId, UserId};
use doorward_service::Error;
use doorward_service::licenses::{self, Asker};
use utoipa::ToSchema;

use super::PublicFace;
use crate::docs::refusals;
use crate::error::ApiResult;
use crate::license::view::GenerateAnswer;
use crate::license::{documented, fields};
use crate::read::AppBody;
use crate::shell::Meta;

/// Licences are to be made.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "documents the body, which the handler takes apart"
)]
pub(super) struct GenerateLicenseRequest {
    /// The app.
    #[schema(value_type = uuid::Uuid)]
    app_id: AppId,
    /// Its secret.
    #[schema(value_type = String, max_length = 4096, example = "<64 hex characters>")]
    app_secret: SecretText,
    /// A name for people, e.g. an order number.
    #[schema(min_length = 1, max_length = 200)]
    label: Option<String>,
    /// Whom it is sold to, in your own words.
    #[schema(min_length = 1, max_length = 200)]
    issued_to: Option<String>,
    /// Device slots; 1 if absent.
    #[schema(minimum = 1, maximum = 100_000)]
    max_activations: Option<i64>,
    /// The organization it belongs to.
    #[schema(value_type = Option<uuid::Uuid>)]
    tenant_id: Option<TenantId>,
    /// The user in whose tokens its entitlements shall ride. Then it gets no key, unless `with_key`
    /// asks for one.
    #[schema(value_type = Option<uuid::Uuid>)]
    user_id: Option<UserId>,
    /// Its end, in the future; none if absent.
    #[schema(format = DateTime)]
    expires_at: Option<String>,
    /// Named features and numbers.
    #[schema(schema_with = documented::entitlements, required = false)]
    entitlements: (),
    /// Anything you want to keep with it, up to 8 KiB of JSON. Verifying returns it.
    #[schema(value_type = Option<Object>)]
    metadata: Option<()>,
    /// Whether it gets a key; true if absent, unless `user_id` is given.
    with_key: Option<bool>,
    /// So many licences with the same terms. Then the answer is a list.
    #[schema(minimum = 1, maximum = 500)]
    count: Option<u32>,
}

refusals!(
    GenerateLicenseRefusals = ALWAYS | BODY | APP + TenantNotFound,
    UserNotFound,
    UserDeleted,
    Conflict
);

/// Generate licences
///
/// Without `count` one licence, with it a list. With `user_id` a named-user licence: its
/// entitlements are in that user's access token from the next refresh or sign-in on.
#[utoipa::path(
    post, path = "/license/generate", operation_id = "generateLicense", tag = "Licences",
    request_body = GenerateLicenseRequest,
    responses((status = 201, description = "Generated.", body = GenerateAnswer), GenerateLicenseRefusals),
    security((), ("app" = [])),
)]
pub(super) async fn generate(
    State(face): State<Arc<PublicFace>>,
    meta: Meta,
    mut body: AppBody,
) -> ApiResult<(StatusCode, Json<GenerateAnswer>)> {
    let terms = fields::terms(&mut body.fields);
    let (credentials, (terms, count)) = body.finish(|| terms)?;
    let asker = Asker::app(face.authenticate(&meta, credentials).await?, None);
    let made = licenses::generate(&face.core, &asker, terms, count.unwrap_or(1)).await?;
    let answer = GenerateAnswer::new(made, count.is_some())
        .ok_or_else(|| Error::internal("nothing was generated"))?;
    Ok((StatusCode::CREATED, Json(answer)))
}
