//! Renaming and archiving an organization.

use doorward_domain::app::parse_name;
use doorward_domain::audit::Action;
use doorward_domain::organization::Organization;
use doorward_domain::scope::Scope;
use doorward_domain::{Code, TenantId};

use super::found;
use crate::caller::Caller;
use crate::context::Describe;
use crate::core::Core;
use crate::error::{Error, Result};

/// What is to change. What is absent stays.
#[derive(Debug, Clone, Default)]
pub struct UpdateOrganization {
    /// A new name.
    pub name: Option<String>,
    /// An archived organization goes into no token from the next refresh on, and nobody joins it.
    pub archived: Option<bool>,
    /// The version the change was made against; a change meanwhile is then a conflict.
    pub expected_version: Option<i64>,
}

/// Renames an organization, archives it, or takes it into use again.
///
/// # Errors
/// [`Code::Forbidden`] without `orgs:write`; [`Code::AppNotFound`]; [`Code::TenantNotFound`];
/// [`Code::ValidationError`] for the name; [`Code::Conflict`] when it was changed meanwhile.
pub async fn update(
    core: &Core,
    caller: Caller<'_>,
    id: TenantId,
    request: UpdateOrganization,
) -> Result<Organization> {
    let name = match &request.name {
        Some(name) => Some(parse_name(name).map_err(|message| Error::field("name", message))?),
        None => None,
    };
    core.write_as(caller, Scope::OrgsWrite, move |here, tx| {
        let now = here.now();
        let mut scope = tx.app(here.app.id);
        // From here on nobody else changes it, so that what is judged is what is changed.
        scope.hold_organization(id, true)?;
        let old = found(scope.organization(id)?)?;
        let version = request.expected_version.unwrap_or(old.version);
        if version != old.version {
            return Err(changed_meanwhile());
        }
        if let Some(name) = name.as_ref().filter(|name| **name != old.name) {
            if !scope.rename_organization(id, version, name, now)? {
                return Err(changed_meanwhile());
            }
            let event = here.event(Action::OrganizationRenamed);
            let details = serde_json::json!({ "from": old.name, "to": name });
            scope.audit(&event.on("organization", id).with(details))?;
        }
        if let Some(archived) = request.archived
            && scope.set_organization_archived(id, archived, now)?
        {
            let action = if archived {
                Action::OrganizationArchived
            } else {
                Action::OrganizationRestored
            };
            scope.audit(&here.event(action).on("organization", id))?;
        }
        Ok(found(scope.organization(id)?))
    })
    .await
}

fn changed_meanwhile() -> Error {
    Error::new(Code::Conflict).with_message(
        "The organization was changed meanwhile. Read it again and repeat your change.",
    )
}
