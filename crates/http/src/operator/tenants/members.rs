//! `/admin/apps/{app_id}/tenants/{tenant_id}/members` and `/admin/apps/{app_id}/users/{user_id}/tenants`

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use doorward_domain::organization::Member;
use doorward_domain::role::RoleName;
use doorward_domain::time::iso;
use doorward_domain::{TenantId, UserId};
use doorward_service::organizations::{self, Membership};
use doorward_service::roles::{self, RoleChange};
use doorward_service::{Caller, Error, TimeCursor};
use serde::Serialize;
use utoipa::ToSchema;

use super::{ids, tenant_id};
use crate::docs::refusals;
use crate::error::ApiResult;
use crate::operator::OperatorFace;
use crate::operator::apps::app_id;
use crate::operator::auth::Authenticated;
use crate::operator::creating::Creating;
use crate::public::Success;
use crate::read::{Page, Paged, QueryFields, uuid};

/// A member of an organization.
#[derive(Serialize, ToSchema)]
#[schema(as = Member)]
pub(crate) struct MemberView {
    /// Who.
    #[schema(value_type = uuid::Uuid)]
    user_id: UserId,
    /// Since when.
    #[schema(format = DateTime)]
    joined_at: String,
    /// With which roles, by name.
    #[schema(value_type = Vec<String>)]
    roles: Vec<RoleName>,
}

impl From<Member> for MemberView {
    fn from(member: Member) -> Self {
        Self {
            user_id: member.user_id,
            joined_at: iso(member.joined_at),
            roles: member.roles,
        }
    }
}

/// What a user is in an organization.
#[derive(Serialize, ToSchema)]
#[schema(as = Membership)]
pub(crate) struct MembershipView {
    /// The organization.
    #[schema(value_type = uuid::Uuid)]
    tenant_id: TenantId,
    /// The user's roles in it, by name.
    #[schema(value_type = Vec<String>)]
    roles: Vec<RoleName>,
    /// What they permit.
    permissions: Vec<String>,
}

impl From<Membership> for MembershipView {
    fn from(membership: Membership) -> Self {
        Self {
            tenant_id: membership.belonging.tenant_id,
            roles: membership.belonging.roles,
            permissions: membership.permissions,
        }
    }
}

fn user_id(text: &str) -> ApiResult<UserId> {
    Ok(uuid(text).map_err(|message| Error::field("user_id", message))?)
}

refusals!(
    ListMembersRefusals = ALWAYS | OPERATOR + ValidationError,
    AppNotFound,
    TenantNotFound
);

/// List the members of an organization
///
/// Scope `orgs:read`.
#[utoipa::path(
    get, path = "/admin/apps/{app_id}/tenants/{tenant_id}/members", operation_id = "listMembers", tag = "Organizations",
    params(
        ("app_id" = uuid::Uuid, Path, description = "The app."),
        ("tenant_id" = uuid::Uuid, Path, description = "The organization."),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 100, description = "Most items; 50 if absent."),
        ("cursor" = Option<uuid::Uuid>, Query, description = "`next_cursor` of the former page."),
    ),
    responses((status = 200, description = "A page.", body = Paged<MemberView>), ListMembersRefusals),
    security(("admin_key" = [])),
)]
pub(crate) async fn list(
    State(face): State<Arc<OperatorFace>>,
    Authenticated(operator): Authenticated,
    Path(path): Path<(String, String)>,
    QueryFields(mut fields): QueryFields,
) -> ApiResult<Json<Paged<MemberView>>> {
    let (app_id, tenant) = ids(&path)?;
    let page = Page::read(&mut fields);
    fields.refuse_unknown();
    let page = fields.finish(|| page)?;
    let caller = Caller::Operator(&operator, app_id);
    let found =
        organizations::members(&face.core, caller, tenant, page.cursor, page.fetch()).await?;
    Ok(Json(page.of(
        found,
        |member| member.user_id,
        MemberView::from,
    )))
}

/// A user is given a role.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "documents the body, which the handler takes apart"
)]
pub(crate) struct AddMemberRequest {
    /// The user.
    #[schema(value_type = uuid::Uuid)]
    user_id: UserId,
    /// `owner`, `admin`, `staff`, `viewer`, or one that the app defines.
    #[schema(value_type = String, pattern = "^[a-z][a-z0-9_-]{0,31}$", example = "staff")]
    role: RoleName,
}

refusals!(
    AddMemberRefusals = ALWAYS | OPERATOR | BODY + AppNotFound,
    TenantNotFound,
    UserNotFound,
    UserDeleted,
    RoleNotFound,
    Conflict
);

/// Give a user a role in an organization
///
/// Makes the user a member. Doing it twice is no error. Scope `orgs:write`.
#[utoipa::path(
    post, path = "/admin/apps/{app_id}/tenants/{tenant_id}/members", operation_id = "addMember", tag = "Organizations",
    params(
        ("app_id" = uuid::Uuid, Path, description = "The app."),
        ("tenant_id" = uuid::Uuid, Path, description = "The organization."),
    ),
    request_body = AddMemberRequest,
    responses((status = 200, description = "The user has the role.", body = Success), AddMemberRefusals),
    security(("admin_key" = [])),
)]
pub(crate) async fn add(
    State(face): State<Arc<OperatorFace>>,
    Path(path): Path<(String, String)>,
    Creating {
        operator,
        mut fields,
    }: Creating,
) -> ApiResult<Json<Success>> {
    let (app_id, tenant_id) = ids(&path)?;
    let user_id = fields.required("user_id", uuid);
    let role = fields.required("role", RoleName::parse);
    fields.refuse_unknown();
    let change = fields.finish(|| {
        Some(RoleChange {
            user_id: user_id?,
            tenant_id,
            role: Some(role?),
        })
    })?;
    roles::assign(&face.core, Caller::Operator(&operator, app_id), change).await?;
    Ok(Json(Success { success: true }))
}

refusals!(
    RemoveMemberRefusals = ALWAYS | OPERATOR + ValidationError,
    AppNotFound,
    TenantNotFound,
    UserNotFound,
    RoleNotFound,
    LastOwner
);

/// Remove a member, or take one of its roles
///
/// With `role` only that one goes, and the membership with the last. Gone from the access token at
/// the next refresh. Scope `orgs:write`.
#[utoipa::path(
    delete, path = "/admin/apps/{app_id}/tenants/{tenant_id}/members/{user_id}", operation_id = "removeMember", tag = "Organizations",
    params(
        ("app_id" = uuid::Uuid, Path, description = "The app."),
        ("tenant_id" = uuid::Uuid, Path, description = "The organization."),
        ("user_id" = uuid::Uuid, Path, description = "The member."),
        ("role" = Option<String>, Query, pattern = "^[a-z][a-z0-9_-]{0,31}$", description = "Only this role."),
    ),
    responses((status = 200, description = "Done.", body = Success), RemoveMemberRefusals),
    security(("admin_key" = [])),
)]
pub(crate) async fn remove(
    State(face): State<Arc<OperatorFace>>,
    Authenticated(operator): Authenticated,
    Path((app, tenant, user)): Path<(String, String, String)>,
    QueryFields(mut fields): QueryFields,
) -> ApiResult<Json<Success>> {
    let (app_id, tenant_id, user_id) = (app_id(&app)?, tenant_id(&tenant)?, user_id(&user)?);
    let role = fields.optional("role", RoleName::parse);
    fields.refuse_unknown();
    let role = fields.finish(|| role)?;
    let caller = Caller::Operator(&operator, app_id);
    match role {
        Some(_) => {
            let change = RoleChange {
                user_id,
                tenant_id,
                role,
            };
            roles::revoke(&face.core, caller, change).await?;
        }
        None => organizations::remove_member(&face.core, caller, tenant_id, user_id).await?,
    }
    Ok(Json(Success { success: true }))
}

refusals!(
    ListUserTenantsRefusals = ALWAYS | OPERATOR + ValidationError,
    AppNotFound,
    UserNotFound
);

/// List the organizations of a user
///
/// In the order in which it joined them, with its roles and what they permit; archived ones are left
/// out. A page looks at a bounded number of memberships: it may hold fewer than `limit`, or none, although
/// there are more; go on until `next_cursor` is null. Scope `orgs:read`.
#[utoipa::path(
    get, path = "/admin/apps/{app_id}/users/{user_id}/tenants", operation_id = "listUserTenants", tag = "Organizations",
    params(
        ("app_id" = uuid::Uuid, Path, description = "The app."),
        ("user_id" = uuid::Uuid, Path, description = "The user."),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 100, description = "Most items; 50 if absent."),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the former page."),
    ),
    responses((status = 200, description = "A page.", body = Paged<MembershipView>), ListUserTenantsRefusals),
    security(("admin_key" = [])),
)]
pub(crate) async fn of_user(
    State(face): State<Arc<OperatorFace>>,
    Authenticated(operator): Authenticated,
    Path((app, user)): Path<(String, String)>,
    QueryFields(mut fields): QueryFields,
) -> ApiResult<Json<Paged<MembershipView>>> {
    let (app_id, user_id) = (app_id(&app)?, user_id(&user)?);
    let page = Page::read_with(&mut fields, str::parse::<TimeCursor>);
    fields.refuse_unknown();
    let page = fields.finish(|| page)?;
    let caller = Caller::Operator(&operator, app_id);
    let (after, limit) = (page.cursor.clone(), page.limit());
    let found = organizations::of_user(&face.core, caller, user_id, after, limit).await?;
    let items = found.memberships.into_iter().map(MembershipView::from);
    Ok(Json(Paged::new(items.collect(), found.next)))
}
