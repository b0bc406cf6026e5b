//! Organizations (tenants on the wire): created, shown, renamed, archived; their members.

mod change;
mod create;
mod list;
mod members;

pub use change::{UpdateOrganization, update};
pub use create::{CreateOrganization, create};
pub use list::{list, show};
pub use members::{Membership, MembershipPage, members, of_user, remove_member};

use doorward_domain::organization::Organization;
use doorward_domain::{Code, TenantId};
use doorward_store::WriteTx;

use crate::caller::Here;
use crate::error::{Error, Result};

/// Most items in one page.
pub const PAGE_MAX: u32 = 101;

fn found(organization: Option<Organization>) -> Result<Organization> {
    organization.ok_or_else(|| Error::new(Code::TenantNotFound))
}

/// Refuses to leave an organization without an active owner.
pub(crate) fn keep_an_owner(
    here: &Here,
    tx: &mut WriteTx<'_>,
    tenant: TenantId,
    user: doorward_domain::UserId,
) -> Result<()> {
    if tx.app(here.app.id).has_another_owner(tenant, user)? {
        Ok(())
    } else {
        Err(Error::new(Code::LastOwner))
    }
}
