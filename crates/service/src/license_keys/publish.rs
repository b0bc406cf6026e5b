//! The public keys, for programs to be built with.

use doorward_crypto::signing::{PublicKey, jwks_json};
use doorward_domain::scope::Scope;
use doorward_domain::{AppId, Code};

use super::StoredLicenseKey;
use super::load::{keys, open};
use crate::context::{Context, Operator};
use crate::core::Core;
use crate::cursor::TimeCursor;
use crate::error::{Error, Result};

/// The public keys of an app's licence files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LicenseKeySet {
    /// The JWKS document (RFC 7517 §5).
    pub jwks: String,
    /// Its entity tag, quoted.
    pub etag: String,
    /// The id of the key that signs.
    pub active_kid: String,
}

/// The keys of an active app, for everybody. The first one is made when somebody asks for it.
///
/// # Errors
/// [`Code::AppNotFound`], also for a deactivated app.
pub async fn published(core: &Core, context: &Context, app_id: AppId) -> Result<LicenseKeySet> {
    if crate::apps::active_app(core, app_id).await?.is_none() {
        return Err(Error::new(Code::AppNotFound));
    }
    set(core, app_id, &keys(core, context, app_id).await?)
}

/// The keys of any app, newest first and without their private parts, after the given place, at most
/// `limit`; and the set that all of them make. There are 32 at most.
///
/// # Errors
/// [`Code::Forbidden`] without `keys:read`; [`Code::AppNotFound`].
pub async fn list(
    core: &Core,
    operator: &Operator,
    app_id: AppId,
    after: Option<&TimeCursor>,
    limit: u32,
) -> Result<(Vec<StoredLicenseKey>, LicenseKeySet)> {
    core.authorise(operator, Scope::KeysRead).await?;
    let known = core
        .store
        .read(move |tx| Ok::<_, Error>(tx.platform().app(app_id)?.is_some()))
        .await?;
    if !known {
        return Err(Error::new(Code::AppNotFound));
    }
    let mut keys = keys(core, &operator.context, app_id).await?;
    let set = set(core, app_id, &keys)?;
    keys.sort_by(|a, b| (b.created_at, &b.kid).cmp(&(a.created_at, &a.kid)));
    keys.retain(|key| after.is_none_or(|place| (key.created_at, &key.kid) < (place.at, &place.id)));
    keys.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    for key in &mut keys {
        key.sealed_private = None;
    }
    Ok((keys, set))
}

pub(super) fn set(core: &Core, app_id: AppId, keys: &[StoredLicenseKey]) -> Result<LicenseKeySet> {
    let mut public = Vec::new();
    let mut active = None;
    for key in keys {
        if key.retired_at.is_none() {
            active = Some(key);
            public.push(open(core, app_id, key)?.public().clone());
            continue;
        }
        let parsed = PublicKey::from_spki(key.alg, &key.public_der)
            .ok()
            .filter(|parsed| parsed.kid() == key.kid)
            .ok_or_else(|| Error::internal(format!("licence key {} is another key", key.kid)))?;
        public.push(parsed);
    }
    let active = active.ok_or_else(|| Error::internal("no licence key could be made"))?;
    Ok(LicenseKeySet {
        jwks: jwks_json(&public),
        // Keys are only ever added, so the newest one and their number name the set.
        etag: format!("\"{}.{}\"", active.kid, keys.len()),
        active_kid: active.kid.clone(),
    })
}
