//! `doorward user orgs`

use doorward_domain::TenantId;
use doorward_domain::role::RoleName;
use doorward_service::organizations::{self, Membership};
use doorward_service::{Caller, Core, Operator};
use serde::Serialize;

use crate::Outcome;
use crate::cli::OneUser;
use crate::commands::find;
use crate::output::{self, Report, table};

/// Most organizations that one question to the store may ask for.
const PAGE: u32 = 100;

/// Prints them.
pub(super) async fn print(
    core: &Core,
    operator: &Operator,
    user: &OneUser,
    limit: u32,
    json: bool,
) -> Outcome {
    let app = find::app(core, operator, &user.of.app).await?.id;
    let id = find::user(core, operator, app, &user.user).await?;
    let mut items: Vec<BelongingView> = Vec::new();
    let mut after = None;
    loop {
        let room = limit.saturating_sub(u32::try_from(items.len()).unwrap_or(u32::MAX));
        let room = room.min(PAGE);
        if room == 0 {
            break;
        }
        let caller = Caller::Operator(operator, app);
        let page = organizations::of_user(core, caller, id, after, room).await;
        let page = page.map_err(|error| find::explained(error, &user.of))?;
        let full = page.len() >= usize::try_from(room).unwrap_or(usize::MAX);
        after = page.last().map(Membership::place);
        items.extend(page.into_iter().map(BelongingView::from));
        if !full {
            break;
        }
    }
    output::report(json, &BelongingList { items })
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
