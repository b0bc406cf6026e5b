//! Ending sessions.

use doorward_domain::audit::Action;
use doorward_domain::secret::SecretText;
use doorward_domain::session::EndReason;
use doorward_domain::{Code, UserId};

use crate::context::{AppContext, Describe};
use crate::core::Core;
use crate::error::{Error, Result};
use crate::revocations::{ended_session, ended_sessions_of_user};

/// Signs out: ends the family that a refresh token belongs to. A token that is unknown, foreign or
/// already ended is no error (RFC 7009 §2.2): the caller wanted it dead, and dead it is.
///
/// # Errors
/// Only when the database is out of reach, or the app's credentials died meanwhile.
pub async fn revoke(core: &Core, app: &AppContext, refresh_token: &SecretText) -> Result<()> {
    let Some(presented) = core
        .keyring
        .parse_refresh(app.app.id, refresh_token.expose())
    else {
        return Ok(());
    };
    let mut app = app.clone();
    core.write_in_app(&mut app, move |app, tx| {
        let now = app.context.now();
        let mut scope = tx.app(app.app.id);
        if let Some(user_id) = scope.end_session(presented.session_id, EndReason::Logout, now)? {
            scope.audit(
                &app.event(Action::SessionRevoked)
                    .on("user", user_id)
                    .in_session(presented.session_id),
            )?;
            ended_session(&app.context, &app.app, tx, presented.session_id)?;
        }
        Ok(Ok(()))
    })
    .await
}

/// Ends every session of a user of this app; gives how many families were alive. Access tokens
/// live on to their `exp`, except for consumers that subscribe to revocations. What such a session
/// may have set on its way, a code for a new address of the account, ends with it.
///
/// # Errors
/// [`Code::UserNotFound`] when the app has no such user.
pub async fn revoke_user(core: &Core, app: &AppContext, user_id: UserId) -> Result<u64> {
    let mut app = app.clone();
    core.write_in_app(&mut app, move |app, tx| {
        let now = app.context.now();
        let mut scope = tx.app(app.app.id);
        if scope.user(user_id)?.is_none() {
            return Ok(Err(Error::new(Code::UserNotFound)));
        }
        let voided = scope.void_codes_of_user(user_id, now)?;
        let ended =
            scope.end_user_sessions(user_id, EndReason::UserRevoked, app.app.session_epoch, now)?;
        scope.audit(
            &app.event(Action::UserSessionsRevoked)
                .on("user", user_id)
                .with(serde_json::json!({
                    "sessions_revoked": ended.count, "codes_voided": voided,
                })),
        )?;
        ended_sessions_of_user(&app.context, &app.app, tx, user_id, ended.last_issued_at)?;
        Ok(Ok(ended.count))
    })
    .await
}
