//! `GET /admin/apps`

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use doorward_service::apps;

use super::AppView;
use crate::docs::refusals;
use crate::error::ApiResult;
use crate::operator::OperatorFace;
use crate::operator::auth::Authenticated;
use crate::read::{Page, Paged, QueryFields};

refusals!(ListAppsRefusals = ALWAYS | OPERATOR + ValidationError);

/// List apps
///
/// In order of creation. Scope `apps:read`.
#[utoipa::path(
    get, path = "/admin/apps", operation_id = "listApps", tag = "Apps",
    params(
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 100, description = "Most items; 50 if absent."),
        ("cursor" = Option<uuid::Uuid>, Query, description = "`next_cursor` of the former page."),
    ),
    responses((status = 200, description = "A page.", body = Paged<AppView>), ListAppsRefusals),
    security(("admin_key" = [])),
)]
pub(crate) async fn list(
    State(face): State<Arc<OperatorFace>>,
    Authenticated(operator): Authenticated,
    QueryFields(mut fields): QueryFields,
) -> ApiResult<Json<Paged<AppView>>> {
    let page = Page::read(&mut fields);
    fields.refuse_unknown();
    let page = fields.finish(|| page)?;
    let found = apps::list(&face.core, &operator, page.cursor, page.fetch()).await?;
    Ok(Json(page.of(found, |app| app.id, AppView::from)))
}
