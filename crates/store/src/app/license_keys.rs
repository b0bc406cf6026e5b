//! The keys that sign an app's licence files: one is active, the former ones stay published.

use doorward_domain::Timestamp;
use doorward_domain::signing::SigningAlg;

use super::{AppRead, AppWrite};
use crate::error::StoreError;
use crate::value::Row;

/// A licence key of an app as stored.
#[derive(Clone)]
pub struct StoredLicenseKey {
    /// Thumbprint of the public key (RFC 7638).
    pub kid: String,
    /// What it signs with.
    pub alg: SigningAlg,
    /// The public key, SPKI DER.
    pub public_der: Vec<u8>,
    /// The private key, sealed; erased when retired.
    pub sealed_private: Option<Vec<u8>>,
    /// Creation.
    pub created_at: Timestamp,
    /// When it stopped signing; the one without signs.
    pub retired_at: Option<Timestamp>,
}

fn key(mut row: Row) -> Result<StoredLicenseKey, StoreError> {
    Ok(StoredLicenseKey {
        kid: row.take()?,
        alg: SigningAlg::parse(&row.take::<String>()?)
            .ok_or_else(|| StoreError::decode("an unknown signing algorithm"))?,
        public_der: row.take()?,
        sealed_private: row.take()?,
        created_at: row.take()?,
        retired_at: row.take()?,
    })
}

impl AppRead<'_> {
    /// Every licence key there ever was, newest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn license_keys(&mut self) -> Result<Vec<StoredLicenseKey>, StoreError> {
        const SQL: &str = "SELECT kid, alg, public_der, sealed_private, created_at, retired_at \
             FROM license_signing_keys WHERE app_id = $1 ORDER BY created_at DESC, kid";
        let app_id = self.app_id;
        self.connection
            .query(SQL, &[app_id.into()])?
            .into_iter()
            .map(key)
            .collect()
    }
}

impl AppWrite<'_> {
    /// Writes the active licence key; `false` when there is one already (another node was first).
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn insert_license_key(&mut self, key: &StoredLicenseKey) -> Result<bool, StoreError> {
        const SQL: &str = "INSERT INTO license_signing_keys (app_id, kid, alg, state, public_der, \
             sealed_private, created_at) VALUES ($1, $2, $3, 'active', $4, $5, $6) \
             ON CONFLICT DO NOTHING";
        let params = [
            self.app_id.into(),
            (&key.kid).into(),
            key.alg.as_str().into(),
            (&key.public_der).into(),
            key.sealed_private.as_deref().into(),
            key.created_at.into(),
        ];
        Ok(self.connection.execute(SQL, &params)? == 1)
    }

    /// Replaces the sealed private part of the active licence key by the same, sealed anew. `false`
    /// when it is not `former` any more (another node was first).
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn reseal_license_key(
        &mut self,
        kid: &str,
        former: &[u8],
        anew: &[u8],
    ) -> Result<bool, StoreError> {
        const SQL: &str = "UPDATE license_signing_keys SET sealed_private = $4 \
             WHERE app_id = $1 AND kid = $2 AND sealed_private = $3 AND state = 'active'";
        let params = [self.app_id.into(), kid.into(), former.into(), anew.into()];
        Ok(self.connection.execute(SQL, &params)? == 1)
    }

    /// Takes the active licence key out of use: its private part is erased, its public part stays.
    /// `false` when it is not the active one (another node was first).
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn retire_license_key(&mut self, kid: &str, now: Timestamp) -> Result<bool, StoreError> {
        const SQL: &str = "UPDATE license_signing_keys SET state = 'retired', retired_at = $3, \
             sealed_private = NULL WHERE app_id = $1 AND kid = $2 AND state = 'active'";
        let params = [self.app_id.into(), kid.into(), now.into()];
        Ok(self.connection.execute(SQL, &params)? == 1)
    }
}
