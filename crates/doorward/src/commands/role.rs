//! `doorward role`

use doorward_domain::role::{Permission, RoleName};
use doorward_service::roles::{self, DefineRole, DeleteRole, RoleChange, RoleInfo};
use doorward_service::{Caller, Core, Operator};
use serde::Serialize;

use super::{find, meant, pages};
use crate::Outcome;
use crate::cli::{Global, Meant, RoleCommand, Whose};
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
        RoleCommand::List { of, page } => {
            let app = find::app(core, operator, &of.app).await?.id;
            let from = pages::cursor(page.cursor.as_deref(), RoleName::parse)?;
            let found = pages::gather(page.limit, from, async |after, room| {
                let caller = Caller::Operator(operator, app);
                let page = roles::list(core, caller, after, pages::one_more(room)).await?;
                Ok(pages::ended_by_last(page, room, |role| role.name.clone()))
            });
            let (found, next) = found.await?;
            let items = found.into_iter().map(RoleView::from).collect();
            pages::print(json, RoleList { items }, next)
        }
        RoleCommand::Define {
            role,
            description,
            permission,
            of,
            reason,
            yes,
            against,
        } => {
            let app = find::app(core, operator, &of.app).await?.id;
            let deliberate = match reason {
                Some(reason) => {
                    let meant = Meant { reason, yes };
                    let what = "says anew what the role permits; whoever has it loses the rest";
                    Some(meant::deliberate(operator, &meant, what, &role)?)
                }
                None => None,
            };
            let request = DefineRole {
                name: role,
                description,
                permissions: permission,
                expected: against.if_match.map(quoted),
                deliberate,
            };
            let defined = roles::define(core, operator, app, request).await?;
            output::report(json, &RoleView::from(defined))
        }
        RoleCommand::Delete {
            role,
            of,
            meant,
            against,
        } => {
            let name = find::role(&role)?;
            let app = find::app(core, operator, &of.app).await?.id;
            let what = "deletes the role, with what it permits";
            let request = DeleteRole {
                deliberate: meant::deliberate(operator, &meant, what, name.as_str())?,
                expected: against.if_match.map(quoted),
            };
            let done = roles::delete(core, operator, app, name, request).await;
            done.map_err(|error| find::explained(error, &of))?;
            output::report(json, &Done(find::AT_REFRESH))
        }
        RoleCommand::Assign {
            role,
            whose,
            repeat,
        } => {
            let given = serde_json::json!([role, whose.user, whose.org, whose.of.app]);
            let operator = &deployment::repeatable(operator, repeat, "role assign", &given)?;
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

/// An entity tag, which loses its quotes easily in a shell.
fn quoted(tag: String) -> String {
    if tag.starts_with('"') {
        tag
    } else {
        format!("\"{tag}\"")
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
    etag: String,
}

impl From<RoleInfo> for RoleView {
    fn from(info: RoleInfo) -> Self {
        let etag = info.etag();
        let permissions = info.definition.permissions.iter();
        Self {
            etag,
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
