//! Members of an organization, and the organizations of a user.

use doorward_domain::audit::Action;
use doorward_domain::organization::{Belonging, Member};
use doorward_domain::scope::Scope;
use doorward_domain::{Code, TenantId, Timestamp, UserId};

use super::{PAGE_MAX, found, keep_an_owner};
use crate::caller::Caller;
use crate::context::Describe;
use crate::core::Core;
use crate::cursor::TimeCursor;
use crate::error::{Error, Result};

/// What a user is in an organization, and what that permits.
#[derive(Debug, Clone)]
pub struct Membership {
    /// The organization and the roles in it.
    pub belonging: Belonging,
    /// Since when.
    pub joined_at: Timestamp,
    /// What the roles permit.
    pub permissions: Vec<String>,
}

/// Members of an organization in order of their ids, after the given one.
///
/// # Errors
/// [`Code::Forbidden`] without `orgs:read`; [`Code::AppNotFound`]; [`Code::TenantNotFound`].
pub async fn members(
    core: &Core,
    caller: Caller<'_>,
    tenant: TenantId,
    after: Option<UserId>,
    limit: u32,
) -> Result<Vec<Member>> {
    let limit = limit.clamp(1, PAGE_MAX);
    core.read_as(caller, Scope::OrgsRead, move |here, tx| {
        let mut scope = tx.app(here.app.id);
        found(scope.organization(tenant)?)?;
        Ok(scope.members(tenant, after, limit)?)
    })
    .await
}

/// Organizations of a user.
#[derive(Debug, Clone)]
pub struct MembershipPage {
    /// In the order in which the user joined; may be none although there are more.
    pub memberships: Vec<Membership>,
    /// Where the next page begins; `None` when there is nothing more.
    pub next: Option<TimeCursor>,
}

/// The organizations in use that a user belongs to, in the order in which it joined, after the given
/// place; at most 101. A page looks at a bounded number of memberships.
///
/// # Errors
/// [`Code::Forbidden`] without `orgs:read`; [`Code::AppNotFound`]; [`Code::UserNotFound`];
/// [`Code::ValidationError`] for a place in another list.
pub async fn of_user(
    core: &Core,
    caller: Caller<'_>,
    user: UserId,
    after: Option<TimeCursor>,
    limit: u32,
) -> Result<MembershipPage> {
    let limit = limit.clamp(1, PAGE_MAX);
    let after = after
        .map(|place| match place.id.parse() {
            Ok(tenant) => Ok((place.at, tenant)),
            Err(_) => Err(Error::field(
                "cursor",
                "Must be the next_cursor of a former page",
            )),
        })
        .transpose()?;
    core.read_as(caller, Scope::OrgsRead, move |here, tx| {
        let mut scope = tx.app(here.app.id);
        if scope.user(user)?.is_none() {
            return Err(Error::new(Code::UserNotFound));
        }
        let page = scope.belongings(user, after, limit)?;
        let permissions = |belonging: &Belonging| {
            let names = here.app.roles.permissions(&belonging.roles);
            names.into_iter().map(ToOwned::to_owned).collect()
        };
        let memberships = page.belongings.into_iter();
        Ok(MembershipPage {
            memberships: memberships
                .map(|(joined_at, belonging)| Membership {
                    permissions: permissions(&belonging),
                    belonging,
                    joined_at,
                })
                .collect(),
            next: page.next.map(|(at, tenant)| TimeCursor {
                at,
                id: tenant.to_string(),
            }),
        })
    })
    .await
}

/// Removes a user from an organization with all its roles. At the user's next refresh it is gone
/// from the token.
///
/// # Errors
/// [`Code::Forbidden`] without `orgs:write`; [`Code::AppNotFound`]; [`Code::TenantNotFound`];
/// [`Code::RoleNotFound`] when it is no member; [`Code::LastOwner`].
pub async fn remove_member(
    core: &Core,
    caller: Caller<'_>,
    tenant: TenantId,
    user: UserId,
) -> Result<()> {
    core.write_as(caller, Scope::OrgsWrite, move |here, tx| {
        let mut scope = tx.app(here.app.id);
        if !scope.hold_organization(tenant, true)? {
            return Err(Error::new(Code::TenantNotFound));
        }
        let roles = scope.roles_of_member(tenant, user)?;
        if roles.is_empty() {
            return Err(Error::new(Code::RoleNotFound)
                .with_message("This user is no member of the organization."));
        }
        if roles.iter().any(doorward_domain::role::RoleName::is_owner) {
            keep_an_owner(here, tx, tenant, user)?;
        }
        let mut scope = tx.app(here.app.id);
        scope.revoke_roles(tenant, user, None)?;
        scope.audit(
            &here
                .event(Action::MemberRemoved)
                .on("user", user)
                .with(serde_json::json!({ "tenant_id": tenant, "roles": roles })),
        )?;
        Ok(Ok(()))
    })
    .await
}
