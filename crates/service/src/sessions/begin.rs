//! Beginning a session.

use doorward_crypto::jwt::AccessClaims;
use doorward_crypto::refresh::nonce_hash;
use doorward_domain::audit::Action;
use doorward_domain::entitlement::{Entitlements, MAX_ENTITLEMENTS};
use doorward_domain::ids::uuid_v4;
use doorward_domain::role::RoleName;
use doorward_domain::secret::SecretText;
use doorward_domain::session::NONCE_LEN;
use doorward_domain::time::plus_seconds;
use doorward_domain::{Code, SessionId, TenantId, Timestamp, UserId};
use doorward_store::WriteTx;
use doorward_store::app::{NewSession, UserClaims};

use super::Tokens;
use crate::context::{AppContext, Describe};
use crate::core::Core;
use crate::error::{Error, Result};

/// What a person proved, and for whom a token speaks.
pub(crate) struct Grant {
    pub(crate) user_id: UserId,
    pub(crate) session_id: SessionId,
    pub(crate) claims: UserClaims,
    pub(crate) auth_time: Timestamp,
    pub(crate) amr: String,
}

impl Grant {
    /// The organization the token speaks for.
    pub(crate) fn tenant_id(&self) -> Option<TenantId> {
        self.claims.belonging.as_ref().map(|found| found.tenant_id)
    }

    /// What the user's licences entitle to, unless that is more than a token can carry: one that is
    /// too long would be refused everywhere, for all it says.
    fn entitlements(&self) -> Option<&Entitlements> {
        let all = &self.claims.entitlements;
        (all.iter().count() <= MAX_ENTITLEMENTS).then_some(all)
    }

    fn roles(&self) -> &[RoleName] {
        self.claims
            .belonging
            .as_ref()
            .map_or(&[], |found| &found.roles)
    }
}

/// A session that has begun: its first tokens can be signed once the transaction is durable.
pub(crate) struct Begun {
    grant: Grant,
    refresh_token: SecretText,
    now: Timestamp,
}

/// Begins a session inside a transaction that has established who the user is, speaking for the
/// organization asked for.
///
/// # Errors
/// [`Code::TenantNotFound`] when the user is no member of it.
pub(crate) fn begin(
    keyring: &doorward_crypto::keyring::Keyring,
    app: &AppContext,
    tx: &mut WriteTx<'_>,
    user_id: UserId,
    amr: &str,
    tenant: Option<TenantId>,
) -> Result<Begun> {
    let context = &app.context;
    let now = context.now();
    let settings = &app.app.settings;
    let session_id = SessionId::generate(&*context.clock, &*context.random);
    let nonce: [u8; NONCE_LEN] = context.random.bytes();
    let claims = tx.app(app.app.id).claims_of_user(user_id, tenant, now)?;
    let grant = Grant {
        user_id,
        session_id,
        claims,
        auth_time: now,
        amr: amr.to_owned(),
    };
    if tenant.is_some() && grant.tenant_id() != tenant {
        return Err(Code::TenantNotFound.into());
    }
    let absolute = plus_seconds(now, settings.session_seconds);
    tx.app(app.app.id).insert_session(&NewSession {
        id: session_id,
        user_id,
        tenant_id: grant.tenant_id(),
        nonce_hash: nonce_hash(&nonce),
        epoch: app.app.session_epoch,
        amr: amr.to_owned(),
        ip: context.origin.ip,
        user_agent: context.user_agent(),
        created_at: now,
        expires_at: plus_seconds(now, settings.refresh_token_seconds).min(absolute),
        absolute_expires_at: absolute,
    })?;
    let event = app
        .event(Action::SignedIn)
        .on("user", user_id)
        .in_session(session_id)
        .with(serde_json::json!({ "amr": amr }));
    tx.app(app.app.id).audit(&event)?;
    Ok(Begun {
        refresh_token: keyring.mint_refresh(app.app.id, session_id, 1, nonce),
        grant,
        now,
    })
}

impl Begun {
    /// The user who signed in.
    pub(crate) const fn user_id(&self) -> UserId {
        self.grant.user_id
    }

    /// Signs the first access token.
    pub(crate) fn into_tokens(self, core: &Core, app: &AppContext) -> Result<Tokens> {
        let payload = payload(&core.settings.issuer, app, &self.grant, self.now)?;
        Ok(Tokens {
            access_token: sign(core, &payload)?,
            expires_in: app.app.settings.access_token_seconds,
            refresh_token: self.refresh_token,
        })
    }
}

/// The claims of a fresh access token, serialised.
pub(crate) fn payload(
    issuer: &str,
    app: &AppContext,
    grant: &Grant,
    now: Timestamp,
) -> Result<Vec<u8>> {
    let amr: Vec<&str> = grant.amr.split_whitespace().collect();
    let none = Entitlements::default();
    let claims = AccessClaims {
        iss: issuer,
        sub: grant.user_id,
        aud: [issuer, app.app.slug.as_str()],
        app_id: app.app.id,
        app_slug: app.app.slug.as_str(),
        tenant_id: grant.tenant_id(),
        roles: grant.roles(),
        permissions: &app.app.roles.permissions(grant.roles()),
        entitlements: grant.entitlements().unwrap_or(&none),
        sid: grant.session_id,
        iat: now.as_second(),
        nbf: now.as_second(),
        exp: now
            .as_second()
            .saturating_add(app.app.settings.access_token_seconds),
        jti: uuid_v4(&*app.context.random),
        auth_time: grant.auth_time.as_second(),
        amr: &amr,
    };
    claims
        .to_json()
        .map_err(|error| Error::internal(error.to_string()))
}

/// Signs a payload with the active key.
pub(crate) fn sign(core: &Core, payload: &[u8]) -> Result<SecretText> {
    let set = core.signing();
    let key = set
        .active
        .as_ref()
        .ok_or_else(|| Error::internal("there is no signing key"))?;
    key.sign_jws(doorward_crypto::jwt::ACCESS_TOKEN_TYP, payload)
        .map(SecretText::new)
        .map_err(|error| Error::internal(error.to_string()))
}

/// Signs a payload with the key that signed it before, or the active one when that is gone.
pub(crate) fn sign_again(core: &Core, payload: &[u8], kid: &str) -> Result<SecretText> {
    let set = core.signing();
    match set.private.get(kid) {
        Some(key) => key
            .sign_jws(doorward_crypto::jwt::ACCESS_TOKEN_TYP, payload)
            .map(SecretText::new)
            .map_err(|error| Error::internal(error.to_string())),
        None => sign(core, payload),
    }
}
