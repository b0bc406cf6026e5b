//! Finding the licence that is spoken of.

use doorward_crypto::keyring::Keyring;
use doorward_domain::license::{License, LicenseKey};
use doorward_domain::secret::SecretText;
use doorward_domain::{AppId, Code, LicenseId, Timestamp};
use doorward_store::app::AppRead;

use super::Asker;
use super::refuse::Refusal;
use crate::core::Core;
use crate::error::Result;

/// Which licence is spoken of.
#[derive(Debug, Clone)]
pub enum Which {
    /// The one with this id.
    Id(LicenseId),
    /// The one with this key, as somebody typed it.
    Key(SecretText),
}

/// The same, ready to be looked up.
#[derive(Clone)]
pub(crate) enum Sought {
    Id(LicenseId),
    /// Keyed hashes of one key, the current master key's first.
    Hashes(Vec<[u8; 32]>),
}

impl Sought {
    /// # Errors
    /// [`Code::LicenseInvalid`] for a key that is not well-formed, without a look-up.
    pub(crate) async fn new(
        core: &Core,
        asker: &Asker,
        operation: &'static str,
        which: &Which,
    ) -> Result<Self> {
        Ok(match which {
            Which::Id(id) => Self::Id(*id),
            Which::Key(text) => {
                let key = parse_key(core, asker, operation, text).await?;
                Self::Hashes(core.keyring.license_key_hashes(asker.app_id(), &key))
            }
        })
    }

    /// Looks it up. An unknown licence costs the same as another app's: both are not there.
    pub(crate) fn find(&self, scope: &mut AppRead<'_>, now: Timestamp) -> Result<Option<License>> {
        match self {
            Self::Id(id) => Ok(scope.license(*id, now)?),
            Self::Hashes(hashes) => {
                for hash in hashes {
                    if let Some(found) = scope.license_by_key(hash, now)? {
                        return Ok(Some(found));
                    }
                }
                Ok(None)
            }
        }
    }
}

/// Reads a key.
///
/// # Errors
/// [`Code::LicenseInvalid`], which leaves its trace but costs no look-up.
pub(crate) async fn parse_key(
    core: &Core,
    asker: &Asker,
    operation: &'static str,
    text: &SecretText,
) -> Result<LicenseKey> {
    match LicenseKey::parse(text.expose()) {
        Some(key) => Ok(key),
        None => {
            let refusal = Refusal::of(Code::LicenseInvalid, None);
            Err(asker.refuse(core, operation, refusal).await?)
        }
    }
}

/// Hash and sealed value of a key under the current master key, for one found by a former one's.
pub(crate) fn rekeyed(
    keyring: &Keyring,
    app: AppId,
    id: LicenseId,
    key: &LicenseKey,
    random: &dyn doorward_domain::SecureRandom,
) -> ([u8; 32], Vec<u8>) {
    (
        keyring.license_key_hash(app, key),
        keyring.seal_license_key(app, id, key, random),
    )
}
