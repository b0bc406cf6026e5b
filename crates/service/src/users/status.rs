//! Switching a user off and on.

use doorward_domain::audit::Action;
use doorward_domain::reason::Reason;
use doorward_domain::scope::Scope;
use doorward_domain::session::EndReason;
use doorward_domain::user::{User, UserStatus};
use doorward_domain::{AppId, Code, UserId};
use doorward_store::WriteTx;

use super::{contacts, found, keep_owners};
use crate::caller::{Caller, Here};
use crate::context::{Describe, Operator};
use crate::core::Core;
use crate::error::{Error, Result};
use crate::revocations::ended_sessions_of_user;

/// How a user is to stand.
#[derive(Debug, Clone, Default)]
pub struct SetStatus {
    /// Why, for the audit.
    pub reason: Option<Reason>,
    /// Do it although an organization is left without an active owner. Needs a reason.
    pub without_owner: bool,
}

/// Switches a user off. Its sessions end in the same transaction. Doing it twice is no error.
///
/// # Errors
/// [`Code::LastOwner`]; [`Code::UserDeleted`] for a deleted user; [`Code::ValidationError`] for an
/// override without a reason; [`Code::Forbidden`] without `users:write`; [`Code::AppNotFound`];
/// [`Code::UserNotFound`].
pub async fn deactivate(
    core: &Core,
    operator: &Operator,
    app_id: AppId,
    id: UserId,
    request: SetStatus,
) -> Result<User> {
    set_status(core, operator, app_id, id, UserStatus::Deactivated, request).await
}

/// Switches a user on again. Doing it twice is no error.
///
/// # Errors
/// As [`deactivate`], without [`Code::LastOwner`].
pub async fn reactivate(
    core: &Core,
    operator: &Operator,
    app_id: AppId,
    id: UserId,
    reason: Option<Reason>,
) -> Result<User> {
    let request = SetStatus {
        reason,
        without_owner: false,
    };
    set_status(core, operator, app_id, id, UserStatus::Active, request).await
}

/// As [`deactivate`] or [`reactivate`].
///
/// # Errors
/// As these; [`Code::ValidationError`] for `deleted`, which [`super::delete`] does.
pub async fn set_status(
    core: &Core,
    operator: &Operator,
    app_id: AppId,
    id: UserId,
    status: UserStatus,
    request: SetStatus,
) -> Result<User> {
    if status == UserStatus::Deleted {
        return Err(Error::field(
            "status",
            "Must be active or deactivated; deleting is a call of its own",
        ));
    }
    if request.without_owner && request.reason.is_none() {
        return Err(Error::field("reason", "Is required with without_owner"));
    }
    let caller = Caller::Operator(operator, app_id);
    core.write_as(caller, Scope::UsersWrite, move |here, tx| {
        let now = here.now();
        let old = found(tx.app(here.app.id).user(id)?)?;
        if old.status == UserStatus::Deleted {
            return Err(deleted());
        }
        let active = status == UserStatus::Active;
        if !active {
            prepare_end(here, tx, &old)?;
        }
        if tx.app(here.app.id).set_user_status(id, status, now)? {
            let ended = if active {
                0
            } else {
                keep_owners(here, tx, id, request.without_owner)?;
                end_sessions(here, tx, id, EndReason::UserInactive)?
            };
            let event = here.event(Action::UserStatusChanged).on("user", id);
            tx.app(here.app.id).audit(&event.with(serde_json::json!({
                "status": status.as_str(),
                "sessions_revoked": ended,
                "reason": request.reason.as_ref().map(Reason::as_str),
                "without_owner": request.without_owner,
            })))?;
        }
        match found(tx.app(here.app.id).user(id)?)? {
            // Somebody deleted it at this moment.
            user if user.status == UserStatus::Deleted => Err(deleted()),
            user => Ok(Ok(user)),
        }
    })
    .await
}

fn deleted() -> Error {
    Error::new(Code::UserDeleted).with_message("This user is deleted. Restore it first.")
}

/// What comes before the user's own row, in the order in which everybody holds these: codes on
/// their way, which would outlive a user who is switched off and on again, and the organizations
/// that the user owns. [`keep_owners`] comes after it.
pub(super) fn prepare_end(here: &Here, tx: &mut WriteTx<'_>, user: &User) -> Result<()> {
    void_all_codes(here, tx, user)?;
    tx.app(here.app.id).hold_owned_organizations(user.id)?;
    Ok(())
}

/// Voids what lets anybody act as this user: codes that were sent to its addresses, codes for a new
/// address, and one-time secrets. Whoever is using one of these at this moment is waited for, so that
/// the session it begins is seen by what comes next. Gives how many there were.
pub(crate) fn void_all_codes(here: &Here, tx: &mut WriteTx<'_>, user: &User) -> Result<u64> {
    let now = here.now();
    let mut scope = tx.app(here.app.id);
    let mut voided = 0;
    for contact in contacts(user) {
        voided += scope.void_codes_to(&contact, now)?;
    }
    voided += scope.void_codes_of_user(user.id, now)?;
    Ok(voided + scope.void_secrets_of_user(user.id, now)?)
}

/// Ends every session of a user, and tells consumers. Gives how many were alive.
pub(crate) fn end_sessions(
    here: &Here,
    tx: &mut WriteTx<'_>,
    id: UserId,
    why: EndReason,
) -> Result<u64> {
    let epoch = here.app.session_epoch;
    let ended = tx
        .app(here.app.id)
        .end_user_sessions(id, why, epoch, here.now())?;
    ended_sessions_of_user(&here.context, &here.app, tx, id, ended.last_issued_at)?;
    Ok(ended.count)
}
