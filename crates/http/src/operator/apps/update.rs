//! `PATCH /admin/apps/{app_id}`

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::HeaderMap;
use doorward_domain::app::parse_name;
use doorward_service::apps::{self, UpdateApp};
use utoipa::ToSchema;

use super::view::Settings;
use super::{AppView, app_id};
use crate::docs::refusals;
use crate::error::ApiResult;
use crate::operator::OperatorFace;
use crate::operator::auth::Authenticated;
use crate::operator::preconditions::if_match;
use crate::read::{Fields, JsonBody};

/// What is to change. What is absent stays.
#[derive(ToSchema)]
#[expect(dead_code, reason = "documents the body, which `read` takes apart")]
pub(crate) struct UpdateAppRequest {
    /// A new name.
    #[schema(min_length = 1, max_length = 100)]
    name: Option<String>,
    /// Merged into the current settings (RFC 7396): a field set to null gets its default back.
    settings: Option<Settings>,
    /// The version the change was made against; a change meanwhile is then a conflict.
    #[schema(minimum = 1)]
    version: Option<i64>,
}

refusals!(
    UpdateAppRefusals = ALWAYS | OPERATOR | BODY + AppNotFound,
    Conflict
);

/// Change an app
///
/// Unknown fields are refused. `If-Match` with the ETag, or `version`, keeps two operators from
/// overwriting each other. Scope `apps:write`.
#[utoipa::path(
    patch, path = "/admin/apps/{app_id}", operation_id = "updateApp", tag = "Apps",
    params(
        ("app_id" = uuid::Uuid, Path, description = "The app."),
        ("If-Match" = Option<String>, Header, pattern = "^(\"[0-9]{1,18}\"|\\*)$", description = "The ETag the change was made against."),
    ),
    request_body = UpdateAppRequest,
    responses(
        (status = 200, description = "The app after the change.", body = AppView,
            headers(("ETag" = String, description = "Its version, for `If-Match`."))),
        UpdateAppRefusals,
    ),
    security(("admin_key" = [])),
)]
pub(crate) async fn update(
    State(face): State<Arc<OperatorFace>>,
    Authenticated(operator): Authenticated,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: JsonBody,
) -> ApiResult<AppView> {
    let id = app_id(&id)?;
    Ok(
        apps::update(&face.core, &operator, id, read(&headers, body)?)
            .await?
            .into(),
    )
}

fn read(headers: &HeaderMap, body: JsonBody) -> ApiResult<UpdateApp> {
    let mut fields = Fields::from(body);
    let name = fields.optional("name", parse_name);
    let settings = fields.optional_object("settings");
    let version = fields.optional_int("version", 1..=i64::MAX);
    let if_match = if_match(headers, &mut fields);
    if let (Some(Some(version)), Some(Some(tag))) = (version, if_match)
        && version != tag
    {
        fields.refuse("version", "Differs from If-Match");
    }
    fields.refuse_unknown();
    fields.finish(|| {
        Some(UpdateApp {
            name: name?,
            settings: settings?,
            expected_version: version?.or(if_match?),
        })
    })
}
