//! `POST /admin/apps/{app_id}/licenses`

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use doorward_domain::{TenantId, UserId};
use doorward_service::Error;
use doorward_service::licenses::{self, Asker};
use utoipa::ToSchema;

use super::app_id;
use crate::docs::refusals;
use crate::error::ApiResult;
use crate::license::view::GenerateAnswer;
use crate::license::{documented, fields};
use crate::operator::OperatorFace;
use crate::operator::creating::Creating;

/// Licences are to be made.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "documents the body, which the handler takes apart"
)]
pub(crate) struct GenerateAppLicenseRequest {
    /// A name for people, e.g. an order number.
    #[schema(min_length = 1, max_length = 200)]
    label: Option<String>,
    /// Whom it is sold to.
    #[schema(min_length = 1, max_length = 200)]
    issued_to: Option<String>,
    /// Device slots; 1 if absent.
    #[schema(minimum = 1, maximum = 100_000)]
    max_activations: Option<i64>,
    /// The organization it belongs to.
    #[schema(value_type = Option<uuid::Uuid>)]
    tenant_id: Option<TenantId>,
    /// The user in whose tokens its entitlements shall ride.
    #[schema(value_type = Option<uuid::Uuid>)]
    user_id: Option<UserId>,
    /// Its end, in the future; none if absent.
    #[schema(format = DateTime)]
    expires_at: Option<String>,
    /// Named features and numbers.
    #[schema(schema_with = documented::entitlements, required = false)]
    entitlements: (),
    /// Anything to keep with it, up to 8 KiB of JSON.
    #[schema(value_type = Option<Object>)]
    metadata: Option<()>,
    /// Whether it gets a key; true if absent, unless `user_id` is given.
    with_key: Option<bool>,
    /// So many licences with the same terms. Then the answer is a list.
    #[schema(minimum = 1, maximum = 500)]
    count: Option<u32>,
}

refusals!(
    GenerateAppLicenseRefusals = ALWAYS | OPERATOR | BODY + AppNotFound,
    TenantNotFound,
    UserNotFound,
    UserDeleted,
    Conflict
);

/// Generate licences
///
/// Without `count` one licence, with it a list. Scope `licenses:write`.
#[utoipa::path(
    post, path = "/admin/apps/{app_id}/licenses", operation_id = "generateAppLicense", tag = "Licences",
    params(("app_id" = uuid::Uuid, Path, description = "The app.")),
    request_body = GenerateAppLicenseRequest,
    responses((status = 201, description = "Generated.", body = GenerateAnswer), GenerateAppLicenseRefusals),
    security(("admin_key" = [])),
)]
pub(crate) async fn generate(
    State(face): State<Arc<OperatorFace>>,
    Path(app): Path<String>,
    Creating {
        operator,
        mut fields,
    }: Creating,
) -> ApiResult<(StatusCode, Json<GenerateAnswer>)> {
    let app_id = app_id(&app)?;
    let terms = fields::terms(&mut fields);
    fields.refuse_unknown();
    let (terms, count) = fields.finish(|| terms)?;
    let asker = Asker::Operator(operator, app_id);
    let made = licenses::generate(&face.core, &asker, terms, count.unwrap_or(1)).await?;
    let answer = GenerateAnswer::new(made, count.is_some())
        .ok_or_else(|| Error::internal("nothing was generated"))?;
    Ok((StatusCode::CREATED, Json(answer)))
}
