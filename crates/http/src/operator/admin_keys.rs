//! `/admin/admin-keys`

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use doorward_domain::AdminKeyId;
use doorward_domain::app::parse_name;
use doorward_domain::reason::Reason;
use doorward_domain::scope::{Scope, Scopes};
use doorward_domain::time::iso;
use doorward_service::Error;
use doorward_service::admin_keys::{self, AdminKey, CreateAdminKey, RevokeAdminKey};
use serde::Serialize;
use utoipa::ToSchema;

use super::OperatorFace;
use super::auth::Authenticated;
use super::creating::Creating;
use super::deliberate::{meant, reason};
use crate::docs::refusals;
use crate::error::ApiResult;
use crate::public::Success;
use crate::read::{Fields, Page, Paged, QueryFields, time, uuid};

/// An admin key, never the key itself.
#[derive(Serialize, ToSchema)]
#[schema(as = AdminKey)]
pub(super) struct AdminKeyView {
    /// Its id.
    #[schema(value_type = uuid::Uuid)]
    id: AdminKeyId,
    /// A name for people.
    name: String,
    /// What it may do: at most each scope once.
    scopes: Vec<&'static str>,
    /// Creation.
    #[schema(format = DateTime)]
    created_at: String,
    /// End of life, if it has one.
    #[schema(format = DateTime)]
    expires_at: Option<String>,
    /// When it was revoked.
    #[schema(format = DateTime)]
    revoked_at: Option<String>,
    /// The last day it was used.
    #[schema(format = DateTime)]
    last_used_on: Option<String>,
}

impl From<AdminKey> for AdminKeyView {
    fn from(key: AdminKey) -> Self {
        Self {
            id: key.id,
            name: key.name,
            scopes: key.scopes.names(),
            created_at: iso(key.created_at),
            expires_at: key.expires_at.map(iso),
            revoked_at: key.revoked_at.map(iso),
            last_used_on: key.last_used_on.map(iso),
        }
    }
}

refusals!(ListAdminKeysRefusals = ALWAYS | OPERATOR + ValidationError);

/// List admin keys
///
/// In order of creation, never the keys themselves. Scope `admin-keys:read`.
#[utoipa::path(
    get, path = "/admin/admin-keys", operation_id = "listAdminKeys", tag = "Admin keys",
    params(
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 100, description = "Most items; 50 if absent."),
        ("cursor" = Option<uuid::Uuid>, Query, description = "`next_cursor` of the former page."),
    ),
    responses((status = 200, description = "A page.", body = Paged<AdminKeyView>), ListAdminKeysRefusals),
    security(("admin_key" = [])),
)]
pub(super) async fn list(
    State(face): State<Arc<OperatorFace>>,
    Authenticated(operator): Authenticated,
    QueryFields(mut fields): QueryFields,
) -> ApiResult<Json<Paged<AdminKeyView>>> {
    let page = Page::read(&mut fields);
    fields.refuse_unknown();
    let page = fields.finish(|| page)?;
    let found = admin_keys::list(&face.core, &operator, page.cursor, page.fetch()).await?;
    Ok(Json(page.of(found, |key| key.id, AdminKeyView::from)))
}

/// An admin key is to be made.
#[derive(ToSchema)]
#[expect(dead_code, reason = "documents the body, which `read` takes apart")]
pub(super) struct CreateAdminKeyRequest {
    /// A name for people.
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    /// What it may do.
    #[schema(schema_with = scopes_schema)]
    scopes: Scopes,
    /// End of life, in the future. Absent: none.
    #[schema(format = DateTime)]
    expires_at: Option<String>,
    /// Why; it goes to the audit and stays there. No e-mail address or phone number.
    #[schema(value_type = Option<String>, min_length = 3, max_length = 500)]
    reason: Option<Reason>,
}

fn scopes_schema() -> utoipa::openapi::schema::Array {
    let scope = utoipa::openapi::ObjectBuilder::new()
        .schema_type(utoipa::openapi::Type::String)
        .enum_values(Some(Scope::ALL.iter().map(|scope| scope.as_str())));
    utoipa::openapi::schema::ArrayBuilder::new()
        .items(scope)
        .min_items(Some(1))
        .description(Some(
            "What it may do: at least one scope, none that the caller lacks.",
        ))
        .build()
}

/// The key, shown this once.
#[derive(Serialize, ToSchema)]
#[schema(as = CreatedAdminKey)]
pub(super) struct CreatedAdminKeyView {
    /// The key.
    admin_key: String,
    #[serde(flatten)]
    record: AdminKeyView,
}

refusals!(CreateAdminKeyRefusals = ALWAYS | OPERATOR | BODY);

/// Create an admin key
///
/// Nobody can give away more than he has. Scope `admin-keys:write`.
#[utoipa::path(
    post, path = "/admin/admin-keys", operation_id = "createAdminKey", tag = "Admin keys",
    request_body = CreateAdminKeyRequest,
    responses((status = 201, description = "Created.", body = CreatedAdminKeyView), CreateAdminKeyRefusals),
    security(("admin_key" = [])),
)]
pub(super) async fn create(
    State(face): State<Arc<OperatorFace>>,
    Creating { operator, fields }: Creating,
) -> ApiResult<(StatusCode, Json<CreatedAdminKeyView>)> {
    let created = admin_keys::create(&face.core, &operator, read(fields)?).await?;
    let admin_key = created.key.expose().to_owned();
    let view = CreatedAdminKeyView {
        admin_key,
        record: created.record.into(),
    };
    Ok((StatusCode::CREATED, Json(view)))
}

fn read(mut fields: Fields) -> ApiResult<CreateAdminKey> {
    let name = fields.required("name", parse_name);
    let scopes = fields.required_list("scopes", |text| {
        Scope::parse(text).ok_or_else(|| {
            let known: Vec<_> = Scope::ALL.iter().map(|scope| scope.as_str()).collect();
            format!("Is no scope; there are {}", known.join(", "))
        })
    });
    let expires_at = fields.optional("expires_at", time);
    let reason = reason(&mut fields);
    fields.refuse_unknown();
    fields.finish(|| {
        Some(CreateAdminKey {
            name: name?,
            scopes: scopes?.into_iter().collect(),
            expires_at: expires_at?,
            reason: reason?,
        })
    })
}

refusals!(
    RevokeAdminKeyRefusals = ALWAYS | OPERATOR + ValidationError,
    NotFound,
    SelfProtection
);

/// Revoke an admin key
///
/// It is dead at once on every node. Doing it twice is no error. A key cannot revoke itself, nor the
/// last one with the scope `admin-keys:write`, nor the last one with every scope; one that ends within
/// a day does not count as another. Scope `admin-keys:write`.
#[utoipa::path(
    delete, path = "/admin/admin-keys/{id}", operation_id = "revokeAdminKey", tag = "Admin keys",
    params(
        ("id" = uuid::Uuid, Path, description = "The key's id."),
        ("reason" = String, Query, min_length = 3, max_length = 500, description = "Why; it goes to the audit and stays there."),
        ("confirm" = String, Query, description = "The key's name or id, once more."),
    ),
    responses((status = 200, description = "Revoked.", body = Success), RevokeAdminKeyRefusals),
    security(("admin_key" = [])),
)]
pub(super) async fn revoke(
    State(face): State<Arc<OperatorFace>>,
    Authenticated(operator): Authenticated,
    Path(id): Path<String>,
    QueryFields(mut fields): QueryFields,
) -> ApiResult<Json<Success>> {
    let id = uuid(&id).map_err(|message| Error::field("id", message))?;
    let meant = meant(&mut fields);
    fields.refuse_unknown();
    let request = RevokeAdminKey {
        deliberate: fields.finish(|| meant)?.by(&operator)?,
        even_the_last: false,
    };
    admin_keys::revoke(&face.core, &operator, id, request).await?;
    Ok(Json(Success { success: true }))
}
