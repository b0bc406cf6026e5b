//! Users of an app, as operators change them.

use doorward_domain::audit::Action;
use doorward_domain::contact::Contact;
use doorward_domain::scope::Scope;
use doorward_domain::session::EndReason;
use doorward_domain::user::{User, UserStatus};
use doorward_domain::{AppId, Code, UserId};
use doorward_store::app::EndedSessions;

use crate::context::{Describe, Operator};
use crate::core::Core;
use crate::error::{Error, Result};
use crate::revocations::ended_sessions_of_user;

/// A user of an app.
///
/// # Errors
/// [`Code::Forbidden`] without `users:read`; [`Code::AppNotFound`]; [`Code::UserNotFound`].
pub async fn show(core: &Core, operator: &Operator, app_id: AppId, id: UserId) -> Result<User> {
    core.authorise(operator, Scope::UsersRead).await?;
    core.store
        .read(move |tx| {
            if tx.platform().app(app_id)?.is_none() {
                return Err(Error::new(Code::AppNotFound));
            }
            tx.app(app_id)
                .user(id)?
                .ok_or_else(|| Error::new(Code::UserNotFound))
        })
        .await
}

/// The user who has an address in an app, verified or not. Deleted ones are among them, as in
/// [`show`].
///
/// # Errors
/// As [`show`].
pub async fn find(
    core: &Core,
    operator: &Operator,
    app_id: AppId,
    contact: Contact,
) -> Result<User> {
    core.authorise(operator, Scope::UsersRead).await?;
    core.store
        .read(move |tx| {
            if tx.platform().app(app_id)?.is_none() {
                return Err(Error::new(Code::AppNotFound));
            }
            tx.app(app_id)
                .user_by_contact(&contact)?
                .ok_or_else(|| Error::new(Code::UserNotFound))
        })
        .await
}

/// Switches a user off, deletes it softly, or switches it on again. Its sessions end in the same
/// transaction. Doing it twice is no error.
///
/// # Errors
/// [`Code::Forbidden`] without `users:write`; [`Code::AppNotFound`]; [`Code::UserNotFound`].
pub async fn set_status(
    core: &Core,
    operator: &Operator,
    app_id: AppId,
    id: UserId,
    status: UserStatus,
) -> Result<User> {
    core.authorise(operator, Scope::UsersWrite).await?;
    let context = operator.context.clone();
    let now = context.now();
    core.store
        .write(move |tx| {
            let app = tx
                .platform()
                .app(app_id)?
                .ok_or_else(|| Error::new(Code::AppNotFound))?;
            let mut scope = tx.app(app_id);
            if status != UserStatus::Active {
                // Codes on their way would outlive a user who is switched off and on again. They
                // come before the user's row: whoever verifies one holds the two in this order.
                scope.void_codes_of_user(id, now)?;
            }
            if scope.set_user_status(id, status, now)? {
                let active = status == UserStatus::Active;
                let ended = if active {
                    EndedSessions::default()
                } else {
                    scope.end_user_sessions(id, EndReason::UserInactive, app.session_epoch, now)?
                };
                let event = context
                    .event(Some(app_id), Action::UserStatusChanged)
                    .on("user", id);
                scope.audit(&event.with(serde_json::json!({
                    "status": status.as_str(), "sessions_revoked": ended.count
                })))?;
                if !active {
                    ended_sessions_of_user(&context, &app, tx, id, ended.last_issued_at)?;
                }
            }
            tx.app(app_id)
                .user(id)?
                .ok_or_else(|| Error::new(Code::UserNotFound))
        })
        .await
}
