//! Sessions as operators see and end them.

use doorward_domain::audit::Action;
use doorward_domain::reason::Reason;
use doorward_domain::scope::Scope;
use doorward_domain::session::{EndReason, SessionRecord};
use doorward_domain::{AppId, Code, SessionId, UserId};

use crate::caller::Caller;
use crate::context::{Describe, Operator};
use crate::core::Core;
use crate::error::{Error, Result};
use crate::revocations::ended_session;
use crate::users::end_sessions;

/// Most sessions in one page.
const PAGE_MAX: u32 = 101;

fn none() -> Error {
    Error::new(Code::NotFound).with_message("There is no such session.")
}

/// Sessions of a user, newest first, older than the given one; ended ones are among them until they
/// are cleaned up.
///
/// # Errors
/// [`Code::Forbidden`] without `users:read`; [`Code::AppNotFound`]; [`Code::UserNotFound`].
pub async fn list(
    core: &Core,
    operator: &Operator,
    app_id: AppId,
    user: UserId,
    before: Option<SessionId>,
    limit: u32,
) -> Result<Vec<SessionRecord>> {
    let limit = limit.clamp(1, PAGE_MAX);
    let caller = Caller::Operator(operator, app_id);
    core.read_as(caller, Scope::UsersRead, move |here, tx| {
        let mut scope = tx.app(here.app.id);
        if scope.user(user)?.is_none() {
            return Err(Error::new(Code::UserNotFound));
        }
        Ok(scope.sessions_of_user(user, before, limit)?)
    })
    .await
}

/// A session.
///
/// # Errors
/// [`Code::Forbidden`] without `users:read`; [`Code::AppNotFound`]; [`Code::NotFound`].
pub async fn show(
    core: &Core,
    operator: &Operator,
    app_id: AppId,
    id: SessionId,
) -> Result<SessionRecord> {
    let caller = Caller::Operator(operator, app_id);
    core.read_as(caller, Scope::UsersRead, move |here, tx| {
        tx.app(here.app.id).session_record(id)?.ok_or_else(none)
    })
    .await
}

/// Ends a session. Doing it twice is no error.
///
/// # Errors
/// [`Code::Forbidden`] without `users:write`; [`Code::AppNotFound`]; [`Code::NotFound`].
pub async fn end(
    core: &Core,
    operator: &Operator,
    app_id: AppId,
    id: SessionId,
    reason: Option<Reason>,
) -> Result<SessionRecord> {
    let caller = Caller::Operator(operator, app_id);
    core.write_as(caller, Scope::UsersWrite, move |here, tx| {
        let mut scope = tx.app(here.app.id);
        let now = here.now();
        if let Some(user) = scope.end_session(id, EndReason::Operator, now)? {
            let event = here.event(Action::SessionRevoked).on("user", user);
            let details = serde_json::json!({ "reason": reason.as_ref().map(Reason::as_str) });
            scope.audit(&event.in_session(id).with(details))?;
            ended_session(&here.context, &here.app, tx, id)?;
        }
        let found = tx.app(here.app.id).session_record(id)?;
        Ok(found.ok_or_else(none))
    })
    .await
}

/// Ends every session of a user; gives how many were alive. Doing it twice is no error.
///
/// # Errors
/// [`Code::Forbidden`] without `users:write`; [`Code::AppNotFound`]; [`Code::UserNotFound`].
pub async fn end_all(
    core: &Core,
    operator: &Operator,
    app_id: AppId,
    user: UserId,
    reason: Option<Reason>,
) -> Result<u64> {
    let caller = Caller::Operator(operator, app_id);
    core.write_as(caller, Scope::UsersWrite, move |here, tx| {
        let mut scope = tx.app(here.app.id);
        if scope.user(user)?.is_none() {
            return Ok(Err(Error::new(Code::UserNotFound)));
        }
        let voided = scope.void_codes_of_user(user, here.now())?;
        let ended = end_sessions(here, tx, user, EndReason::Operator)?;
        let event = here.event(Action::UserSessionsRevoked).on("user", user);
        tx.app(here.app.id).audit(&event.with(serde_json::json!({
            "sessions_revoked": ended,
            "codes_voided": voided,
            "reason": reason.as_ref().map(Reason::as_str),
        })))?;
        Ok(Ok(ended))
    })
    .await
}
