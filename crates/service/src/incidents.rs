//! What to do when something happened: one call for each incident of the checklist (I1 to I4).
//! `docs/incidents.md` says when, and how to see that it worked.

use std::sync::Arc;

use doorward_domain::app::App;
use doorward_domain::audit::Action;
use doorward_domain::scope::Scope;
use doorward_domain::secret::AppSecret;
use doorward_domain::session::EndReason;
use doorward_domain::time::plus_seconds;
use doorward_domain::{AppId, Code, Timestamp, UserId};

use crate::apps;
use crate::caller::Caller;
use crate::context::{Describe, Operator};
use crate::core::Core;
use crate::error::{Error, Result};
use crate::proof::Deliberate;
use crate::revocations::{NODE_SKEW_SECONDS, switched_off_app};
use crate::users::{end_sessions, void_all_codes};

/// I1: an app's secret is known to somebody. It is replaced, and the former one is dead at once.
///
/// # Errors
/// As [`apps::rotate_secret`].
pub async fn secret_exposed(
    core: &Core,
    operator: &Operator,
    app: AppId,
    deliberate: Deliberate,
) -> Result<AppSecret> {
    apps::rotate_secret(core, operator, app, None, deliberate).await
}

/// What ended with [`suspicious_sign_in`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignedOut {
    /// Sessions that were alive.
    pub sessions: u64,
    /// Codes and other one-time secrets that were on their way.
    pub secrets: u64,
}

/// I2: somebody else may be signed in as a user. Every session ends, and what such a session may
/// have set on its way; so do codes that are on their way to the user's addresses, which whoever it
/// is may have read already: only who proves the address anew comes in.
///
/// # Errors
/// [`Code::ValidationError`] when another user is confirmed; [`Code::UserNotFound`];
/// [`Code::Forbidden`] without `users:write`; [`Code::AppNotFound`].
pub async fn suspicious_sign_in(
    core: &Core,
    operator: &Operator,
    app: AppId,
    user: UserId,
    deliberate: Deliberate,
) -> Result<SignedOut> {
    let deliberate = Arc::new(deliberate);
    let caller = Caller::Operator(operator, app);
    core.write_as(caller, Scope::UsersWrite, move |here, tx| {
        let found = tx
            .app(here.app.id)
            .user(user)?
            .ok_or_else(|| Error::new(Code::UserNotFound))?;
        deliberate.names_user(&found)?;
        let secrets = void_all_codes(here, tx, &found)?;
        let sessions = end_sessions(here, tx, user, EndReason::Operator)?;
        let event = here.event(Action::UserSessionsRevoked).on("user", user);
        tx.app(here.app.id).audit(&event.with(serde_json::json!({
            "incident": "suspicious_sign_in",
            "reason": deliberate.reason(),
            "sessions_revoked": sessions,
            "codes_voided": secrets,
        })))?;
        Ok(Ok(SignedOut { sessions, secrets }))
    })
    .await
}

/// The public key in every form that a consumer may ask for.
#[derive(Debug, Clone)]
pub struct PublicKeyForms {
    /// The id of the active key.
    pub kid: String,
    /// As one line of base64 of its PEM (`JWT_PUBLIC_KEY`).
    pub jwt_public_key: String,
    /// As PEM.
    pub pem: String,
    /// Every published key as JWKS.
    pub jwks: Arc<str>,
}

/// I3: a consumer lost the public key. It is public: it is shown again.
///
/// # Errors
/// [`Code::Forbidden`] without `keys:read`.
pub async fn public_key(core: &Core, operator: &Operator) -> Result<PublicKeyForms> {
    core.authorise(operator, Scope::KeysRead).await?;
    let set = core.signing();
    Ok(PublicKeyForms {
        kid: set.active_kid(),
        jwt_public_key: set.jwt_public_key().to_owned(),
        pem: set.public_pem().to_owned(),
        jwks: set.jwks(),
    })
}

/// I4: an app must stop at once. It is switched off; see [`apps::deactivate`].
///
/// # Errors
/// As [`apps::deactivate`].
pub async fn stop_app(
    core: &Core,
    operator: &Operator,
    app: AppId,
    deliberate: Deliberate,
) -> Result<App> {
    apps::deactivate(core, operator, app, deliberate).await
}

/// What [`end_all_sessions`] came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AllEnded {
    /// When.
    pub at: Timestamp,
    /// Consumers that subscribe to revocations refuse what was issued until then: a little later,
    /// because the clocks of the nodes may differ.
    pub tokens_issued_until: Timestamp,
}

/// I4, finer: every session of an app ends, on every node, and everybody signs in again. One
/// statement, however many sessions there are.
///
/// # Errors
/// [`Code::ValidationError`] when another app is confirmed; [`Code::Forbidden`] without
/// `apps:write`; [`Code::AppNotFound`].
pub async fn end_all_sessions(
    core: &Core,
    operator: &Operator,
    app: AppId,
    deliberate: Deliberate,
) -> Result<AllEnded> {
    let deliberate = Arc::new(deliberate);
    let caller = Caller::Operator(operator, app);
    let done = core
        .write_as(caller, Scope::AppsWrite, move |here, tx| {
            let now = here.now();
            deliberate.names_app(&here.app)?;
            tx.platform().end_app_sessions(here.app.id, now)?;
            let event = here
                .event(Action::AppSessionsRevoked)
                .on("app", here.app.id);
            tx.app(here.app.id).audit(&event.with(serde_json::json!({
                "incident": "end_all_sessions", "reason": deliberate.reason(),
            })))?;
            switched_off_app(&here.context, &here.app, tx)?;
            Ok(Ok(AllEnded {
                at: now,
                tokens_issued_until: plus_seconds(now, NODE_SKEW_SECONDS),
            }))
        })
        .await?;
    core.apps.forget(app);
    Ok(done)
}
