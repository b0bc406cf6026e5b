//! `GET /admin/apps/{app_id}/tenants` and `GET /admin/apps/{app_id}/tenants/{tenant_id}`

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use doorward_service::{Caller, organizations};

use super::{TenantView, ids};
use crate::docs::refusals;
use crate::error::ApiResult;
use crate::operator::OperatorFace;
use crate::operator::apps::app_id;
use crate::operator::auth::Authenticated;
use crate::read::{Page, Paged, QueryFields};

refusals!(
    ListTenantsRefusals = ALWAYS | OPERATOR + ValidationError,
    AppNotFound
);

/// List organizations
///
/// In order of creation, archived ones among them. Scope `orgs:read`.
#[utoipa::path(
    get, path = "/admin/apps/{app_id}/tenants", operation_id = "listTenants", tag = "Organizations",
    params(
        ("app_id" = uuid::Uuid, Path, description = "The app."),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 100, description = "Most items; 50 if absent."),
        ("cursor" = Option<uuid::Uuid>, Query, description = "`next_cursor` of the former page."),
    ),
    responses((status = 200, description = "A page.", body = Paged<TenantView>), ListTenantsRefusals),
    security(("admin_key" = [])),
)]
pub(crate) async fn list(
    State(face): State<Arc<OperatorFace>>,
    Authenticated(operator): Authenticated,
    Path(app): Path<String>,
    QueryFields(mut fields): QueryFields,
) -> ApiResult<Json<Paged<TenantView>>> {
    let app_id = app_id(&app)?;
    let page = Page::read(&mut fields);
    fields.refuse_unknown();
    let page = fields.finish(|| page)?;
    let caller = Caller::Operator(&operator, app_id);
    let found = organizations::list(&face.core, caller, page.cursor, page.fetch()).await?;
    Ok(Json(page.of(
        found,
        |organization| organization.id,
        |organization| TenantView::new(app_id, organization),
    )))
}

refusals!(
    ShowTenantRefusals = ALWAYS | OPERATOR + ValidationError,
    AppNotFound,
    TenantNotFound
);

/// Show an organization
///
/// Scope `orgs:read`.
#[utoipa::path(
    get, path = "/admin/apps/{app_id}/tenants/{tenant_id}", operation_id = "showTenant", tag = "Organizations",
    params(
        ("app_id" = uuid::Uuid, Path, description = "The app."),
        ("tenant_id" = uuid::Uuid, Path, description = "The organization."),
    ),
    responses(
        (status = 200, description = "The organization.", body = TenantView,
            headers(("ETag" = String, description = "Its version, for `If-Match`."))),
        ShowTenantRefusals,
    ),
    security(("admin_key" = [])),
)]
pub(crate) async fn show(
    State(face): State<Arc<OperatorFace>>,
    Authenticated(operator): Authenticated,
    Path(path): Path<(String, String)>,
) -> ApiResult<TenantView> {
    let (app_id, id) = ids(&path)?;
    let caller = Caller::Operator(&operator, app_id);
    let organization = organizations::show(&face.core, caller, id).await?;
    Ok(TenantView::new(app_id, organization))
}
