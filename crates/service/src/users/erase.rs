//! Erasing a person (GDPR Art. 17). ADR 0011 says what is left, and why.

use std::sync::Arc;

use doorward_domain::audit::Action;
use doorward_domain::scope::Scope;
use doorward_domain::session::EndReason;
use doorward_domain::user::{User, UserStatus};
use doorward_domain::{AppId, Code, UserId};
use doorward_store::app::Erasure;

use super::status::{end_sessions, prepare_end};
use super::{DeleteUser, contacts, found, keep_owners};
use crate::caller::Caller;
use crate::context::{Context, Describe, Operator};
use crate::core::Core;
use crate::error::{Error, Result};

/// Rows of each kind removed in one transaction.
const BATCH: u32 = 500;
/// Transactions for one person while somebody waits; maintenance does the rest.
const BATCHES: u32 = 100;

/// What an erasure came to.
#[derive(Debug, Clone)]
pub struct Erased {
    /// What is left of the user.
    pub user: User,
    /// Whether everything is gone. Otherwise maintenance goes on with it.
    pub complete: bool,
}

/// Erases everything personal about a user, at once and for good. What is left is an id, which the
/// audit needs to make sense, and which nobody gets again.
///
/// # Errors
/// As [`super::delete`]; [`Code::Conflict`] when the user is restored at the same moment.
pub async fn erase(
    core: &Core,
    operator: &Operator,
    app_id: AppId,
    id: UserId,
    request: DeleteUser,
) -> Result<Erased> {
    let request = Arc::new(request);
    let caller = Caller::Operator(operator, app_id);
    core.write_as(caller, Scope::UsersWrite, move |here, tx| {
        let now = here.now();
        let old = found(tx.app(here.app.id).user(id)?)?;
        request.deliberate.names_user(&old)?;
        if old.erased_at.is_some() {
            return Ok(Ok(()));
        }
        if old.status != UserStatus::Deleted {
            prepare_end(here, tx, &old)?;
            if tx.app(here.app.id).delete_user(id, now, now)? {
                keep_owners(here, tx, id, request.without_owner)?;
            }
            end_sessions(here, tx, id, EndReason::UserInactive)?;
        }
        let mut scope = tx.app(here.app.id);
        if !scope.begin_erasure(id, now)? {
            // Erased by somebody else meanwhile, or restored: then nothing may claim it is gone.
            return match found(scope.user(id)?)?.erased_at {
                Some(_) => Ok(Ok(())),
                None => Err(Error::new(Code::Conflict)
                    .with_message("The user was restored meanwhile. Repeat what you meant.")),
            };
        }
        let event = here.event(Action::UserErased).on("user", id);
        scope.audit(&event.with(serde_json::json!({
            "reason": request.deliberate.reason(),
            "without_owner": request.without_owner,
        })))?;
        Ok(Ok(()))
    })
    .await?;
    let complete = remove(core, app_id, id, None).await?;
    let user = core
        .store
        .read(move |tx| found(tx.app(app_id).user(id)?))
        .await?;
    Ok(Erased { user, complete })
}

/// Erases the users whose time is over, some at a time. Gives how many it finished.
pub(crate) async fn erase_due(core: &Core, limit: u32) -> Result<u64> {
    let now = core.clock.now();
    let due = core
        .store
        .read(move |tx| Ok::<_, Error>(tx.platform().users_to_erase(now, limit)?))
        .await?;
    let mut finished = 0;
    for (app_id, id) in due {
        let context = core.system_context();
        finished += u64::from(remove(core, app_id, id, Some(context)).await?);
    }
    Ok(finished)
}

/// What a transaction of an erasure came to.
enum Step {
    /// There is more to remove.
    More,
    /// There is nothing more to do here: everything is gone, or the user is not to be erased.
    Over {
        /// Everything is gone.
        complete: bool,
    },
}

/// Removes what is held, batch by batch, and the addresses at last; `by` notes the end in the audit.
/// `false` when something is left.
async fn remove(core: &Core, app_id: AppId, id: UserId, by: Option<Context>) -> Result<bool> {
    for _ in 0..BATCHES {
        let (keyring, by) = (Arc::clone(&core.keyring), by.clone());
        let now = core.clock.now();
        let step = core
            .store
            .write(move |tx| {
                let mut scope = tx.app(app_id);
                // Held from here on: restored meanwhile, or deleted anew, it is not to be erased. And
                // whoever is writing about the person at this moment, and holds the user for it
                // (`hold_user`), was waited for: what is found below is all.
                let is_due = scope.hold_due_user(id, now)?;
                let user = found(scope.user(id)?)?;
                if !is_due {
                    return Ok::<_, Error>(Step::Over {
                        complete: user.erased_at.is_some(),
                    });
                }
                let known: Vec<_> = contacts(&user).collect();
                let mut stored: Vec<String> = known
                    .iter()
                    .flat_map(|contact| [contact.canonical(), contact.original()])
                    .map(ToOwned::to_owned)
                    .collect();
                stored.dedup();
                let erasure = Erasure {
                    user_id: id,
                    contacts: stored,
                    contact_refs: known
                        .iter()
                        .flat_map(|contact| keyring.contact_refs(app_id, contact.canonical()))
                        .collect(),
                };
                if scope.erase_traces(&erasure, now, BATCH)? > 0 {
                    return Ok(Step::More);
                }
                let finished = scope.finish_erasure(id, now)?;
                if let (true, Some(by)) = (finished, &by) {
                    let event = by.event(Some(app_id), Action::UserErased).on("user", id);
                    scope.audit(&event.with(serde_json::json!({ "reason": "retention" })))?;
                }
                Ok(Step::Over { complete: finished })
            })
            .await?;
        if let Step::Over { complete } = step {
            return Ok(complete);
        }
    }
    Ok(false)
}
