//! Reading an app's keys, and making the first one.

use doorward_crypto::SealPurpose;
use doorward_crypto::signing::SigningKey;
use doorward_domain::AppId;
use doorward_domain::audit::Action;
use doorward_domain::signing::SigningAlg;
use doorward_store::app::StoredLicenseKey;

use crate::context::{Context, Describe};
use crate::core::Core;
use crate::error::{Error, Result};

/// Short, and with one parameter less to get wrong than the others: the verifier sits in programs
/// that nobody updates.
const ALG: SigningAlg = SigningAlg::EdDsa;

/// The key that signs now. Made when there is none.
pub(crate) async fn active(core: &Core, context: &Context, app_id: AppId) -> Result<SigningKey> {
    for key in keys(core, context, app_id).await? {
        if key.retired_at.is_none() {
            return open(core, app_id, &key);
        }
    }
    Err(Error::internal("no licence key could be made"))
}

/// Every key, newest first, the active one among them. It is made when there is none.
pub(super) async fn keys(
    core: &Core,
    context: &Context,
    app_id: AppId,
) -> Result<Vec<StoredLicenseKey>> {
    let keys = read(core, app_id).await?;
    if let Some(active) = keys.iter().find(|key| key.retired_at.is_none()) {
        reseal(core, context, app_id, active).await?;
        return Ok(keys);
    }
    let key = generate(core, context, app_id)?;
    let event = context
        .event(Some(app_id), Action::LicenseKeyRotated)
        .on("license_key", &key.kid)
        .with(serde_json::json!({ "alg": ALG.as_str(), "former": null }));
    core.store
        .write(move |tx| {
            let mut app = tx.app(app_id);
            // Another node may do the same at this moment: only one of the keys can be inserted.
            if app.insert_license_key(&key)? {
                app.audit(&event)?;
            }
            Ok::<_, Error>(())
        })
        .await?;
    read(core, app_id).await
}

async fn read(core: &Core, app_id: AppId) -> Result<Vec<StoredLicenseKey>> {
    core.store
        .read(move |tx| Ok::<_, Error>(tx.app(app_id).license_keys()?))
        .await
}

/// Seals the private part anew when a former master key sealed it, so that the former one can be
/// forgotten some day. Rotating instead would leave installed programs without the new key.
async fn reseal(
    core: &Core,
    context: &Context,
    app_id: AppId,
    key: &StoredLicenseKey,
) -> Result<()> {
    let Some(former) = key.sealed_private.clone() else {
        return Ok(());
    };
    if !core.keyring.is_outdated(&former) {
        return Ok(());
    }
    let kid = key.kid.clone();
    let (purpose, place) = (SealPurpose::LicenseFileKey, place(app_id, &kid));
    let pkcs8 = core
        .keyring
        .open(purpose, &place, &former)
        .map_err(|error| Error::internal(format!("licence key {kid}: {error}")))?;
    let anew = core.keyring.seal(purpose, &place, &pkcs8, &*context.random);
    core.store
        .write(move |tx| {
            // Of several nodes that do the same, one is enough.
            tx.app(app_id).reseal_license_key(&kid, &former, &anew)?;
            Ok::<_, Error>(())
        })
        .await
}

/// A new key, sealed for its row.
pub(super) fn generate(core: &Core, context: &Context, app_id: AppId) -> Result<StoredLicenseKey> {
    let (key, pkcs8) =
        SigningKey::generate(ALG).map_err(|error| Error::internal(error.to_string()))?;
    let sealed = core.keyring.seal(
        SealPurpose::LicenseFileKey,
        &place(app_id, key.kid()),
        &pkcs8,
        &*context.random,
    );
    Ok(StoredLicenseKey {
        kid: key.kid().to_owned(),
        alg: ALG,
        public_der: key.public().spki_der().to_vec(),
        sealed_private: Some(sealed),
        created_at: context.now(),
        retired_at: None,
    })
}

/// Opens the private part. Whoever can write to the database could otherwise have licence files
/// signed with a key of his own: what the master key did not seal for this app is not ours.
pub(super) fn open(core: &Core, app_id: AppId, key: &StoredLicenseKey) -> Result<SigningKey> {
    let refused = |why: String| Error::internal(format!("licence key {}: {why}", key.kid));
    let sealed = key
        .sealed_private
        .as_deref()
        .ok_or_else(|| refused("it has no private part".to_owned()))?;
    let place = place(app_id, &key.kid);
    let pkcs8 = core
        .keyring
        .open(SealPurpose::LicenseFileKey, &place, sealed)
        .map_err(|error| refused(error.to_string()))?;
    let parsed =
        SigningKey::from_pkcs8(key.alg, &pkcs8).map_err(|error| refused(error.to_string()))?;
    if parsed.kid() == key.kid {
        Ok(parsed)
    } else {
        Err(refused("it is another key".to_owned()))
    }
}

/// The app's id has a fixed length, so the two cannot run into each other.
fn place(app_id: AppId, kid: &str) -> Vec<u8> {
    [app_id.as_bytes().as_slice(), kid.as_bytes()].concat()
}
