//! Reading the keys into memory, and making those that are missing.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};

use doorward_crypto::SealPurpose;
use doorward_crypto::keyring::Keyring;
use doorward_crypto::signing::SigningKey;
use doorward_domain::audit::Action;
use doorward_domain::signing::KeyState;
use doorward_store::Store;
use doorward_store::platform::StoredSigningKey;

use crate::context::{Context, Describe};
use crate::core::{Core, SigningSet};
use crate::error::{Error, Result};

/// Makes sure that there is an active key, and loads what there is.
pub(crate) async fn ensure_active(core: &Core, context: &Context) -> Result<()> {
    if !reload(core).await? {
        // Another node may do the same at this moment: only one of the keys can be inserted.
        create(core, context, KeyState::Active).await?;
        if !reload(core).await? {
            return Err(Error::internal("no signing key could be made"));
        }
    }
    Ok(())
}

/// Makes a key in the given state, unless there is one.
pub(crate) async fn create(core: &Core, context: &Context, state: KeyState) -> Result<bool> {
    let alg = core.settings.signing_alg;
    // The very first start waits for its key. Finding RSA primes takes sometimes a twentieth of a
    // second and sometimes half of one: of several searches side by side the luckiest counts.
    let searches = if state == KeyState::Active {
        std::thread::available_parallelism().map_or(1, |cores| cores.get().min(4))
    } else {
        1
    };
    let mut search = tokio::task::JoinSet::new();
    for _ in 0..searches {
        search.spawn_blocking(move || SigningKey::generate(alg));
    }
    let (key, pkcs8) = search
        .join_next()
        .await
        .ok_or_else(|| Error::internal("nobody looks for a key"))?
        .map_err(|error| Error::internal(format!("key generation: {error}")))?
        .map_err(|error| Error::internal(error.to_string()))?;
    let now = context.now();
    let sealed = core.keyring.seal(
        SealPurpose::SigningKey,
        key.kid().as_bytes(),
        &pkcs8,
        &*context.random,
    );
    let stored = StoredSigningKey {
        kid: key.kid().to_owned(),
        alg,
        state,
        public_der: key.public().spki_der().to_vec(),
        sealed_private: Some(sealed),
        created_at: now,
        activated_at: (state == KeyState::Active).then_some(now),
        retiring_at: None,
        retire_after: None,
        retired_at: None,
    };
    let event = context
        .event(None, Action::SigningKeyCreated)
        .on("signing_key", key.kid())
        .with(serde_json::json!({ "alg": alg.as_str(), "state": state.as_str() }));
    core.store
        .write(move |tx| {
            let mut platform = tx.platform();
            let inserted = platform.insert_signing_key(&stored)?;
            if inserted {
                platform.audit(&event)?;
            }
            Ok::<_, Error>(inserted)
        })
        .await
}

/// Reads the keys into memory. `false` when there is no active one.
///
/// # Errors
/// When the database is out of reach, or a key does not open under the master key.
pub async fn reload(core: &Core) -> Result<bool> {
    let (state_version, stored) = core
        .store
        .read(|tx| {
            let mut platform = tx.platform();
            Ok::<_, Error>((platform.state_version()?, platform.signing_keys()?))
        })
        .await?;
    let held = core.signing();
    let mut private = HashMap::new();
    let mut public = Vec::new();
    let mut active = None;
    for key in &stored {
        // Whoever can write to the database could otherwise publish a key of his own: what the
        // master key did not seal is not ours.
        let Some(sealed) = &key.sealed_private else {
            tracing::error!(
                kid = key.kid,
                "a signing key without its private part is not used"
            );
            continue;
        };
        let parsed = match held.private.get(&key.kid) {
            Some(parsed) => Arc::clone(parsed),
            None => Arc::new(open(&core.keyring, key, sealed)?),
        };
        public.push(parsed.public().clone());
        if key.state == KeyState::Active {
            active = Some(Arc::clone(&parsed));
        }
        private.insert(key.kid.clone(), parsed);
    }
    let Some(active) = active else {
        return Ok(false);
    };
    let set = SigningSet::new(active, private, &public, state_version).map_err(Error::internal)?;
    let mut current = core.signing.write().unwrap_or_else(PoisonError::into_inner);
    // Two reloads may overlap: the older answer must not replace the newer.
    if set.state_version >= current.state_version {
        *current = Arc::new(set);
    }
    Ok(true)
}

/// Whether a master key opens the signing keys of a database; gives their number.
///
/// # Errors
/// When the database is out of reach, or a key does not open.
pub async fn try_keys(store: &Store, keyring: &Keyring) -> Result<usize> {
    let stored = store
        .read(|tx| Ok::<_, Error>(tx.platform().signing_keys()?))
        .await?;
    let mut opened = 0;
    for key in &stored {
        if let Some(sealed) = &key.sealed_private {
            open(keyring, key, sealed)?;
            opened += 1;
        }
    }
    Ok(opened)
}

fn open(keyring: &Keyring, key: &StoredSigningKey, sealed: &[u8]) -> Result<SigningKey> {
    let pkcs8 = keyring
        .open(SealPurpose::SigningKey, key.kid.as_bytes(), sealed)
        .map_err(|error| {
            Error::another_master_key(format!(
                "signing key {} does not open ({error}): is this the master key the database was \
                 made with?",
                key.kid
            ))
        })?;
    let parsed = SigningKey::from_pkcs8(key.alg, &pkcs8)
        .map_err(|error| Error::internal(format!("signing key {}: {error}", key.kid)))?;
    if parsed.kid() == key.kid {
        Ok(parsed)
    } else {
        Err(Error::internal(format!(
            "signing key {} is another key",
            key.kid
        )))
    }
}
