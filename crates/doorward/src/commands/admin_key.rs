//! `doorward admin-key`

use doorward_domain::scope::{Scope, Scopes};
use doorward_domain::time::iso;
use doorward_domain::{AdminKeyId, Timestamp};
use doorward_service::admin_keys::{self, AdminKey, CreateAdminKey, RevokeAdminKey};
use doorward_service::{Core, Operator};
use serde::Serialize;

use super::{expiry, meant};
use crate::Outcome;
use crate::cli::{AdminKeyCommand, Global};
use crate::deployment;
use crate::failure::Failure;
use crate::output::{self, Report, labels, table};

/// Runs it.
pub(super) async fn run(global: &Global, command: AdminKeyCommand) -> Outcome {
    let core = deployment::open(global).await?;
    let operator = deployment::operator(&core);
    let (core, json) = (&*core, global.json);
    let outcome = match command {
        AdminKeyCommand::Create {
            name,
            scope,
            expires,
            reason,
            repeat,
        } => {
            let given = serde_json::json!([name, scope, expires, reason]);
            let operator = deployment::repeatable(&operator, repeat, "admin-key create", &given)?;
            let scopes = scopes(&scope)?;
            let now = core.clock.now();
            let expires_at = expires.map(|text| expiry::parse(&text, now)).transpose()?;
            let request = CreateAdminKey {
                name,
                scopes,
                expires_at,
                reason: meant::optional_reason(reason.as_deref())?,
            };
            let created = admin_keys::create(core, &operator, request).await?;
            let key = created.key.expose().to_owned();
            let record = AdminKeyView::of(created.record, now);
            output::report(
                json,
                &CreatedView {
                    admin_key: key,
                    record,
                },
            )
        }
        AdminKeyCommand::List => output::report(json, &all(core, &operator).await?),
        AdminKeyCommand::Revoke {
            id,
            meant,
            even_the_last,
        } => {
            let id: AdminKeyId = id.parse().map_err(|_| {
                Failure::usage(format!(
                    "`{id}` is no id; `doorward admin-key list` shows them."
                ))
            })?;
            let what = "revokes the key; whoever uses it is locked out at once";
            let request = RevokeAdminKey {
                deliberate: meant::deliberate(&operator, &meant, what, &id.to_string())?,
                even_the_last,
            };
            admin_keys::revoke(core, &operator, id, request).await?;
            output::report(
                json,
                &Revoked {
                    id: id.to_string(),
                    revoked: true,
                },
            )
        }
    };
    core.store.close().await;
    outcome
}

fn scopes(names: &[String]) -> Outcome<Scopes> {
    if names.is_empty() {
        return Ok(Scopes::all());
    }
    // One flag may hold several, as the stored form does.
    names
        .iter()
        .flat_map(|name| name.split([',', ' ']))
        .filter(|name| !name.is_empty())
        .map(|name| {
            Scope::parse(name).ok_or_else(|| {
                let known: Vec<_> = Scope::ALL.iter().map(|scope| scope.as_str()).collect();
                Failure::usage(format!(
                    "There is no scope `{name}`, but {}.",
                    known.join(", ")
                ))
            })
        })
        .collect()
}

async fn all(core: &Core, operator: &Operator) -> Outcome<AdminKeyList> {
    let mut items = Vec::new();
    let mut after = None;
    loop {
        let page = admin_keys::list(core, operator, after, 200).await?;
        let Some(last) = page.last().map(|key| key.id) else {
            break;
        };
        after = Some(last);
        items.extend(
            page.into_iter()
                .map(|key| AdminKeyView::of(key, core.clock.now())),
        );
    }
    Ok(AdminKeyList { items })
}

#[derive(Serialize)]
struct AdminKeyView {
    id: String,
    name: String,
    status: &'static str,
    scopes: Vec<&'static str>,
    created_at: String,
    expires_at: Option<String>,
    revoked_at: Option<String>,
    last_used_on: Option<String>,
}

impl AdminKeyView {
    fn of(key: AdminKey, now: Timestamp) -> Self {
        Self {
            id: key.id.to_string(),
            name: key.name,
            status: match (key.revoked_at, key.expires_at) {
                (Some(_), _) => "revoked",
                (None, Some(end)) if end <= now => "expired",
                _ => "active",
            },
            scopes: key.scopes.names(),
            created_at: iso(key.created_at),
            expires_at: key.expires_at.map(iso),
            revoked_at: key.revoked_at.map(iso),
            last_used_on: key.last_used_on.map(iso),
        }
    }

    fn scopes(&self) -> String {
        if self.scopes.len() == Scope::ALL.len() {
            "all".to_owned()
        } else {
            self.scopes.join(" ")
        }
    }
}

#[derive(Serialize)]
struct CreatedView {
    admin_key: String,
    #[serde(flatten)]
    record: AdminKeyView,
}

impl Report for CreatedView {
    fn human(&self) -> String {
        labels(&[
            ("admin_key", self.admin_key.clone()),
            ("id", self.record.id.clone()),
            ("scopes", self.record.scopes()),
            (
                "expires",
                self.record.expires_at.clone().unwrap_or("never".to_owned()),
            ),
        ]) + "\nKeep admin_key now: it is not shown again. Send it in the X-Admin-Key header.\n"
    }
}

#[derive(Serialize)]
struct AdminKeyList {
    items: Vec<AdminKeyView>,
}

impl Report for AdminKeyList {
    fn human(&self) -> String {
        if self.items.is_empty() {
            return "There is no admin key. `doorward admin-key create --name N` makes one.\n"
                .to_owned();
        }
        let rows: Vec<_> = self
            .items
            .iter()
            .map(|key| {
                let day = |at: &Option<String>| {
                    at.as_deref()
                        .and_then(|at| at.get(..10))
                        .unwrap_or("never")
                        .to_owned()
                };
                [
                    key.id.clone(),
                    key.name.clone(),
                    key.status.to_owned(),
                    day(&key.expires_at),
                    day(&key.last_used_on),
                    key.scopes(),
                ]
            })
            .collect();
        table(
            ["ID", "NAME", "STATUS", "EXPIRES", "LAST USED", "SCOPES"],
            &rows,
        )
    }
}

#[derive(Serialize)]
struct Revoked {
    id: String,
    revoked: bool,
}

impl Report for Revoked {
    fn human(&self) -> String {
        format!("The key {} is dead.\n", self.id)
    }
}
