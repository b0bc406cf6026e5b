//! Looking at organizations.

use doorward_domain::TenantId;
use doorward_domain::organization::Organization;
use doorward_domain::scope::Scope;

use super::{PAGE_MAX, found};
use crate::caller::Caller;
use crate::core::Core;
use crate::error::Result;

/// Organizations in order of creation, after the given one; archived ones are among them.
///
/// # Errors
/// [`doorward_domain::Code::Forbidden`] without `orgs:read`;
/// [`doorward_domain::Code::AppNotFound`].
pub async fn list(
    core: &Core,
    caller: Caller<'_>,
    after: Option<TenantId>,
    limit: u32,
) -> Result<Vec<Organization>> {
    let limit = limit.clamp(1, PAGE_MAX);
    core.read_as(caller, Scope::OrgsRead, move |here, tx| {
        Ok(tx.app(here.app.id).organizations(after, limit)?)
    })
    .await
}

/// An organization.
///
/// # Errors
/// As [`list`], and [`doorward_domain::Code::TenantNotFound`].
pub async fn show(core: &Core, caller: Caller<'_>, id: TenantId) -> Result<Organization> {
    core.read_as(caller, Scope::OrgsRead, move |here, tx| {
        found(tx.app(here.app.id).organization(id)?)
    })
    .await
}
