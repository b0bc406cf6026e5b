//! Operators' API keys: made, listed, revoked, checked. There is none by default.

use std::sync::Arc;

use doorward_crypto::opaque::{ADMIN_KEY_PREFIX, OpaqueToken};
use doorward_domain::app::parse_name;
use doorward_domain::audit::{Action, Actor};
use doorward_domain::reason::Reason;
use doorward_domain::scope::{Scope, Scopes};
use doorward_domain::secret::{SecretText, constant_time_eq};
use doorward_domain::time::plus_seconds;
use doorward_domain::{AdminKeyId, Code, Timestamp};
pub use doorward_store::platform::AdminKey;
use serde::{Deserialize, Serialize};

use crate::audit::Refused;
use crate::context::{Context, Describe, Operator};
use crate::core::Core;
use crate::error::{Error, FieldError, Result};
use crate::idempotency::kept;
use crate::proof::Deliberate;

/// What is asked for.
#[derive(Debug, Clone)]
pub struct CreateAdminKey {
    /// Name for people.
    pub name: String,
    /// What it may do; at least one.
    pub scopes: Scopes,
    /// End of life, in the future.
    pub expires_at: Option<Timestamp>,
    /// Why, for the audit.
    pub reason: Option<Reason>,
}

/// What came of it. The key is shown this once.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CreatedAdminKey {
    /// The record.
    pub record: AdminKey,
    /// The key.
    #[serde(with = "kept::secret_text")]
    pub key: SecretText,
}

/// Makes a key. Nobody can give away more than he has.
///
/// # Errors
/// [`Code::Forbidden`] without `admin-keys:write` or for a scope the caller lacks;
/// [`Code::ValidationError`].
pub async fn create(
    core: &Core,
    operator: &Operator,
    request: CreateAdminKey,
) -> Result<CreatedAdminKey> {
    core.authorise(operator, Scope::AdminKeysWrite).await?;
    let context = &operator.context;
    let now = context.now();
    let mut problems = Vec::new();
    let name = parse_name(&request.name)
        .map_err(|message| problems.push(FieldError::new("name", message)));
    if request.scopes == Scopes::default() {
        problems.push(FieldError::new("scopes", "Must name at least one scope"));
    }
    if request.expires_at.is_some_and(|at| at <= now) {
        problems.push(FieldError::new("expires_at", "Must be in the future"));
    }
    let (Ok(name), true) = (name, problems.is_empty()) else {
        return Err(Error::validation(problems));
    };
    for scope in Scope::ALL {
        if request.scopes.allows(*scope) {
            core.authorise(operator, *scope).await?;
        }
    }
    let id = AdminKeyId::generate(&*context.clock, &*context.random);
    let (key, key_hash) = OpaqueToken::generate(ADMIN_KEY_PREFIX, id.as_uuid(), &*context.random);
    let record = AdminKey {
        id,
        name,
        key_hash,
        scopes: request.scopes,
        created_at: now,
        expires_at: request.expires_at,
        revoked_at: None,
        last_used_on: None,
    };
    let event = context
        .event(None, Action::AdminKeyCreated)
        .on("admin_key", id)
        .with(serde_json::json!({
            "name": record.name,
            "scopes": record.scopes.names(),
            "reason": request.reason.as_ref().map(Reason::as_str),
        }));
    let created = CreatedAdminKey { record, key };
    core.create(operator, None, move |tx| {
        let mut platform = tx.platform();
        platform.insert_admin_key(&created.record)?;
        platform.audit(&event)?;
        Ok(Ok(created.clone()))
    })
    .await
}

/// Keys in order of creation, after the given one. Never the keys themselves.
///
/// # Errors
/// [`Code::Forbidden`] without `admin-keys:read`; [`Code::ValidationError`].
pub async fn list(
    core: &Core,
    operator: &Operator,
    after: Option<AdminKeyId>,
    limit: u32,
) -> Result<Vec<AdminKey>> {
    core.authorise(operator, Scope::AdminKeysRead).await?;
    if !(1..=200).contains(&limit) {
        return Err(Error::field("limit", "Must be between 1 and 200"));
    }
    core.store
        .read(move |tx| Ok(tx.platform().admin_keys(after, limit)?))
        .await
}

/// A key is to be revoked.
#[derive(Debug)]
pub struct RevokeAdminKey {
    /// That it is meant; confirmed by the key's name or id.
    pub deliberate: Deliberate,
    /// Do it although no key is left that can manage keys. Only the command line may.
    pub even_the_last: bool,
}

/// How long another key has to be good for to count as another: long enough for somebody to notice
/// and to make a new one.
const ANOTHER_SECONDS: i64 = 86_400;

/// Revokes a key at once. Revoking it twice is no error. A key cannot revoke itself, nor the last
/// one that can manage keys, nor the last one that can do everything: nobody could make such a one
/// again, because nobody gives away more than he has. One that ends within a day does not count as
/// another.
///
/// # Errors
/// [`Code::SelfProtection`]; [`Code::ValidationError`] when another key is confirmed;
/// [`Code::Forbidden`] without `admin-keys:write`; [`Code::NotFound`].
pub async fn revoke(
    core: &Core,
    operator: &Operator,
    id: AdminKeyId,
    request: RevokeAdminKey,
) -> Result<()> {
    core.authorise(operator, Scope::AdminKeysWrite).await?;
    let now = operator.context.now();
    let actor = operator.context.actor;
    let even_the_last = request.even_the_last && actor == Actor::Cli;
    let event = operator
        .context
        .event(None, Action::AdminKeyRevoked)
        .on("admin_key", id)
        .with(serde_json::json!({
            "reason": request.deliberate.reason(), "even_the_last": even_the_last,
        }));
    let request = Arc::new(request);
    core.store
        .write(move |tx| {
            let mut platform = tx.platform();
            let Some(key) = platform.admin_key(id)? else {
                return Err(Error::new(Code::NotFound).with_message("There is no such admin key."));
            };
            request
                .deliberate
                .names([key.name.as_str(), &id.to_string()])?;
            if key.revoked_at.is_some() {
                return Ok(());
            }
            // What another key must have. Whoever asks this waits for whoever asked before. A key
            // about to end saves nobody.
            let (needed, what) = irreplaceable(&key.scopes);
            let then = plus_seconds(now, ANOTHER_SECONDS);
            let another = platform.has_another_admin_key(id, &needed, then)?;
            if let Actor::AdminKey(own) = actor {
                if own == id {
                    return Err(Error::new(Code::SelfProtection)
                        .with_message("A key cannot revoke itself. Use another one."));
                }
                let mine = platform.admin_key(own)?;
                if mine.is_none_or(|mine| mine.revoked_at.is_some()) {
                    // Two keys that revoke each other: this one came second.
                    return Err(Error::new(Code::TokenInvalid));
                }
            }
            if needed != Scopes::default() && !another && !even_the_last {
                return Err(Error::new(Code::SelfProtection).with_message(format!(
                    "This is the last key that can {what}; one that ends within a day does not \
                     count. Make another one first."
                )));
            }
            if platform.revoke_admin_key(id, now)? {
                platform.audit(&event)?;
            }
            Ok(())
        })
        .await
}

/// What the operator face would lose with the last key that has these scopes: everything, or the
/// managing of keys. No scope: nothing.
fn irreplaceable(scopes: &Scopes) -> (Scopes, &'static str) {
    if *scopes == Scopes::all() {
        (Scopes::all(), "do everything")
    } else if scopes.allows(Scope::AdminKeysWrite) {
        (Scopes::from_iter([Scope::AdminKeysWrite]), "manage keys")
    } else {
        (Scopes::default(), "")
    }
}

/// Checks a key. It is never cached: a revoked key is dead at once on every node.
///
/// # Errors
/// [`Code::TokenInvalid`] for a key that is malformed, unknown, revoked or expired, alike.
pub async fn authenticate(core: &Core, context: Context, key: &str) -> Result<Operator> {
    let now = context.now();
    let parsed = OpaqueToken::parse(ADMIN_KEY_PREFIX, key)
        .map(|(id, hash)| (AdminKeyId::from_uuid(id), hash));
    let stored = match parsed {
        None => None,
        Some((id, _)) => {
            core.store
                .read(move |tx| Ok::<_, Error>(tx.platform().admin_key(id)?))
                .await?
        }
    };
    let good = match (&parsed, &stored) {
        (Some((_, hash)), Some(stored)) => {
            constant_time_eq(hash, &stored.key_hash)
                && stored.revoked_at.is_none()
                && stored.expires_at.is_none_or(|end| now < end)
        }
        _ => false,
    };
    match stored {
        Some(stored) if good => {
            note_use(core, &stored, now).await?;
            Ok(Operator::new(
                context.acting(Actor::AdminKey(stored.id)),
                stored.scopes,
            ))
        }
        _ => {
            refuse(core, &context, parsed.map(|(id, _)| id));
            Err(Error::new(Code::TokenInvalid).with_message(
                "The admin key is missing or not valid. Send it in the X-Admin-Key header; \
                 `doorward admin-key create` makes one.",
            ))
        }
    }
}

/// Notes the day of use: one write a day, not one a request.
async fn note_use(core: &Core, key: &AdminKey, now: Timestamp) -> Result<()> {
    let midnight = now.as_second().div_euclid(86_400).saturating_mul(86_400);
    let day = Timestamp::from_second(midnight).unwrap_or(now);
    if key.last_used_on.is_some_and(|last| last >= day) {
        return Ok(());
    }
    let id = key.id;
    core.store
        .write(move |tx| Ok::<_, Error>(tx.platform().admin_key_used(id, day)?))
        .await
}

fn refuse(core: &Core, context: &Context, id: Option<AdminKeyId>) {
    let mut event = context
        .event(None, Action::AdminKeyRefused)
        .refused(Code::TokenInvalid);
    if let Some(id) = id {
        event = event.on("admin_key", id);
    }
    core.refuse(Refused::AdminKey, Code::TokenInvalid, event);
}
