//! `POST /admin/apps`

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use doorward_domain::app::{AppSettings, Slug, parse_name};
use doorward_service::apps::{self, CreateApp};
use serde::Serialize;
use utoipa::ToSchema;

use super::AppView;
use super::view::Settings;
use crate::docs::refusals;
use crate::error::ApiResult;
use crate::operator::OperatorFace;
use crate::operator::creating::Creating;
use crate::read::Fields;

/// An app is to be made.
#[derive(ToSchema)]
#[expect(dead_code, reason = "documents the body, which `read` takes apart")]
pub(crate) struct CreateAppRequest {
    /// Name for people.
    #[schema(min_length = 1, max_length = 100, example = "My shop")]
    name: String,
    /// URL-safe name, unique on the platform.
    #[schema(
        min_length = 2,
        max_length = 63,
        pattern = "^[a-z][a-z0-9]*(-[a-z0-9]+)*$",
        example = "my-shop"
    )]
    slug: String,
    /// Settings, where they differ from the defaults.
    settings: Option<Settings>,
}

/// The app, and its secret, shown this once.
#[derive(Serialize, ToSchema)]
#[schema(as = CreatedApp)]
pub(crate) struct CreatedAppView {
    /// The secret: 64 hex characters.
    app_secret: String,
    /// The platform's active public key as one line of base64 (`JWT_PUBLIC_KEY`).
    jwt_public_key: String,
    #[serde(flatten)]
    app: AppView,
}

refusals!(CreateAppRefusals = ALWAYS | OPERATOR | BODY + Conflict);

/// Create an app
///
/// The secret is shown this once. Scope `apps:write`.
#[utoipa::path(
    post, path = "/admin/apps", operation_id = "createApp", tag = "Apps",
    request_body = CreateAppRequest,
    responses((status = 201, description = "Created.", body = CreatedAppView), CreateAppRefusals),
    security(("admin_key" = [])),
)]
pub(crate) async fn create(
    State(face): State<Arc<OperatorFace>>,
    Creating { operator, fields }: Creating,
) -> ApiResult<(StatusCode, Json<CreatedAppView>)> {
    let created = apps::create(&face.core, &operator, read(fields)?).await?;
    let view = CreatedAppView {
        app_secret: created.secret.expose().to_owned(),
        jwt_public_key: created.jwt_public_key,
        app: created.app.into(),
    };
    Ok((StatusCode::CREATED, Json(view)))
}

fn read(mut fields: Fields) -> ApiResult<CreateApp> {
    let name = fields.required("name", parse_name);
    let slug = fields.required("slug", |text| {
        Slug::parse(text).map(|slug| slug.as_str().to_owned())
    });
    let settings = settings(&mut fields);
    fields.refuse_unknown();
    fields.finish(|| {
        Some(CreateApp {
            name: name?,
            slug: slug?,
            settings: settings?,
        })
    })
}

/// What differs from the defaults, by the same rules as in a change.
fn settings(fields: &mut Fields) -> Option<Option<AppSettings>> {
    let Some(given) = fields.optional_object("settings")? else {
        return Some(None);
    };
    match AppSettings::default().patched(&given) {
        Ok(settings) => Some(Some(settings)),
        Err(wrong) => {
            for (field, message) in wrong.into_iter().take(Fields::UNKNOWN_MAX) {
                fields.refuse(field, message);
            }
            None
        }
    }
}
