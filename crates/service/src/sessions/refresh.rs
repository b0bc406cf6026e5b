//! Exchanging a refresh token. ADR 0002 has the protocol.

use std::sync::Arc;

use doorward_crypto::keyring::Keyring;
use doorward_crypto::refresh::{idempotency_hash, nonce_hash};
use doorward_domain::audit::Action;
use doorward_domain::secret::SecretText;
use doorward_domain::session::{EndReason, NONCE_LEN, Presented, REPLAY_SECONDS, Verdict, judge};
use doorward_domain::stats::Counted;
use doorward_domain::time::plus_seconds;
use doorward_domain::{Code, TenantId, Timestamp, UserId};
use doorward_store::WriteTx;
use doorward_store::app::{Rotated, Rotation};
use serde::{Deserialize, Serialize};

use super::Tokens;
use super::begin::{Grant, payload, sign_again};
use crate::audit::{RefusalBudget, Refused};
use crate::context::{AppContext, Describe};
use crate::core::Core;
use crate::error::{Error, Result};
use crate::revocations::ended_session;

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Refresh {
    /// The token.
    pub refresh_token: SecretText,
    /// With the same key, the same token gets the same answer for a minute (1 to 255 visible
    /// ASCII characters).
    pub idempotency_key: Option<String>,
    /// The organization the tokens are to speak for from now on; `None` leaves it as it is.
    pub tenant_id: Option<TenantId>,
}

/// Exchanges a refresh token for its successor and a fresh access token.
///
/// # Errors
/// [`Code::TokenInvalid`], [`Code::TokenExpired`], [`Code::TokenRevoked`], [`Code::TokenReuse`],
/// [`Code::UserDeleted`]; [`Code::TenantNotFound`] when the user is no member of the organization
/// asked for, and [`Code::Conflict`] when a repeated request asks for another one than the first:
/// these two leave the token as it is.
pub async fn refresh(core: &Core, app: &AppContext, request: Refresh) -> Result<Tokens> {
    let (app_id, now) = (app.app.id, app.context.now());
    let refreshed = exchange(core, app, request).await;
    match &refreshed {
        // An answer that was given again was counted when it was given first.
        Ok((_, None)) => {}
        Ok((_, user)) => core.count(app_id, now, Counted::Refresh, *user),
        Err(_) => {
            let good = (Counted::Refresh, None);
            core.count_outcome(app_id, now, &refreshed, good, Counted::RefreshFailure);
        }
    }
    refreshed.map(|(tokens, _)| tokens)
}

/// With the user, unless the answer was given before.
async fn exchange(
    core: &Core,
    app: &AppContext,
    request: Refresh,
) -> Result<(Tokens, Option<UserId>)> {
    let Some(presented) = core
        .keyring
        .parse_refresh(app.app.id, request.refresh_token.expose())
    else {
        refuse_unknown(core, app).await?;
        return Err(Code::TokenInvalid.into());
    };
    let mut app = app.clone();
    for _ in 0..3 {
        let step = Step::new(core, &app, presented, &request);
        let done = core.store.write(move |tx| step.run(tx)).await?;
        match done {
            Done::Answer(answer) => {
                let tokens = Tokens {
                    access_token: sign_again(core, answer.payload.as_bytes(), &answer.kid)?,
                    expires_in: answer.expires_in,
                    refresh_token: SecretText::new(answer.refresh_token),
                };
                return Ok((tokens, answer.user_id));
            }
            Done::Refused(code) => return Err(code.into()),
            Done::Stale => app = crate::apps::reauthenticate(core, &app).await?,
        }
    }
    Err(Error::new(Code::ServiceUnavailable)
        .with_retry_after(1)
        .with_internal("the app kept changing during a refresh"))
}

/// A token that is none of this app's leaves a trace, within the budget for refusals.
async fn refuse_unknown(core: &Core, app: &AppContext) -> Result<()> {
    let source = Refused::Request(app.app.id);
    if !core
        .refusal_budget
        .take(app.context.now(), source, Code::TokenInvalid)
    {
        return Ok(());
    }
    let event = app
        .event(Action::SessionRefreshRefused)
        .refused(Code::TokenInvalid);
    let app_id = app.app.id;
    core.store
        .write(move |tx| Ok::<_, Error>(tx.app(app_id).audit(&event)?))
        .await
}

/// What a transaction came to. All three commit.
enum Done {
    /// The successor is durable; this is to be signed.
    Answer(Answer),
    /// Refused, with its traces written.
    Refused(Code),
    /// The cached copy of the app is old; nothing was done.
    Stale,
}

/// An answer before its signature, so that no transaction waits for one. Stored sealed when the
/// request carried an `Idempotency-Key`.
#[derive(Serialize, Deserialize)]
struct Answer {
    /// What was asked for.
    #[serde(default)]
    tenant_id: Option<TenantId>,
    payload: String,
    kid: String,
    refresh_token: String,
    expires_in: i64,
    /// Whose, when it is given for the first time.
    #[serde(skip)]
    user_id: Option<UserId>,
}

/// Everything one attempt needs, owned: the transaction may run again.
struct Step {
    keyring: Arc<Keyring>,
    budget: Arc<RefusalBudget>,
    issuer: String,
    kid: String,
    app: AppContext,
    presented: Presented,
    token: SecretText,
    idempotency: Option<(String, [u8; 32])>,
    tenant_id: Option<TenantId>,
    nonce: [u8; NONCE_LEN],
    now: Timestamp,
}

impl Step {
    fn new(core: &Core, app: &AppContext, presented: Presented, request: &Refresh) -> Self {
        let idempotency = request.idempotency_key.clone().map(|key| {
            let hash = idempotency_hash(app.app.id, presented.session_id, &key);
            (key, hash)
        });
        Self {
            keyring: Arc::clone(&core.keyring),
            budget: Arc::clone(&core.refusal_budget),
            issuer: core.settings.issuer.clone(),
            kid: core
                .signing()
                .active
                .as_ref()
                .map(|key| key.kid().to_owned())
                .unwrap_or_default(),
            app: app.clone(),
            presented,
            token: request.refresh_token.clone(),
            idempotency,
            tenant_id: request.tenant_id,
            nonce: app.context.random.bytes(),
            now: app.context.now(),
        }
    }

    fn run(&self, tx: &mut WriteTx<'_>) -> Result<Done> {
        let settings = &self.app.app.settings;
        let rotated = tx.app(self.app.app.id).rotate_session(&Rotation {
            presented: self.presented,
            new_nonce_hash: nonce_hash(&self.nonce),
            app_version: self.app.app.version,
            epoch: self.app.app.session_epoch,
            now: self.now,
            expires_at: plus_seconds(self.now, settings.refresh_token_seconds),
            tenant_id: self.tenant_id,
        })?;
        match rotated {
            Some(rotated) => self.answer(tx, rotated).map(Done::Answer),
            None => self.explain(tx),
        }
    }

    /// The token was current and is exchanged now.
    fn answer(&self, tx: &mut WriteTx<'_>, rotated: Rotated) -> Result<Answer> {
        let app_id = self.app.app.id;
        let session_id = self.presented.session_id;
        let mut scope = tx.app(app_id);
        let grant = Grant {
            user_id: rotated.user_id,
            session_id,
            claims: rotated.claims,
            auth_time: rotated.auth_time,
            amr: rotated.amr,
        };
        if grant.tenant_id() != rotated.tenant_id {
            // The user left the organization, or joined its first.
            scope.set_session_tenant(session_id, grant.tenant_id())?;
        }
        let payload = payload(&self.issuer, &self.app, &grant, self.now)?;
        let successor = self.keyring.mint_refresh(
            app_id,
            session_id,
            self.presented.generation.saturating_add(1),
            self.nonce,
        );
        let answer = Answer {
            tenant_id: self.tenant_id,
            payload: String::from_utf8(payload)
                .map_err(|_| Error::internal("claims are not UTF-8"))?,
            kid: self.kid.clone(),
            refresh_token: successor.expose().to_owned(),
            expires_in: self.app.app.settings.access_token_seconds,
            user_id: Some(rotated.user_id),
        };
        if let Some((key, key_hash)) = &self.idempotency {
            let plain =
                serde_json::to_vec(&answer).map_err(|error| Error::internal(error.to_string()))?;
            let sealed = self.keyring.seal_replay(
                self.token.expose(),
                key,
                &self.replay_aad(),
                &plain,
                &*self.app.context.random,
            );
            scope.insert_replay(
                session_id,
                self.presented.generation,
                key_hash,
                &sealed,
                plus_seconds(self.now, REPLAY_SECONDS),
            )?;
        }
        scope.audit(
            &self
                .app
                .event(Action::SessionRefreshed)
                .on("user", rotated.user_id)
                .in_session(session_id),
        )?;
        Ok(answer)
    }

    /// The statement matched nothing: finds out why, and acts on it.
    fn explain(&self, tx: &mut WriteTx<'_>) -> Result<Done> {
        let app = &self.app.app;
        let mut scope = tx.app(app.id);
        if !scope.is_current(app.version)? {
            return Ok(Done::Stale);
        }
        let Some(stored) = scope.session(self.presented.session_id)? else {
            // The MAC was right, so this was a session once: it has been cleaned up since.
            return self.refused(tx, None, Code::TokenExpired);
        };
        let user_id = Some(stored.session.user_id);
        match judge(&stored.state(app.session_epoch), &self.presented, self.now) {
            Verdict::Refuse(code) => self.refused(tx, user_id, code),
            Verdict::Reuse => match self.stored_answer(tx)? {
                Some(answer) if answer.tenant_id != self.tenant_id => {
                    self.refused(tx, user_id, Code::Conflict)
                }
                Some(answer) => self.replayed(tx, user_id, answer),
                None => self.reused(tx, user_id),
            },
            Verdict::Rotate if self.is_stranger(tx, stored.session.user_id)? => {
                self.refused(tx, user_id, Code::TenantNotFound)
            }
            // Another transaction gave way between the two statements: look again.
            Verdict::Rotate => Ok(Done::Stale),
        }
    }

    /// Whether an organization was asked for that the user is no member of.
    fn is_stranger(&self, tx: &mut WriteTx<'_>, user: UserId) -> Result<bool> {
        let Some(asked) = self.tenant_id else {
            return Ok(false);
        };
        let claims = tx
            .app(self.app.app.id)
            .claims_of_user(user, Some(asked), self.now)?;
        Ok(claims.belonging.map(|found| found.tenant_id) != Some(asked))
    }

    fn stored_answer(&self, tx: &mut WriteTx<'_>) -> Result<Option<Answer>> {
        let Some((key, key_hash)) = &self.idempotency else {
            return Ok(None);
        };
        let sealed = tx
            .app(self.app.app.id)
            .replay(&self.presented, key_hash, self.now)?;
        // An answer that does not open was stored for another token: it does not count.
        Ok(sealed.and_then(|sealed| {
            let plain = self
                .keyring
                .open_replay(self.token.expose(), key, &self.replay_aad(), &sealed)
                .ok()?;
            serde_json::from_slice(&plain).ok()
        }))
    }

    fn replayed(
        &self,
        tx: &mut WriteTx<'_>,
        user_id: Option<UserId>,
        answer: Answer,
    ) -> Result<Done> {
        let event = self.event(Action::SessionRefreshReplayed, user_id);
        tx.app(self.app.app.id).audit(&event)?;
        Ok(Done::Answer(answer))
    }

    fn reused(&self, tx: &mut WriteTx<'_>, user_id: Option<UserId>) -> Result<Done> {
        let mut scope = tx.app(self.app.app.id);
        scope.end_session(self.presented.session_id, EndReason::Reuse, self.now)?;
        let event = self
            .event(Action::SessionReuseDetected, user_id)
            .refused(Code::TokenReuse)
            .with(serde_json::json!({ "generation": self.presented.generation }));
        scope.audit(&event)?;
        ended_session(
            &self.app.context,
            &self.app.app,
            tx,
            self.presented.session_id,
        )?;
        Ok(Done::Refused(Code::TokenReuse))
    }

    /// A dead token can be shown for ever: its traces have a budget.
    fn refused(&self, tx: &mut WriteTx<'_>, user_id: Option<UserId>, code: Code) -> Result<Done> {
        let source = Refused::Request(self.app.app.id);
        if !self.budget.take(self.now, source, code) {
            return Ok(Done::Refused(code));
        }
        let event = self
            .event(Action::SessionRefreshRefused, user_id)
            .refused(code);
        tx.app(self.app.app.id).audit(&event)?;
        Ok(Done::Refused(code))
    }

    fn event(&self, action: Action, user_id: Option<UserId>) -> doorward_domain::audit::AuditEvent {
        let event = self.app.event(action).in_session(self.presented.session_id);
        match user_id {
            Some(user_id) => event.on("user", user_id),
            None => event,
        }
    }

    /// Binds a stored answer to its row.
    fn replay_aad(&self) -> Vec<u8> {
        let mut aad = Vec::with_capacity(40);
        aad.extend_from_slice(self.app.app.id.as_bytes());
        aad.extend_from_slice(self.presented.session_id.as_bytes());
        aad.extend_from_slice(&self.presented.generation.to_be_bytes());
        aad
    }
}
