//! `GET` and `PATCH /admin/apps/{app_id}/users/{user_id}`

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::HeaderMap;
use doorward_domain::contact::{EmailAddress, PhoneNumber};
use doorward_service::users::{self, ContactChange, NewContact, UpdateUser};
use utoipa::ToSchema;

use super::{UserView, ids};
use crate::docs::refusals;
use crate::error::ApiResult;
use crate::operator::OperatorFace;
use crate::operator::apps::if_match;
use crate::operator::auth::Authenticated;
use crate::read::{Fields, JsonBody};

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
    responses(
        (status = 200, description = "The user.", body = UserView,
            headers(("ETag" = String, description = "Its version, for `If-Match`."))),
        ShowUserRefusals,
    ),
    security(("admin_key" = [])),
)]
pub(crate) async fn show(
    State(face): State<Arc<OperatorFace>>,
    Authenticated(operator): Authenticated,
    Path(path): Path<(String, String)>,
) -> ApiResult<UserView> {
    let (app_id, user_id) = ids(path)?;
    let user = users::show(&face.core, &operator, app_id, user_id).await?;
    Ok(UserView::new(app_id, user))
}

/// What is to change. What is absent stays; an address set to null goes, but not the last one.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "documents the body, which the handler takes apart"
)]
pub(crate) struct UpdateUserRequest {
    /// E-mail address.
    #[schema(max_length = 254, example = "ada@example.com")]
    email: Option<String>,
    /// Whether you vouch that the user holds it. A new address without this is not verified.
    email_verified: Option<bool>,
    /// Phone number in E.164 format.
    #[schema(example = "+919876543210")]
    phone: Option<String>,
    /// As `email_verified`.
    phone_verified: Option<bool>,
}

refusals!(
    UpdateUserRefusals = ALWAYS | OPERATOR | BODY + AppNotFound,
    UserNotFound,
    UserDeleted,
    AddressTaken,
    Conflict
);

/// Change a user's addresses
///
/// `If-Match` with the ETag keeps two operators from overwriting each other. To switch a user off,
/// delete or restore it, see the calls of these names. Scope `users:write`.
#[utoipa::path(
    patch, path = "/admin/apps/{app_id}/users/{user_id}", operation_id = "updateUser", tag = "Users",
    params(
        ("app_id" = uuid::Uuid, Path, description = "The app."),
        ("user_id" = uuid::Uuid, Path, description = "The user."),
        ("If-Match" = Option<String>, Header, pattern = "^(\"[0-9]{1,18}\"|\\*)$", description = "The ETag the change was made against."),
    ),
    request_body = UpdateUserRequest,
    responses(
        (status = 200, description = "The user after the change.", body = UserView,
            headers(("ETag" = String, description = "Its version, for `If-Match`."))),
        UpdateUserRefusals,
    ),
    security(("admin_key" = [])),
)]
pub(crate) async fn update(
    State(face): State<Arc<OperatorFace>>,
    Authenticated(operator): Authenticated,
    Path(path): Path<(String, String)>,
    headers: HeaderMap,
    body: JsonBody,
) -> ApiResult<UserView> {
    let (app_id, user_id) = ids(path)?;
    let mut fields = Fields::from(body);
    let email = change(&mut fields, "email", "email_verified", |text| {
        EmailAddress::parse(text).map_err(|error| error.to_string())
    });
    let phone = change(&mut fields, "phone", "phone_verified", |text| {
        PhoneNumber::parse(text).map_err(|error| error.to_string())
    });
    let if_match = if_match(&headers, &mut fields);
    fields.refuse_unknown();
    let request = fields.finish(|| {
        Some(UpdateUser {
            email: email?,
            phone: phone?,
            expected_version: if_match?,
        })
    })?;
    let user = users::update(&face.core, &operator, app_id, user_id, request).await?;
    Ok(UserView::new(app_id, user))
}

/// Reads an address and whether it is verified.
fn change<T>(
    fields: &mut Fields,
    name: &'static str,
    flag: &'static str,
    parse: impl FnOnce(&str) -> Result<T, String>,
) -> Option<ContactChange<T>> {
    let removed = fields.is_null(name);
    let value = fields.optional(name, parse);
    let verified = fields.optional_bool(flag);
    let (value, verified) = (value?, verified?);
    if removed && verified == Some(true) {
        fields.refuse(flag, UpdateUser::NOTHING_TO_VERIFY);
        return None;
    }
    Some(match (value, verified) {
        (Some(value), verified) => ContactChange::Set(NewContact {
            value,
            verified: verified.unwrap_or(false),
        }),
        (None, _) if removed => ContactChange::Remove,
        (None, Some(verified)) => ContactChange::Verified(verified),
        (None, None) => ContactChange::Keep,
    })
}
