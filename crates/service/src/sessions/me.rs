//! Looking at an access token: who is it, in which app, with which roles.

use std::sync::Arc;

use doorward_domain::app::App;
use doorward_domain::time::plus_seconds;
use doorward_domain::{AppId, Clock, Code, SessionId, TenantId, UserId};
use doorward_verify::{Audience, Reason, Verifier, VerifyError};

use crate::core::Core;
use crate::error::{Error, Result};

/// How far the clocks of two nodes may be apart, in seconds.
const NODE_SKEW_SECONDS: i64 = 5;

/// What an access token says, checked.
#[derive(Debug, Clone)]
pub struct Me {
    /// The user.
    pub user_id: UserId,
    /// The app.
    pub app: Arc<App>,
    /// The session.
    pub session_id: SessionId,
    /// The organization the token speaks for.
    pub tenant_id: Option<TenantId>,
    /// The roles in it.
    pub roles: Vec<String>,
}

/// Checks an access token with the same verifier that consumers use, for the app it names, with no
/// tolerance for skewed clocks (it is our own clock that issued it).
///
/// # Errors
/// [`Code::TokenExpired`]; [`Code::TokenInvalid`] for anything else, an inactive app included.
pub async fn me(core: &Core, access_token: &str) -> Result<Me> {
    let app_id = doorward_verify::unverified_app_id(access_token)
        .ok_or_else(|| invalid("the token names no app"))?;
    let app = crate::apps::active_app(core, AppId::from_uuid(app_id))
        .await?
        .ok_or_else(|| invalid("the token names an unknown or inactive app"))?;
    let verifier = Verifier::builder(core.settings.issuer.as_str(), app_id, Audience::ServiceUrl)
        .algorithms(&[
            doorward_verify::Algorithm::Rs256,
            doorward_verify::Algorithm::Es256,
            doorward_verify::Algorithm::EdDsa,
        ])
        .clock_tolerance_seconds(0)
        .build()
        .map_err(|error| Error::internal(format!("our own verifier: {error}")))?;
    let set = core.signing();
    let keys = set
        .verifying
        .as_ref()
        .ok_or_else(|| Error::internal("there is no signing key"))?;
    let now = core.clock.now();
    let token = match verifier.verify(access_token, keys, now) {
        // Issued a moment ago by a node whose clock is ahead of ours. Looking from a little later
        // never makes a token live longer.
        Err(VerifyError::Invalid(Reason::NotYetValid | Reason::IssuedInFuture)) => {
            verifier.verify(access_token, keys, plus_seconds(now, NODE_SKEW_SECONDS))
        }
        judged => judged,
    };
    let token = token.map_err(|error| match error {
        VerifyError::Expired => Error::new(Code::TokenExpired),
        VerifyError::Invalid(reason) => invalid(&reason.to_string()),
        // This verifier was given keys and no revocations.
        VerifyError::Revoked(reason) | VerifyError::Unavailable(reason) => {
            Error::internal(format!("our own verifier: {reason}"))
        }
    })?;
    Ok(Me {
        user_id: UserId::from_uuid(token.sub),
        app,
        session_id: SessionId::from_uuid(token.sid),
        tenant_id: token.tenant_id.map(TenantId::from_uuid),
        roles: token.roles,
    })
}

/// The user that a Bearer token names, for calls that an app's backend makes on behalf of one: it
/// must be a user of that app, and the session be alive. What is asked for here (a new address)
/// outlives every token, so that of a session that was ended must not bring it about.
///
/// # Errors
/// As [`me`]; a token of another app, or of a session that has ended, is [`Code::TokenInvalid`].
pub async fn bearer_user(core: &Core, app_id: AppId, access_token: &str) -> Result<UserId> {
    let me = me(core, access_token).await?;
    if me.app.id != app_id {
        return Err(invalid("the token belongs to another app"));
    }
    let now = core.clock.now();
    let alive = core
        .store
        .read(move |tx| {
            let found = tx.app(app_id).session(me.session_id)?;
            let state = found.map(|found| found.state(me.app.session_epoch));
            Ok::<_, Error>(state.is_some_and(|state| !state.ended && state.expires_at > now))
        })
        .await?;
    if alive {
        Ok(me.user_id)
    } else {
        Err(invalid("the token's session has ended"))
    }
}

fn invalid(reason: &str) -> Error {
    Error::new(Code::TokenInvalid).with_internal(reason)
}
