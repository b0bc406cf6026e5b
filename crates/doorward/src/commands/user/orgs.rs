//! `doorward user orgs`

use doorward_domain::TenantId;
use doorward_domain::role::RoleName;
use doorward_service::organizations::{self, Membership};
use doorward_service::{Caller, Core, Operator, TimeCursor};
use serde::Serialize;

use crate::Outcome;
use crate::cli::{OneUser, Paging};
use crate::commands::{find, pages};
use crate::output::{Report, table};

/// Prints them.
pub(super) async fn print(
    core: &Core,
    operator: &Operator,
    user: &OneUser,
    page: &Paging,
    json: bool,
) -> Outcome {
    let app = find::app(core, operator, &user.of.app).await?.id;
    let id = find::user(core, operator, app, &user.user).await?;
    let from = pages::cursor(page.cursor.as_deref(), str::parse::<TimeCursor>)?;
    let found = pages::gather(page.limit, from, async |after, room| {
        let caller = Caller::Operator(operator, app);
        let page = organizations::of_user(core, caller, id, after, room).await;
        let page = page.map_err(|error| find::explained(error, &user.of))?;
        Ok((page.memberships, page.next))
    });
    let (found, next) = found.await?;
    let items = found.into_iter().map(BelongingView::from).collect();
    pages::print(json, BelongingList { items }, next)
}

/// What a user is in an organization.
#[derive(Serialize)]
struct BelongingView {
    tenant_id: TenantId,
    roles: Vec<RoleName>,
    permissions: Vec<String>,
}

impl From<Membership> for BelongingView {
    fn from(membership: Membership) -> Self {
        Self {
            tenant_id: membership.belonging.tenant_id,
            roles: membership.belonging.roles,
            permissions: membership.permissions,
        }
    }
}

/// The organizations of a user.
#[derive(Serialize)]
struct BelongingList {
    items: Vec<BelongingView>,
}

impl Report for BelongingList {
    fn human(&self) -> String {
        if self.items.is_empty() {
            return "The user is in no organization that is in use.\n".to_owned();
        }
        let rows: Vec<_> = self
            .items
            .iter()
            .map(|belonging| {
                let roles: Vec<_> = belonging.roles.iter().map(RoleName::as_str).collect();
                [
                    belonging.tenant_id.to_string(),
                    roles.join(", "),
                    belonging.permissions.join(", "),
                ]
            })
            .collect();
        table(["ORG", "ROLES", "PERMISSIONS"], &rows)
    }
}
