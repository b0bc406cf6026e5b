//! `GET /admin/apps/{app_id}/users/{user_id}/export`

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use doorward_service::users::{self, ExportPlace};
use serde::Serialize;
use utoipa::ToSchema;

use super::change::ShowUserRefusals;
use super::ids;
use crate::error::ApiResult;
use crate::operator::OperatorFace;
use crate::operator::auth::Authenticated;
use crate::read::QueryFields;

/// One thing that is held about a person.
#[derive(Serialize, ToSchema)]
#[schema(as = ExportItem)]
pub(crate) struct ExportItemView {
    /// `user`, `membership`, `session`, `license`, `device`, `code`, `secret`, `message` or
    /// `audit_event`.
    kind: &'static str,
    /// What is held of it.
    #[schema(value_type = Object)]
    data: serde_json::Value,
}

/// A page of an export.
#[derive(Serialize, ToSchema)]
#[schema(as = ExportPage)]
pub(crate) struct ExportPageView {
    /// What is held, one thing after the other.
    items: Vec<ExportItemView>,
    /// Give it as `cursor` to get the next page; null when this is the last.
    next_cursor: Option<String>,
}

/// Export all that is held about a person
///
/// Page by page; no secrets. That it was read out is in the audit. Scope `users:read`.
#[utoipa::path(
    get, path = "/admin/apps/{app_id}/users/{user_id}/export", operation_id = "exportUser", tag = "Users",
    params(
        ("app_id" = uuid::Uuid, Path, description = "The app."),
        ("user_id" = uuid::Uuid, Path, description = "The user."),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 100, description = "Most items; 50 if absent."),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the former page."),
    ),
    responses((status = 200, description = "A page.", body = ExportPageView), ShowUserRefusals),
    security(("admin_key" = [])),
)]
pub(crate) async fn export(
    State(face): State<Arc<OperatorFace>>,
    Authenticated(operator): Authenticated,
    Path(path): Path<(String, String)>,
    QueryFields(mut fields): QueryFields,
) -> ApiResult<Json<ExportPageView>> {
    let (app_id, user_id) = ids(path)?;
    let limit = fields.optional("limit", |text| match text.parse::<u32>() {
        Ok(limit) if (1..=100).contains(&limit) => Ok(limit),
        _ => Err("Must be a whole number from 1 to 100"),
    });
    let cursor = fields.optional("cursor", |text| {
        text.parse::<ExportPlace>()
            .map_err(|()| "Must be the next_cursor of a page")
    });
    fields.refuse_unknown();
    let (limit, cursor) = fields.finish(|| Some((limit?, cursor?)))?;
    let limit = limit.unwrap_or(50);
    let page = users::export(&face.core, &operator, app_id, user_id, cursor, limit).await?;
    Ok(Json(ExportPageView {
        items: page
            .items
            .into_iter()
            .map(|item| ExportItemView {
                kind: item.kind,
                data: item.data,
            })
            .collect(),
        next_cursor: page.next.map(|place| place.to_string()),
    }))
}
