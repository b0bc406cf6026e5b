//! `doorward key`

use doorward_domain::signing::{KeyState, SigningAlg};
use doorward_domain::time::iso;
use doorward_service::signing::{self, RotateMode, StoredSigningKey};
use doorward_service::{Core, Operator, TimeCursor};
use serde::Serialize;

use super::{meant, pages};
use crate::Outcome;
use crate::cli::{Global, KeyCommand, Meant, Paging, PublicForm};
use crate::deployment;
use crate::failure::Failure;
use crate::output::{self, Report, labels, table};

/// Runs it.
pub(super) async fn run(global: &Global, command: KeyCommand) -> Outcome {
    let core = deployment::open(global).await?;
    let operator = deployment::operator(&core);
    let (core, json) = (&*core, global.json);
    let outcome = match command {
        KeyCommand::List { page } => list(core, &operator, &page, json).await,
        KeyCommand::Rotate {
            retire_now,
            reason,
            yes,
        } => {
            let mode = match reason {
                Some(reason) if retire_now => {
                    let meant = Meant { reason, yes };
                    let what = "takes the active key out of the JWKS; every access token it signed \
                                is refused";
                    let kid = core.signing().active_kid();
                    RotateMode::RetireNow(meant::deliberate(&operator, &meant, what, &kid)?)
                }
                _ => RotateMode::Overlap,
            };
            let kid = signing::rotate(core, &operator, mode).await?;
            let jwt_public_key = core.signing().jwt_public_key().to_owned();
            output::report(
                json,
                &Rotated {
                    kid,
                    jwt_public_key,
                    retire_now,
                },
            )
        }
        KeyCommand::Public(args) => public(&core.signing(), args.form(), json),
    };
    core.store.close().await;
    outcome
}

async fn list(core: &Core, operator: &Operator, page: &Paging, json: bool) -> Outcome {
    let from = pages::cursor(page.cursor.as_deref(), str::parse::<TimeCursor>)?;
    let found = pages::gather(page.limit, from, async |after, room| {
        let page = signing::list(core, operator, after, pages::one_more(room)).await?;
        Ok(pages::ended_by_last(page, room, |key| TimeCursor {
            at: key.created_at,
            id: key.kid.clone(),
        }))
    });
    let (found, next) = found.await?;
    let items = found.into_iter().map(KeyView::from).collect();
    pages::print(json, KeyList { items }, next)
}

fn public(keys: &doorward_service::core::SigningSet, form: PublicForm, json: bool) -> Outcome {
    let (name, text) = match form {
        PublicForm::Base64 => ("jwt_public_key", keys.jwt_public_key().to_owned()),
        PublicForm::Pem => ("pem", keys.public_pem().to_owned()),
        PublicForm::Jwks => return output::text_out(&format!("{}\n", keys.jwks())),
    };
    let text = if json {
        serde_json::to_string_pretty(&serde_json::json!({ name: text }))
            .map_err(|error| Failure::failed("INTERNAL_ERROR", error.to_string()))?
    } else {
        text
    };
    output::text_out(&format!("{}\n", text.trim_end()))
}

#[derive(Serialize)]
struct KeyView {
    kid: String,
    alg: SigningAlg,
    state: KeyState,
    created_at: String,
    activated_at: Option<String>,
    retiring_at: Option<String>,
    retire_after: Option<String>,
    retired_at: Option<String>,
}

impl From<StoredSigningKey> for KeyView {
    fn from(key: StoredSigningKey) -> Self {
        Self {
            kid: key.kid,
            alg: key.alg,
            state: key.state,
            created_at: iso(key.created_at),
            activated_at: key.activated_at.map(iso),
            retiring_at: key.retiring_at.map(iso),
            retire_after: key.retire_after.map(iso),
            retired_at: key.retired_at.map(iso),
        }
    }
}

#[derive(Serialize)]
struct KeyList {
    items: Vec<KeyView>,
}

impl Report for KeyList {
    fn human(&self) -> String {
        let rows: Vec<_> = self
            .items
            .iter()
            .map(|key| {
                [
                    key.kid.clone(),
                    key.alg.as_str().to_owned(),
                    key.state.as_str().to_owned(),
                    key.created_at.clone(),
                    key.activated_at.clone().unwrap_or_default(),
                ]
            })
            .collect();
        table(
            ["KEY ID", "ALGORITHM", "STATE", "CREATED", "SIGNS SINCE"],
            &rows,
        )
    }
}

#[derive(Serialize)]
struct Rotated {
    kid: String,
    jwt_public_key: String,
    #[serde(skip)]
    retire_now: bool,
}

impl Report for Rotated {
    fn human(&self) -> String {
        let next = if self.retire_now {
            "The former key is out of the JWKS: access tokens it signed are refused by whoever \
             reads the JWKS anew. Consumers that keep JWT_PUBLIC_KEY need this one."
        } else {
            "The former key stays published until its last token is dead. Consumers that keep \
             JWT_PUBLIC_KEY need this one; those that read the JWKS need nothing."
        };
        labels(&[
            ("kid", self.kid.clone()),
            ("jwt_public_key", self.jwt_public_key.clone()),
        ]) + &format!("\n{next}\n")
    }
}
