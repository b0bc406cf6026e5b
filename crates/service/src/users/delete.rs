//! Deleting a user softly, and restoring one.

use std::sync::Arc;

use doorward_domain::audit::Action;
use doorward_domain::reason::Reason;
use doorward_domain::scope::Scope;
use doorward_domain::session::EndReason;
use doorward_domain::time::plus_seconds;
use doorward_domain::user::{RESTORABLE_SECONDS, User, UserStatus};
use doorward_domain::{AppId, Code, UserId};

use super::status::{end_sessions, prepare_end};
use super::{found, keep_owners};
use crate::caller::Caller;
use crate::context::{Describe, Operator};
use crate::core::Core;
use crate::error::{Error, Result};
use crate::proof::Deliberate;

/// A user is to be deleted.
#[derive(Debug)]
pub struct DeleteUser {
    /// That it is meant; confirmed by the user's id or an address.
    pub deliberate: Deliberate,
    /// Do it although an organization is left without an active owner.
    pub without_owner: bool,
}

/// Deletes a user: its sessions end, it signs in nowhere, and after 30 days it is erased. Until then
/// it can be restored, and nobody else gets its addresses. Doing it twice is no error.
///
/// # Errors
/// [`Code::ValidationError`] when something else is confirmed; [`Code::LastOwner`];
/// [`Code::Forbidden`] without `users:write`; [`Code::AppNotFound`]; [`Code::UserNotFound`].
pub async fn delete(
    core: &Core,
    operator: &Operator,
    app_id: AppId,
    id: UserId,
    request: DeleteUser,
) -> Result<User> {
    let request = Arc::new(request);
    let caller = Caller::Operator(operator, app_id);
    core.write_as(caller, Scope::UsersWrite, move |here, tx| {
        let now = here.now();
        let old = found(tx.app(here.app.id).user(id)?)?;
        request.deliberate.names_user(&old)?;
        if old.status == UserStatus::Deleted {
            return Ok(Ok(old));
        }
        prepare_end(here, tx, &old)?;
        let purge_after = plus_seconds(now, RESTORABLE_SECONDS);
        if tx.app(here.app.id).delete_user(id, purge_after, now)? {
            keep_owners(here, tx, id, request.without_owner)?;
            let ended = end_sessions(here, tx, id, EndReason::UserInactive)?;
            let event = here.event(Action::UserDeleted).on("user", id);
            tx.app(here.app.id).audit(&event.with(serde_json::json!({
                "reason": request.deliberate.reason(),
                "sessions_revoked": ended,
                "without_owner": request.without_owner,
            })))?;
        }
        Ok(found(tx.app(here.app.id).user(id)?))
    })
    .await
}

/// Makes a deleted user what it was before, within 30 days. Its sessions stay ended.
///
/// # Errors
/// [`Code::Conflict`] when it is not deleted, or erased by now; [`Code::Forbidden`] without
/// `users:write`; [`Code::AppNotFound`]; [`Code::UserNotFound`].
pub async fn restore(
    core: &Core,
    operator: &Operator,
    app_id: AppId,
    id: UserId,
    reason: Option<Reason>,
) -> Result<User> {
    let caller = Caller::Operator(operator, app_id);
    core.write_as(caller, Scope::UsersWrite, move |here, tx| {
        let mut scope = tx.app(here.app.id);
        let old = found(scope.user(id)?)?;
        if !scope.restore_user(id, here.now())? {
            return Err(Error::new(Code::Conflict).with_message(match old.status {
                UserStatus::Deleted => "The user is erased, or about to be: nothing restores it.",
                _ => "The user is not deleted.",
            }));
        }
        let event = here.event(Action::UserRestored).on("user", id);
        scope.audit(&event.with(serde_json::json!({
            "reason": reason.as_ref().map(Reason::as_str),
        })))?;
        Ok(found(scope.user(id)?))
    })
    .await
}
