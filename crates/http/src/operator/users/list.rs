//! `GET` and `POST /admin/apps/{app_id}/users`

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use doorward_domain::Code;
use doorward_domain::contact::{Contact, EmailAddress, PhoneNumber};
use doorward_domain::user::UserStatus;
use doorward_service::users::{self, CreateUser, NewContact, UpdateUser, UserFilter, UserPlace};
use utoipa::ToSchema;

use super::UserView;
use crate::docs::refusals;
use crate::error::ApiResult;
use crate::operator::OperatorFace;
use crate::operator::apps::app_id;
use crate::operator::auth::Authenticated;
use crate::operator::creating::Creating;
use crate::read::{Fields, Page, Paged, QueryFields, hex, unhex, uuid};

/// Longest prefix, in bytes.
const PREFIX_MAX: usize = 254;

/// Which users are asked for.
enum Search {
    /// Who has this address.
    Exact(Contact),
    /// A page of those.
    Page(UserFilter),
}

/// Reads the parameters; of the searches at most one may be given.
fn search(fields: &mut Fields) -> Option<Search> {
    const NAMES: [&str; 5] = ["email", "email_prefix", "phone", "phone_prefix", "status"];
    let given: Vec<&str> = NAMES.into_iter().filter(|name| fields.has(name)).collect();
    for name in given.iter().skip(1) {
        fields.refuse((*name).to_owned(), "Give one search at a time");
    }
    let email = fields.optional("email", |text| {
        EmailAddress::parse(text).map_err(|error| error.to_string())
    });
    let email_prefix = fields.optional("email_prefix", email_prefix);
    let phone = fields.optional("phone", |text| {
        PhoneNumber::from_stored(text).ok_or("Must be a phone number: + and 7 to 15 digits")
    });
    let phone_prefix = fields.optional("phone_prefix", phone_prefix);
    let status = fields.optional("status", |text| {
        UserStatus::from_stored(text).ok_or("Must be one of active, deactivated, deleted")
    });
    if given.len() > 1 {
        return None;
    }
    let exact = email?.map(Contact::Email).or(phone?.map(Contact::Phone));
    let filter = email_prefix?
        .map(UserFilter::EmailPrefix)
        .or(phone_prefix?.map(UserFilter::PhonePrefix))
        .or(status?.map(UserFilter::Status));
    Some(match exact {
        Some(contact) => Search::Exact(contact),
        None => Search::Page(filter.unwrap_or(UserFilter::All)),
    })
}

/// Where a page ended, as it is written: the user's id, or of a search by address the address's bytes
/// in hexadecimal.
#[derive(Debug, Clone)]
pub struct UserCursor(pub UserPlace);

impl UserCursor {
    /// Reads one of a search by address, or of another list.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(text: &str, by_address: bool) -> Result<Self, &'static str> {
        const WRONG: &str = "Must be the next_cursor of a former page of the same search";
        if !by_address {
            return uuid(text)
                .map(|id| Self(UserPlace::Id(id)))
                .map_err(|_| WRONG);
        }
        unhex(text, PREFIX_MAX)
            .map(|address| Self(UserPlace::Address(address)))
            .ok_or(WRONG)
    }
}

impl std::fmt::Display for UserCursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.0 {
            UserPlace::Id(id) => write!(f, "{id}"),
            UserPlace::Address(address) => f.write_str(&hex(address)),
        }
    }
}

/// How an address begins, as sign-in compares it: without regard to the case of ASCII letters.
fn email_prefix(text: &str) -> Result<String, &'static str> {
    if text.is_empty() || text.len() > PREFIX_MAX || text.contains(char::is_control) {
        return Err("Must be 1 to 254 bytes of the beginning of an e-mail address");
    }
    Ok(text.to_ascii_lowercase())
}

/// How a number begins: `+` and digits.
fn phone_prefix(text: &str) -> Result<String, &'static str> {
    let digits = text.strip_prefix('+').unwrap_or_default();
    if (1..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()) {
        Ok(text.to_owned())
    } else {
        Err("Must be + and the first digits of a phone number")
    }
}

refusals!(
    ListUsersRefusals = ALWAYS | OPERATOR + ValidationError,
    AppNotFound
);

/// List and search users
///
/// Without a search, and by status, newest first; by the beginning of an address in order of the
/// addresses. At most one search at a time. Deleted users are among them. Scope `users:read`.
#[utoipa::path(
    get, path = "/admin/apps/{app_id}/users", operation_id = "listUsers", tag = "Users",
    params(
        ("app_id" = uuid::Uuid, Path, description = "The app."),
        ("email" = Option<String>, Query, description = "Who has exactly this address."),
        ("email_prefix" = Option<String>, Query, description = "Whose address begins so."),
        ("phone" = Option<String>, Query, description = "Who has exactly this number."),
        ("phone_prefix" = Option<String>, Query, description = "Whose number begins so."),
        ("status" = Option<String>, Query, description = "`active`, `deactivated` or `deleted`."),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 100, description = "Most items; 50 if absent."),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the former page of the same search."),
    ),
    responses((status = 200, description = "A page.", body = Paged<UserView>), ListUsersRefusals),
    security(("admin_key" = [])),
)]
pub(crate) async fn list(
    State(face): State<Arc<OperatorFace>>,
    Authenticated(operator): Authenticated,
    Path(app): Path<String>,
    QueryFields(mut fields): QueryFields,
) -> ApiResult<Json<Paged<UserView>>> {
    let app_id = app_id(&app)?;
    let search = search(&mut fields);
    let by_address = matches!(
        search,
        Some(Search::Page(
            UserFilter::EmailPrefix(_) | UserFilter::PhonePrefix(_)
        ))
    );
    let page = Page::read_with(&mut fields, |text| UserCursor::read(text, by_address));
    fields.refuse_unknown();
    let (search, page) = fields.finish(|| Some((search?, page?)))?;
    let (filter, found) = match search {
        Search::Exact(contact) => match users::find(&face.core, &operator, app_id, contact).await {
            Ok(user) => (UserFilter::All, vec![user]),
            Err(error) if error.code() == Code::UserNotFound => (UserFilter::All, Vec::new()),
            Err(error) => return Err(error.into()),
        },
        Search::Page(filter) => {
            let (fetch, after) = (page.fetch(), page.cursor.clone());
            let after = after.map(|UserCursor(place)| place);
            let which = filter.clone();
            let found = users::list(&face.core, &operator, app_id, which, after, fetch).await?;
            (filter, found)
        }
    };
    Ok(Json(page.of(
        found,
        |user| UserCursor(filter.place_after(user)),
        |user| UserView::new(app_id, user),
    )))
}

/// A user is to be created, with one address at least.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "documents the body, which the handler takes apart"
)]
pub(crate) struct CreateUserRequest {
    /// E-mail address.
    #[schema(max_length = 254, example = "ada@example.com")]
    email: Option<String>,
    /// Whether you vouch that the user holds it. Absent: no; the first sign-in by it proves it.
    email_verified: Option<bool>,
    /// Phone number in E.164 format.
    #[schema(example = "+919876543210")]
    phone: Option<String>,
    /// As `email_verified`.
    phone_verified: Option<bool>,
}

refusals!(
    CreateUserRefusals = ALWAYS | OPERATOR | BODY + AppNotFound,
    AddressTaken
);

/// Create a user
///
/// Also where the app lets nobody sign up. An address of a deleted user is taken until that one is
/// erased. Scope `users:write`.
#[utoipa::path(
    post, path = "/admin/apps/{app_id}/users", operation_id = "createUser", tag = "Users",
    params(("app_id" = uuid::Uuid, Path, description = "The app.")),
    request_body = CreateUserRequest,
    responses(
        (status = 201, description = "Created.", body = UserView,
            headers(("ETag" = String, description = "Its version, for `If-Match`."))),
        CreateUserRefusals,
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
) -> ApiResult<(StatusCode, UserView)> {
    let app_id = app_id(&app)?;
    let email = fields.optional("email", |text| {
        EmailAddress::parse(text).map_err(|error| error.to_string())
    });
    let email_verified = fields.optional_bool("email_verified");
    let phone = fields.optional("phone", |text| {
        PhoneNumber::parse(text).map_err(|error| error.to_string())
    });
    let phone_verified = fields.optional_bool("phone_verified");
    for (flag, verified, there) in [
        (
            "email_verified",
            &email_verified,
            !matches!(email, Some(None)),
        ),
        (
            "phone_verified",
            &phone_verified,
            !matches!(phone, Some(None)),
        ),
    ] {
        if matches!(verified, Some(Some(true))) && !there {
            fields.refuse(flag, UpdateUser::NOTHING_TO_VERIFY);
        }
    }
    fields.refuse_unknown();
    let request = fields.finish(|| {
        let (email_verified, phone_verified) = (email_verified?, phone_verified?);
        Some(CreateUser {
            email: email?.map(|value| NewContact {
                value,
                verified: email_verified.unwrap_or(false),
            }),
            phone: phone?.map(|value| NewContact {
                value,
                verified: phone_verified.unwrap_or(false),
            }),
        })
    })?;
    let user = users::create(&face.core, &operator, app_id, request).await?;
    Ok((StatusCode::CREATED, UserView::new(app_id, user)))
}
