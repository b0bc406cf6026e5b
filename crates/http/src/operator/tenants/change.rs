//! `POST /admin/apps/{app_id}/tenants` and `PATCH /admin/apps/{app_id}/tenants/{tenant_id}`

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use doorward_domain::UserId;
use doorward_domain::app::parse_name;
use doorward_service::Caller;
use doorward_service::organizations::{self, CreateOrganization, UpdateOrganization};
use utoipa::ToSchema;

use super::{TenantView, ids};
use crate::docs::refusals;
use crate::error::ApiResult;
use crate::operator::OperatorFace;
use crate::operator::apps::{app_id, if_match};
use crate::operator::auth::Authenticated;
use crate::operator::creating::Creating;
use crate::read::{Fields, JsonBody, uuid};

/// An organization is to be created.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "documents the body, which the handler takes apart"
)]
pub(crate) struct CreateTenantRequest {
    /// Its name for people; two may have the same.
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    /// Its first owner, if it is known already.
    #[schema(value_type = Option<uuid::Uuid>)]
    owner_user_id: Option<UserId>,
}

refusals!(
    CreateTenantRefusals = ALWAYS | OPERATOR | BODY + AppNotFound,
    UserNotFound,
    UserDeleted
);

/// Create an organization
///
/// Scope `orgs:write`.
#[utoipa::path(
    post, path = "/admin/apps/{app_id}/tenants", operation_id = "createTenant", tag = "Organizations",
    params(("app_id" = uuid::Uuid, Path, description = "The app.")),
    request_body = CreateTenantRequest,
    responses(
        (status = 201, description = "Created.", body = TenantView,
            headers(("ETag" = String, description = "Its version, for `If-Match`."))),
        CreateTenantRefusals,
    ),
    security(("admin_key" = [])),
)]
pub(crate) async fn create(
    State(face): State<Arc<OperatorFace>>,
    Path(app): Path<String>,
    Creating {
        operator,
        mut fields,
    }: Creating,
) -> ApiResult<(StatusCode, TenantView)> {
    let app_id = app_id(&app)?;
    let name = fields.required("name", parse_name);
    let owner = fields.optional("owner_user_id", uuid);
    fields.refuse_unknown();
    let request = fields.finish(|| {
        Some(CreateOrganization {
            name: name?,
            owner: owner?,
        })
    })?;
    let caller = Caller::Operator(&operator, app_id);
    let organization = organizations::create(&face.core, caller, request).await?;
    Ok((StatusCode::CREATED, TenantView::new(app_id, organization)))
}

/// What is to change. What is absent stays.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "documents the body, which the handler takes apart"
)]
pub(crate) struct UpdateTenantRequest {
    /// A new name.
    #[schema(min_length = 1, max_length = 100)]
    name: Option<String>,
    /// An archived organization goes into no token from the next refresh on, and nobody joins it.
    archived: Option<bool>,
}

refusals!(
    UpdateTenantRefusals = ALWAYS | OPERATOR | BODY + AppNotFound,
    TenantNotFound,
    Conflict
);

/// Rename or archive an organization
///
/// `If-Match` with the ETag keeps two operators from overwriting each other. Scope `orgs:write`.
#[utoipa::path(
    patch, path = "/admin/apps/{app_id}/tenants/{tenant_id}", operation_id = "updateTenant", tag = "Organizations",
    params(
        ("app_id" = uuid::Uuid, Path, description = "The app."),
        ("tenant_id" = uuid::Uuid, Path, description = "The organization."),
        ("If-Match" = Option<String>, Header, pattern = "^(\"[0-9]{1,18}\"|\\*)$", description = "The ETag the change was made against."),
    ),
    request_body = UpdateTenantRequest,
    responses(
        (status = 200, description = "The organization after the change.", body = TenantView,
            headers(("ETag" = String, description = "Its version, for `If-Match`."))),
        UpdateTenantRefusals,
    ),
    security(("admin_key" = [])),
)]
pub(crate) async fn update(
    State(face): State<Arc<OperatorFace>>,
    Authenticated(operator): Authenticated,
    Path(path): Path<(String, String)>,
    headers: HeaderMap,
    body: JsonBody,
) -> ApiResult<TenantView> {
    let (app_id, id) = ids(&path)?;
    let mut fields = Fields::from(body);
    let name = fields.optional("name", parse_name);
    let archived = fields.optional_bool("archived");
    let if_match = if_match(&headers, &mut fields);
    fields.refuse_unknown();
    let request = fields.finish(|| {
        Some(UpdateOrganization {
            name: name?,
            archived: archived?,
            expected_version: if_match?,
        })
    })?;
    let caller = Caller::Operator(&operator, app_id);
    let organization = organizations::update(&face.core, caller, id, request).await?;
    Ok(TenantView::new(app_id, organization))
}
