//! `/admin/apps/{app_id}/users/{user_id}`

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use doorward_domain::time::iso;
use doorward_domain::user::{User, UserStatus};
use doorward_domain::{AppId, UserId};
use doorward_service::{Error, users};
use serde::Serialize;
use utoipa::ToSchema;

use super::OperatorFace;
use super::apps::app_id;
use super::auth::Authenticated;
use crate::docs::refusals;
use crate::error::ApiResult;
use crate::read::{Fields, JsonBody, uuid};

/// A user of an app.
#[derive(Serialize, ToSchema)]
#[schema(as = User)]
pub(super) struct UserView {
    /// Its id.
    #[schema(value_type = uuid::Uuid)]
    user_id: UserId,
    /// Its app.
    #[schema(value_type = uuid::Uuid)]
    app_id: AppId,
    /// `active`, `deactivated` or `deleted`.
    status: &'static str,
    /// E-mail address.
    email: Option<String>,
    /// When its owner proved to hold it.
    #[schema(format = DateTime)]
    email_verified_at: Option<String>,
    /// Phone number.
    phone: Option<String>,
    /// When its owner proved to hold it.
    #[schema(format = DateTime)]
    phone_verified_at: Option<String>,
    /// First sign-in or creation.
    #[schema(format = DateTime)]
    created_at: String,
}

impl UserView {
    fn new(app_id: AppId, user: User) -> Self {
        let (email, email_at) = user
            .email
            .map(|known| (known.value, known.verified_at))
            .unzip();
        let (phone, phone_at) = user
            .phone
            .map(|known| (known.value, known.verified_at))
            .unzip();
        Self {
            user_id: user.id,
            app_id,
            status: user.status.as_str(),
            email: email.map(|email| email.original().to_owned()),
            email_verified_at: email_at.flatten().map(iso),
            phone: phone.map(|phone| phone.as_str().to_owned()),
            phone_verified_at: phone_at.flatten().map(iso),
            created_at: iso(user.created_at),
        }
    }
}

fn ids((app, user): (String, String)) -> ApiResult<(AppId, UserId)> {
    let user_id = uuid(&user).map_err(|message| Error::field("user_id", message))?;
    Ok((app_id(&app)?, user_id))
}

refusals!(
    ShowUserRefusals = ALWAYS | OPERATOR + ValidationError,
    AppNotFound,
    UserNotFound
);

/// Show a user
///
/// Scope `users:read`.
#[utoipa::path(
    get, path = "/admin/apps/{app_id}/users/{user_id}", operation_id = "showUser", tag = "Users",
    params(
        ("app_id" = uuid::Uuid, Path, description = "The app."),
        ("user_id" = uuid::Uuid, Path, description = "The user."),
    ),
    responses((status = 200, description = "The user.", body = UserView), ShowUserRefusals),
    security(("admin_key" = [])),
)]
pub(super) async fn show(
    State(face): State<Arc<OperatorFace>>,
    Authenticated(operator): Authenticated,
    Path(path): Path<(String, String)>,
) -> ApiResult<Json<UserView>> {
    let (app_id, user_id) = ids(path)?;
    let user = users::show(&face.core, &operator, app_id, user_id).await?;
    Ok(Json(UserView::new(app_id, user)))
}

/// What is to change.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "documents the body, which the handler takes apart"
)]
pub(super) struct UpdateUserRequest {
    /// `deactivated` and `deleted` end every session of the user.
    #[schema(schema_with = status_schema)]
    status: UserStatus,
}

const STATUSES: [UserStatus; 3] = [
    UserStatus::Active,
    UserStatus::Deactivated,
    UserStatus::Deleted,
];

fn status_schema() -> utoipa::openapi::Object {
    utoipa::openapi::ObjectBuilder::new()
        .schema_type(utoipa::openapi::Type::String)
        .description(Some(
            "`deactivated` and `deleted` end every session of the user.",
        ))
        .enum_values(Some(STATUSES.map(UserStatus::as_str)))
        .build()
}

refusals!(
    UpdateUserRefusals = ALWAYS | OPERATOR | BODY + AppNotFound,
    UserNotFound
);

/// Switch a user off or on, or delete it softly
///
/// Doing it twice is no error. Scope `users:write`.
#[utoipa::path(
    patch, path = "/admin/apps/{app_id}/users/{user_id}", operation_id = "updateUser", tag = "Users",
    params(
        ("app_id" = uuid::Uuid, Path, description = "The app."),
        ("user_id" = uuid::Uuid, Path, description = "The user."),
    ),
    request_body = UpdateUserRequest,
    responses((status = 200, description = "The user after the change.", body = UserView), UpdateUserRefusals),
    security(("admin_key" = [])),
)]
pub(super) async fn update(
    State(face): State<Arc<OperatorFace>>,
    Authenticated(operator): Authenticated,
    Path(path): Path<(String, String)>,
    body: JsonBody,
) -> ApiResult<Json<UserView>> {
    let (app_id, user_id) = ids(path)?;
    let mut fields = Fields::from(body);
    let status = fields.required("status", |text| {
        UserStatus::from_stored(text).ok_or("Must be one of active, deactivated, deleted")
    });
    fields.refuse_unknown();
    let status = fields.finish(|| status)?;
    let user = users::set_status(&face.core, &operator, app_id, user_id, status).await?;
    Ok(Json(UserView::new(app_id, user)))
}
