//! `/admin/apps/{app_id}/roles`

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use doorward_domain::reason::Reason;
use doorward_domain::role::{Permission, RoleName};
use doorward_service::roles::{self, DefineRole, DeleteRole, RoleInfo};
use doorward_service::{Caller, Error};
use serde::Serialize;
use utoipa::ToSchema;

use super::OperatorFace;
use super::apps::app_id;
use super::auth::Authenticated;
use super::deliberate::{meant, meant_if_given};
use super::preconditions::if_match_tag;
use crate::docs::refusals;
use crate::error::ApiResult;
use crate::public::Success;
use crate::read::{Fields, JsonBody, Page, Paged, QueryFields};

/// A role of an app.
#[derive(Serialize, ToSchema)]
#[schema(as = Role)]
pub(super) struct RoleView {
    /// Its name.
    #[schema(value_type = String)]
    role: RoleName,
    /// Whether every app has it.
    built_in: bool,
    /// For people.
    description: String,
    /// What it permits, at most 64 names: in the access token of whoever has the role.
    permissions: Vec<String>,
    /// Its entity tag, for `If-Match`: the same as long as it says the same.
    etag: String,
}

impl From<RoleInfo> for RoleView {
    fn from(info: RoleInfo) -> Self {
        let etag = info.etag();
        let permissions = info.definition.permissions.iter();
        Self {
            etag,
            permissions: permissions.map(|p| p.as_str().to_owned()).collect(),
            role: info.name,
            built_in: info.built_in,
            description: info.definition.description,
        }
    }
}

/// With its entity tag, for `If-Match`.
impl IntoResponse for RoleView {
    fn into_response(self) -> Response {
        ([(header::ETAG, self.etag.clone())], Json(self)).into_response()
    }
}

refusals!(
    ListRolesRefusals = ALWAYS | OPERATOR + ValidationError,
    AppNotFound
);

/// List the roles of an app
///
/// The built-in ones, then the app's own by name. Scope `orgs:read`.
#[utoipa::path(
    get, path = "/admin/apps/{app_id}/roles", operation_id = "listRoles", tag = "Organizations",
    params(
        ("app_id" = uuid::Uuid, Path, description = "The app."),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 100, description = "Most items; 50 if absent."),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the former page."),
    ),
    responses((status = 200, description = "A page.", body = Paged<RoleView>), ListRolesRefusals),
    security(("admin_key" = [])),
)]
pub(super) async fn list(
    State(face): State<Arc<OperatorFace>>,
    Authenticated(operator): Authenticated,
    Path(app): Path<String>,
    QueryFields(mut fields): QueryFields,
) -> ApiResult<Json<Paged<RoleView>>> {
    let app_id = app_id(&app)?;
    let page = Page::read_with(&mut fields, |text| {
        RoleName::parse(text).map_err(|_| "Must be the next_cursor of a former page")
    });
    fields.refuse_unknown();
    let page = fields.finish(|| page)?;
    let caller = Caller::Operator(&operator, app_id);
    let found = roles::list(&face.core, caller, page.cursor.clone(), page.fetch()).await?;
    Ok(Json(page.of(
        found,
        |role| role.name.clone(),
        RoleView::from,
    )))
}

/// What a role is to permit.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "documents the body, which the handler takes apart"
)]
pub(super) struct DefineRoleRequest {
    /// For people.
    #[schema(max_length = 200)]
    description: Option<String>,
    /// Names such as `invoices:write`.
    #[schema(value_type = Vec<String>, max_items = 64)]
    permissions: Vec<Permission>,
    /// Why; it goes to the audit and stays there. No e-mail address or phone number. Required where
    /// permissions are taken away, and then `confirm` with it.
    #[schema(value_type = Option<String>, min_length = 3, max_length = 500)]
    reason: Option<Reason>,
    /// The name of the role, once more.
    #[schema(max_length = 254)]
    confirm: Option<String>,
}

refusals!(
    DefineRoleRefusals = ALWAYS | OPERATOR | BODY + AppNotFound,
    Conflict
);

/// Define a role, or say what a built-in one permits
///
/// Whoever has the role has its permissions from the next refresh on. Where permissions are taken away,
/// `reason` and `confirm` are needed. `If-Match` with the ETag (`etag` in the list) keeps two operators
/// from overwriting each other. Scope `orgs:write`.
#[utoipa::path(
    put, path = "/admin/apps/{app_id}/roles/{role}", operation_id = "defineRole", tag = "Organizations",
    params(
        ("app_id" = uuid::Uuid, Path, description = "The app."),
        ("role" = String, Path, pattern = "^[a-z][a-z0-9_-]{0,31}$", description = "The role."),
        ("If-Match" = Option<String>, Header, pattern = "^(\"[!#-~]{1,64}\"|\\*)$", description = "The ETag the change was made against."),
    ),
    request_body = DefineRoleRequest,
    responses(
        (status = 200, description = "The role as it is now.", body = RoleView,
            headers(("ETag" = String, description = "Of what it says, for `If-Match`."))),
        DefineRoleRefusals,
    ),
    security(("admin_key" = [])),
)]
pub(super) async fn define(
    State(face): State<Arc<OperatorFace>>,
    Authenticated(operator): Authenticated,
    Path((app, name)): Path<(String, String)>,
    headers: HeaderMap,
    body: JsonBody,
) -> ApiResult<RoleView> {
    let app_id = app_id(&app)?;
    let mut fields = Fields::from(body);
    let description = fields.optional("description", |text| Ok::<_, &str>(text.to_owned()));
    let permissions = fields.required_list("permissions", |text| Ok::<_, &str>(text.to_owned()));
    let meant = meant_if_given(&mut fields);
    let expected = if_match_tag(&headers, &mut fields);
    fields.refuse_unknown();
    let (mut request, meant) = fields.finish(|| {
        let request = DefineRole {
            name,
            description: description?.unwrap_or_default(),
            permissions: permissions?,
            expected: expected?,
            deliberate: None,
        };
        Some((request, meant?))
    })?;
    request.deliberate = meant.map(|meant| meant.by(&operator)).transpose()?;
    let info = roles::define(&face.core, &operator, app_id, request).await?;
    Ok(info.into())
}

refusals!(
    DeleteRoleRefusals = ALWAYS | OPERATOR + ValidationError,
    AppNotFound,
    RoleNotFound,
    Conflict
);

/// Delete a role of the app's own, or what was said of a built-in one
///
/// Refused while somebody has the role. `If-Match` with the ETag (`etag` in the list) refuses it where
/// the role was changed meanwhile. Scope `orgs:write`.
#[utoipa::path(
    delete, path = "/admin/apps/{app_id}/roles/{role}", operation_id = "deleteRole", tag = "Organizations",
    params(
        ("app_id" = uuid::Uuid, Path, description = "The app."),
        ("role" = String, Path, pattern = "^[a-z][a-z0-9_-]{0,31}$", description = "The role."),
        ("reason" = String, Query, min_length = 3, max_length = 500, description = "Why; it goes to the audit and stays there."),
        ("confirm" = String, Query, description = "The name of the role, once more."),
        ("If-Match" = Option<String>, Header, pattern = "^(\"[!#-~]{1,64}\"|\\*)$", description = "The ETag the change was made against."),
    ),
    responses((status = 200, description = "Gone.", body = Success), DeleteRoleRefusals),
    security(("admin_key" = [])),
)]
pub(super) async fn delete(
    State(face): State<Arc<OperatorFace>>,
    Authenticated(operator): Authenticated,
    Path((app, name)): Path<(String, String)>,
    headers: HeaderMap,
    QueryFields(mut fields): QueryFields,
) -> ApiResult<Json<Success>> {
    let app_id = app_id(&app)?;
    let name = RoleName::parse(&name).map_err(|message| Error::field("role", message))?;
    let meant = meant(&mut fields);
    let expected = if_match_tag(&headers, &mut fields);
    fields.refuse_unknown();
    let (meant, expected) = fields.finish(|| Some((meant?, expected?)))?;
    let request = DeleteRole {
        deliberate: meant.by(&operator)?,
        expected,
    };
    roles::delete(&face.core, &operator, app_id, name, request).await?;
    Ok(Json(Success { success: true }))
}
