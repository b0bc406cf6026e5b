//! Licences of all apps, as the change of the master key sees them.

use doorward_domain::{AppId, LicenseId};

use super::PlatformRead;
use crate::error::StoreError;

/// A licence whose key was hashed and sealed with a former master key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutdatedLicenseKey {
    /// Its app.
    pub app_id: AppId,
    /// Its id.
    pub id: LicenseId,
    /// The keyed hash.
    pub key_hash: [u8; 32],
    /// The sealed key.
    pub sealed_key: Vec<u8>,
}

impl PlatformRead<'_> {
    /// Licences whose sealed key does not begin with `current`, after the given one.
    ///
    /// Looks through all of them: only for while a former master key is still accepted.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn outdated_license_keys(
        &mut self,
        current: &[u8; 5],
        after: Option<(AppId, LicenseId)>,
        limit: u32,
    ) -> Result<Vec<OutdatedLicenseKey>, StoreError> {
        const SQL: &str = "SELECT app_id, id, key_hash, sealed_key FROM licenses \
             WHERE sealed_key IS NOT NULL AND substr(sealed_key, 1, 5) <> $1 \
             AND (app_id, id) > ($2, $3) ORDER BY app_id, id LIMIT $4";
        let nil = uuid::Uuid::nil();
        let (app, license) = after.unwrap_or((AppId::from_uuid(nil), LicenseId::from_uuid(nil)));
        let params = [current.into(), app.into(), license.into(), limit.into()];
        let rows = self.connection.query(SQL, &params)?;
        rows.into_iter()
            .map(|mut row| {
                Ok(OutdatedLicenseKey {
                    app_id: row.take()?,
                    id: row.take()?,
                    key_hash: row.take()?,
                    sealed_key: row.take()?,
                })
            })
            .collect()
    }
}
