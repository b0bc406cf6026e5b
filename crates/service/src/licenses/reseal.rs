//! After a change of the master key: licence keys get hash and seal under the new one, so that the
//! former one can be forgotten.

use doorward_domain::license::LicenseKey;
use doorward_domain::{AppId, LicenseId};
use doorward_store::platform::OutdatedLicenseKey;

use super::find::rekeyed;
use crate::core::Core;
use crate::error::{Error, Result};

/// Licences in one transaction.
const BATCH: u32 = 100;

/// Brings over every licence key that was made with a former master key; how many. Does nothing
/// where none is accepted any more. What does not open is left, and said in the log.
///
/// # Errors
/// When the database is out of reach.
pub(crate) async fn reseal(core: &Core) -> Result<u64> {
    if !core.keyring.has_former() {
        return Ok(0);
    }
    let current = core.keyring.seal_prefix();
    let mut after: Option<(AppId, LicenseId)> = None;
    let mut done = 0;
    loop {
        let found = core
            .store
            .read(move |tx| {
                Ok::<_, Error>(
                    tx.platform()
                        .outdated_license_keys(&current, after, BATCH)?,
                )
            })
            .await?;
        let Some(last) = found.last() else {
            return Ok(done);
        };
        after = Some((last.app_id, last.id));
        let anew: Vec<_> = found
            .into_iter()
            .filter_map(|old| Some((anew(core, &old)?, old)))
            .collect();
        done += core
            .store
            .write(move |tx| {
                let mut written = 0;
                for ((hash, sealed), old) in &anew {
                    let mut scope = tx.app(old.app_id);
                    written +=
                        u64::from(scope.rekey_license(old.id, &old.key_hash, hash, sealed)?);
                }
                Ok::<_, Error>(written)
            })
            .await?;
    }
}

fn anew(core: &Core, old: &OutdatedLicenseKey) -> Option<([u8; 32], Vec<u8>)> {
    let opened = core
        .keyring
        .open_license_key(old.app_id, old.id, &old.sealed_key);
    let key = match opened {
        Ok(text) => LicenseKey::parse(text.expose()),
        Err(error) => {
            tracing::warn!(license_id = %old.id, %error, "a licence key cannot be brought over to the new master key");
            None
        }
    };
    key.map(|key| rekeyed(&core.keyring, old.app_id, old.id, &key, &*core.random))
}
