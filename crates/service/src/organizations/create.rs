//! Creating an organization.

use doorward_domain::app::parse_name;
use doorward_domain::audit::Action;
use doorward_domain::organization::Organization;
use doorward_domain::role::RoleName;
use doorward_domain::scope::Scope;
use doorward_domain::{TenantId, UserId};

use super::found;
use crate::caller::Caller;
use crate::context::Describe;
use crate::core::Core;
use crate::error::{Error, Result};
use crate::roles::grant;

/// What is to be created.
#[derive(Debug, Clone)]
pub struct CreateOrganization {
    /// Its name: 1 to 100 characters.
    pub name: String,
    /// Its first owner, if it is known already.
    pub owner: Option<UserId>,
}

/// Creates an organization, with its first owner where one is named.
///
/// # Errors
/// [`doorward_domain::Code::Forbidden`] without `orgs:write`; [`doorward_domain::Code::AppNotFound`]; [`doorward_domain::Code::ValidationError`] for
/// the name; [`doorward_domain::Code::UserNotFound`] and [`doorward_domain::Code::UserDeleted`] for the owner.
pub async fn create(
    core: &Core,
    caller: Caller<'_>,
    request: CreateOrganization,
) -> Result<Organization> {
    let name = parse_name(&request.name).map_err(|message| Error::field("name", message))?;
    let context = caller.context();
    let id = TenantId::generate(&*context.clock, &*context.random);
    core.create_as(caller, Scope::OrgsWrite, move |here, tx| {
        let mut scope = tx.app(here.app.id);
        scope.insert_organization(id, &name, here.now())?;
        scope.audit(
            &here
                .event(Action::OrganizationCreated)
                .on("organization", id)
                .with(serde_json::json!({ "name": name })),
        )?;
        if let Some(owner) = request.owner {
            grant(here, tx, id, owner, &RoleName::owner())?;
        }
        Ok(found(tx.app(here.app.id).organization(id)?))
    })
    .await
}
