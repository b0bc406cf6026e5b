//! Signing keys: their private parts sealed under a key that is not in the database.

use doorward_domain::Timestamp;
use doorward_domain::signing::{KeyState, SigningAlg};

use super::{PlatformRead, PlatformWrite};
use crate::error::StoreError;
use crate::value::Row;

/// A signing key as stored.
#[derive(Clone)]
pub struct StoredSigningKey {
    /// Thumbprint of the public key (RFC 7638).
    pub kid: String,
    /// What it signs with.
    pub alg: SigningAlg,
    /// Where in its life it is.
    pub state: KeyState,
    /// The public key, SPKI DER.
    pub public_der: Vec<u8>,
    /// The private key, sealed; erased when retired.
    pub sealed_private: Option<Vec<u8>>,
    /// Creation.
    pub created_at: Timestamp,
    /// When it began to sign.
    pub activated_at: Option<Timestamp>,
    /// When it stopped.
    pub retiring_at: Option<Timestamp>,
    /// When the last token it signed is dead.
    pub retire_after: Option<Timestamp>,
    /// When it left the JWKS.
    pub retired_at: Option<Timestamp>,
}

fn key(mut row: Row) -> Result<StoredSigningKey, StoreError> {
    Ok(StoredSigningKey {
        kid: row.take()?,
        alg: SigningAlg::parse(&row.take::<String>()?)
            .ok_or_else(|| StoreError::decode("an unknown signing algorithm"))?,
        state: KeyState::from_stored(&row.take::<String>()?)
            .ok_or_else(|| StoreError::decode("an unknown key state"))?,
        public_der: row.take()?,
        sealed_private: row.take()?,
        created_at: row.take()?,
        activated_at: row.take()?,
        retiring_at: row.take()?,
        retire_after: row.take()?,
        retired_at: row.take()?,
    })
}

impl PlatformRead<'_> {
    /// The keys in use: next, active and retiring.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn signing_keys(&mut self) -> Result<Vec<StoredSigningKey>, StoreError> {
        const SQL: &str = "SELECT kid, alg, state, public_der, sealed_private, created_at, \
             activated_at, retiring_at, retire_after, retired_at FROM signing_keys \
             WHERE state <> 'retired' ORDER BY created_at, kid";
        self.connection
            .query(SQL, &[])?
            .into_iter()
            .map(key)
            .collect()
    }

    /// Every key there ever was, newest first, after the given place (creation and id).
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn all_signing_keys(
        &mut self,
        after: Option<(Timestamp, &str)>,
        limit: u32,
    ) -> Result<Vec<StoredSigningKey>, StoreError> {
        const FIRST: &str = "SELECT kid, alg, state, public_der, sealed_private, created_at, \
             activated_at, retiring_at, retire_after, retired_at FROM signing_keys \
             ORDER BY created_at DESC, kid DESC LIMIT $1";
        const NEXT: &str = "SELECT kid, alg, state, public_der, sealed_private, created_at, \
             activated_at, retiring_at, retire_after, retired_at FROM signing_keys \
             WHERE (created_at, kid) < ($2, $3) ORDER BY created_at DESC, kid DESC LIMIT $1";
        let rows = match after {
            None => self.connection.query(FIRST, &[limit.into()])?,
            Some((at, kid)) => {
                let params = [limit.into(), at.into(), kid.into()];
                self.connection.query(NEXT, &params)?
            }
        };
        rows.into_iter().map(key).collect()
    }
}

impl PlatformWrite<'_> {
    /// Writes a key; `false` when another node was first (there is a key in that state already).
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn insert_signing_key(&mut self, key: &StoredSigningKey) -> Result<bool, StoreError> {
        const SQL: &str = "INSERT INTO signing_keys (kid, alg, state, public_der, sealed_private, \
             created_at, activated_at) VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING";
        let params = [
            (&key.kid).into(),
            key.alg.as_str().into(),
            key.state.as_str().into(),
            (&key.public_der).into(),
            key.sealed_private.as_deref().into(),
            key.created_at.into(),
            key.activated_at.into(),
        ];
        let inserted = self.connection.execute(SQL, &params)? == 1;
        self.bump_state()?;
        Ok(inserted)
    }

    /// Makes the next key the active one. `None` when `active_kid` is not the active key any more
    /// (another node was first) or there is no next key. Gives the new active key's id.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn rotate_signing_key(
        &mut self,
        active_kid: &str,
        now: Timestamp,
        retire_after: Timestamp,
    ) -> Result<Option<String>, StoreError> {
        const RETIRE: &str = "UPDATE signing_keys SET state = 'retiring', retiring_at = $2, \
             retire_after = $3 WHERE kid = $1 AND state = 'active' \
             AND EXISTS (SELECT 1 FROM signing_keys n WHERE n.state = 'next')";
        const ACTIVATE: &str = "UPDATE signing_keys SET state = 'active', activated_at = $1 \
             WHERE state = 'next' RETURNING kid";
        let params = [active_kid.into(), now.into(), retire_after.into()];
        if self.connection.execute(RETIRE, &params)? == 0 {
            return Ok(None);
        }
        let rows = self.connection.query(ACTIVATE, &[now.into()])?;
        let kid = match rows.into_iter().next() {
            Some(mut row) => row.take()?,
            None => {
                return Err(StoreError::Internal(
                    "the next signing key vanished".to_owned(),
                ));
            }
        };
        self.bump_state()?;
        Ok(Some(kid))
    }

    /// Takes every key but the active one out of use at once; their private parts are erased.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn retire_other_signing_keys(&mut self, now: Timestamp) -> Result<Vec<String>, StoreError> {
        const SQL: &str = "UPDATE signing_keys SET state = 'retired', retired_at = $1, \
             sealed_private = NULL WHERE state IN ('next', 'retiring') RETURNING kid";
        let rows = self.connection.query(SQL, &[now.into()])?;
        let kids = rows
            .into_iter()
            .map(|mut row| row.take())
            .collect::<Result<Vec<_>, _>>()?;
        if !kids.is_empty() {
            self.bump_state()?;
        }
        Ok(kids)
    }

    /// Takes keys out of use whose last token is dead; their private parts are erased.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn retire_signing_keys(&mut self, now: Timestamp) -> Result<Vec<String>, StoreError> {
        const SQL: &str = "UPDATE signing_keys SET state = 'retired', retired_at = $1, \
             sealed_private = NULL WHERE state = 'retiring' AND retire_after <= $1 RETURNING kid";
        let rows = self.connection.query(SQL, &[now.into()])?;
        let kids = rows
            .into_iter()
            .map(|mut row| row.take())
            .collect::<Result<Vec<_>, _>>()?;
        if !kids.is_empty() {
            self.bump_state()?;
        }
        Ok(kids)
    }
}
