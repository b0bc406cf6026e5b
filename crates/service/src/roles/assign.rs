//! Giving and taking roles. Both show in the user's tokens from the next refresh on.

use doorward_domain::audit::Action;
use doorward_domain::role::{MAX_ROLES_OF_MEMBER, RoleName};
use doorward_domain::scope::Scope;
use doorward_domain::user::UserStatus;
use doorward_domain::{Code, TenantId, UserId};
use doorward_store::WriteTx;

use crate::caller::{Caller, Here};
use crate::context::Describe;
use crate::core::Core;
use crate::error::{Error, Result};
use crate::organizations::keep_an_owner;

/// Whose role, where.
#[derive(Debug, Clone)]
pub struct RoleChange {
    /// The user.
    pub user_id: UserId,
    /// The organization.
    pub tenant_id: TenantId,
    /// The role; when taking roles, `None` means all.
    pub role: Option<RoleName>,
}

/// Gives a user a role in an organization, and makes it a member where it is none. Doing it twice
/// is no error.
///
/// # Errors
/// [`Code::ValidationError`] for a missing role; [`Code::TenantNotFound`] (also for an archived
/// one), [`Code::UserNotFound`], [`Code::UserDeleted`], [`Code::RoleNotFound`] when the app defines
/// no such role; [`Code::Conflict`] for too many roles; for an operator also [`Code::Forbidden`]
/// and [`Code::AppNotFound`].
pub async fn assign(core: &Core, caller: Caller<'_>, change: RoleChange) -> Result<()> {
    let role = change
        .role
        .ok_or_else(|| Error::field("role", "Is required"))?;
    core.create_as(caller, Scope::OrgsWrite, move |here, tx| {
        grant(here, tx, change.tenant_id, change.user_id, &role).map(Ok)
    })
    .await
}

/// Gives a role inside a transaction.
pub(crate) fn grant(
    here: &Here,
    tx: &mut WriteTx<'_>,
    tenant: TenantId,
    user: UserId,
    role: &RoleName,
) -> Result<()> {
    let mut scope = tx.app(here.app.id);
    if !scope.hold_organization(tenant, false)? {
        return Err(Error::new(Code::TenantNotFound));
    }
    if !scope.hold_active_user(user)? {
        return Err(match scope.user(user)? {
            Some(found) if found.status != UserStatus::Active => Code::UserDeleted.into(),
            _ => Code::UserNotFound.into(),
        });
    }
    if !here.app.roles.contains(role) {
        return Err(undefined(role));
    }
    let had = scope.roles_of_member(tenant, user)?;
    if had.contains(role) {
        return Ok(());
    }
    if had.len() >= MAX_ROLES_OF_MEMBER {
        return Err(Error::new(Code::Conflict).with_message(format!(
            "A member can have at most {MAX_ROLES_OF_MEMBER} roles in one organization."
        )));
    }
    scope
        .assign_role(tenant, user, role, here.now())
        .map_err(|error| match error {
            // The role's definition was deleted at this moment: all else is held.
            doorward_store::StoreError::Constraint { .. } => undefined(role),
            other => other.into(),
        })?;
    scope.audit(
        &here
            .event(Action::RoleAssigned)
            .on("user", user)
            .with(serde_json::json!({ "tenant_id": tenant, "role": role })),
    )?;
    Ok(())
}

fn undefined(role: &RoleName) -> Error {
    Error::new(Code::RoleNotFound).with_message(format!(
        "The app has no role {role}. Define it first, or use owner, admin, staff or viewer."
    ))
}

/// Takes a role, or all of them, from a user in an organization. The membership ends with the last
/// one.
///
/// # Errors
/// [`Code::TenantNotFound`], [`Code::UserNotFound`], [`Code::RoleNotFound`] when there is none to
/// take, [`Code::LastOwner`]; for an operator also [`Code::Forbidden`] and [`Code::AppNotFound`].
pub async fn revoke(core: &Core, caller: Caller<'_>, change: RoleChange) -> Result<()> {
    core.write_as(caller, Scope::OrgsWrite, move |here, tx| {
        let (tenant, user) = (change.tenant_id, change.user_id);
        let mut scope = tx.app(here.app.id);
        if !scope.hold_organization(tenant, true)? {
            return Err(Error::new(Code::TenantNotFound));
        }
        if scope.user(user)?.is_none() {
            return Err(Error::new(Code::UserNotFound));
        }
        let had = scope.roles_of_member(tenant, user)?;
        let gone: Vec<RoleName> = match &change.role {
            Some(role) => had.into_iter().filter(|had| had == role).collect(),
            None => had,
        };
        if gone.is_empty() {
            return Err(Error::new(Code::RoleNotFound));
        }
        if gone.iter().any(RoleName::is_owner) {
            keep_an_owner(here, tx, tenant, user)?;
        }
        let mut scope = tx.app(here.app.id);
        scope.revoke_roles(tenant, user, change.role.as_ref())?;
        scope.audit(
            &here
                .event(Action::RoleRevoked)
                .on("user", user)
                .with(serde_json::json!({ "tenant_id": tenant, "roles": gone })),
        )?;
        Ok(Ok(()))
    })
    .await
}
