//! After a change of the master key: secrets of providers are sealed under the new one, so that the
//! former one can be forgotten.

use doorward_delivery::provider::{open_secrets, seal_secrets};
use doorward_domain::AppId;
use doorward_domain::contact::Channel;

use crate::core::Core;
use crate::error::{Error, Result};

/// Rows in one transaction.
const BATCH: u32 = 100;

/// Brings over every secret that was sealed with a former master key; how many rows. What does not
/// open is left, and said in the log.
///
/// # Errors
/// When the database is out of reach.
pub(crate) async fn reseal(core: &Core) -> Result<u64> {
    if !core.keyring.has_former() {
        return Ok(0);
    }
    let current = core.keyring.seal_prefix();
    let mut after: Option<(AppId, Channel)> = None;
    let mut done = 0;
    loop {
        let found = core
            .store
            .read(move |tx| {
                let mut platform = tx.platform();
                Ok::<_, Error>(platform.outdated_delivery_settings(&current, after, BATCH)?)
            })
            .await?;
        let Some(last) = found.last() else {
            return Ok(done);
        };
        after = Some((last.app_id, last.channel));
        let mut anew = Vec::new();
        for old in found {
            match open_secrets(&core.keyring, old.app_id, old.channel, &old.sealed) {
                Ok(secrets) => {
                    let (app, channel) = (old.app_id, old.channel);
                    let sealed = seal_secrets(&core.keyring, app, channel, &secrets, &*core.random);
                    anew.push((old, sealed));
                }
                Err(error) => {
                    tracing::warn!(app_id = %old.app_id, %error, "secrets of providers cannot be brought over to the new master key");
                }
            }
        }
        done += core
            .store
            .write(move |tx| {
                let mut written = 0;
                for (old, sealed) in &anew {
                    let mut scope = tx.app(old.app_id);
                    written += u64::from(scope.reseal_delivery_settings(
                        old.channel,
                        &old.sealed,
                        sealed,
                    )?);
                }
                Ok::<_, Error>(written)
            })
            .await?;
    }
}
