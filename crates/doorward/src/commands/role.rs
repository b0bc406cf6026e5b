//! `doorward role`

use doorward_domain::role::{Permission, RoleName};
use doorward_service::roles::{self, DefineRole, RoleChange, RoleInfo};
use doorward_service::{Caller, Core, Operator};
use serde::Serialize;

use super::{find, pages};
use crate::Outcome;
use crate::cli::{Global, RoleCommand, Whose};
use crate::deployment;
use crate::output::{self, Done, Report, labels, table};

/// Runs it.
pub(super) async fn run(global: &Global, command: RoleCommand) -> Outcome {
    let core = deployment::open(global).await?;
    let operator = deployment::operator(&core);
    let outcome = obey(&core, &operator, command, global.json).await;
    core.store.close().await;
    outcome
}

async fn obey(core: &Core, operator: &Operator, command: RoleCommand, json: bool) -> Outcome {
    match command {
        RoleCommand::List { of, limit } => {
            let app = find::app(core, operator, &of.app).await?.id;
            let items = pages::gather(limit, async |after, room| {
                let caller = Caller::Operator(operator, app);
                let page = roles::list(core, caller, after, room).await?;
                Ok(pages::ended_by_last(page, room, |role| role.name.clone()))
            });
            let items = items.await?.into_iter().map(RoleView::from).collect();
            output::report(json, &RoleList { items })
        }
        RoleCommand::Define {
            role,
            description,
            permission,
            of,
        } => {
            let app = find::app(core, operator, &of.app).await?.id;
            let request = DefineRole {
                name: role,
                description,
                permissions: permission,
            };
            let defined = roles::define(core, operator, app, request).await?;
            output::report(json, &RoleView::from(defined))
        }
        RoleCommand::Delete { role, of } => {
            let name = find::role(&role)?;
            let app = find::app(core, operator, &of.app).await?.id;
            let done = roles::delete(core, operator, app, name).await;
            done.map_err(|error| find::explained(error, &of))?;
            output::report(json, &Done(find::AT_REFRESH))
        }
        RoleCommand::Assign { role, whose } => {
            let role = Some(find::role(&role)?);
            let (caller, change) = change(core, operator, &whose, role).await?;
            let done = roles::assign(core, caller, change).await;
            done.map_err(|error| find::explained(error, &whose.of))?;
            output::report(json, &Done(find::AT_REFRESH))
        }
        RoleCommand::Revoke { which, whose } => {
            // The command line has either the role or --all.
            let role = which.role.as_deref().map(find::role).transpose()?;
            let (caller, change) = change(core, operator, &whose, role).await?;
            let done = roles::revoke(core, caller, change).await;
            done.map_err(|error| find::explained(error, &whose.of))?;
            output::report(json, &Done(find::AT_REFRESH))
        }
    }
}

async fn change<'a>(
    core: &Core,
    operator: &'a Operator,
    whose: &Whose,
    role: Option<RoleName>,
) -> Outcome<(Caller<'a>, RoleChange)> {
    let tenant_id = find::org(&whose.org, &whose.of)?;
    let app = find::app(core, operator, &whose.of.app).await?.id;
    let change = RoleChange {
        user_id: find::user(core, operator, app, &whose.user).await?,
        tenant_id,
        role,
    };
    Ok((Caller::Operator(operator, app), change))
}

/// A role.
#[derive(Serialize)]
struct RoleView {
    role: RoleName,
    built_in: bool,
    description: String,
    permissions: Vec<String>,
}

impl From<RoleInfo> for RoleView {
    fn from(info: RoleInfo) -> Self {
        let permissions = info.definition.permissions.iter();
        Self {
            permissions: permissions
                .map(Permission::as_str)
                .map(str::to_owned)
                .collect(),
            role: info.name,
            built_in: info.built_in,
            description: info.definition.description,
        }
    }
}

impl RoleView {
    fn kind(&self) -> String {
        if self.built_in { "built in" } else { "own" }.to_owned()
    }
}

impl Report for RoleView {
    fn human(&self) -> String {
        labels(&[
            ("role", self.role.to_string()),
            ("kind", self.kind()),
            ("description", self.description.clone()),
            ("permissions", self.permissions.join(", ")),
        ])
    }
}

/// All roles of an app.
#[derive(Serialize)]
struct RoleList {
    items: Vec<RoleView>,
}

impl Report for RoleList {
    fn human(&self) -> String {
        let rows: Vec<_> = self
            .items
            .iter()
            .map(|role| {
                [
                    role.role.to_string(),
                    role.kind(),
                    role.permissions.join(", "),
                    role.description.clone(),
                ]
            })
            .collect();
        table(["ROLE", "KIND", "PERMISSIONS", "DESCRIPTION"], &rows)
    }
}
