//! Answers to operators' creating calls that carried an `Idempotency-Key`.
//!
//! The row is written first and stays locked until the transaction ends: of callers that come with
//! the same key at the same time, one goes on and the others wait for its answer.

use doorward_domain::Timestamp;

use super::{PlatformRead, PlatformWrite};
use crate::error::StoreError;

/// What is known of a key that was used before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotentAnswer {
    /// The sealed answer; `None` while the call that brought the key is at work.
    pub sealed: Option<Vec<u8>>,
}

impl PlatformRead<'_> {
    /// What is known of a key; `None` when it was not used, or its day is over.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn idempotent_answer(
        &mut self,
        key_hash: &[u8; 32],
        now: Timestamp,
    ) -> Result<Option<IdempotentAnswer>, StoreError> {
        const SQL: &str =
            "SELECT sealed FROM idempotency_keys WHERE key_hash = $1 AND expires_at > $2";
        let rows = self.connection.query(SQL, &[key_hash.into(), now.into()])?;
        rows.into_iter()
            .next()
            .map(|mut row| {
                Ok(IdempotentAnswer {
                    sealed: row.take()?,
                })
            })
            .transpose()
    }
}

impl PlatformWrite<'_> {
    /// Takes a key for the call of this transaction; `false` when another call has used it and its
    /// day is not over.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn claim_idempotency_key(
        &mut self,
        key_hash: &[u8; 32],
        now: Timestamp,
        expires_at: Timestamp,
    ) -> Result<bool, StoreError> {
        const SQL: &str = "INSERT INTO idempotency_keys (key_hash, expires_at) VALUES ($1, $3) \
             ON CONFLICT (key_hash) DO UPDATE SET sealed = NULL, expires_at = $3 \
             WHERE idempotency_keys.expires_at <= $2";
        let params = [key_hash.into(), now.into(), expires_at.into()];
        Ok(self.connection.execute(SQL, &params)? == 1)
    }

    /// Stores the sealed answer of the call that claimed the key.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn store_idempotent_answer(
        &mut self,
        key_hash: &[u8; 32],
        sealed: &[u8],
    ) -> Result<(), StoreError> {
        const SQL: &str = "UPDATE idempotency_keys SET sealed = $2 WHERE key_hash = $1";
        self.connection
            .defer(SQL, &[key_hash.into(), sealed.into()])
    }

    /// Gives a key back that was claimed in this transaction: the call was refused.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn release_idempotency_key(&mut self, key_hash: &[u8; 32]) -> Result<(), StoreError> {
        const SQL: &str = "DELETE FROM idempotency_keys WHERE key_hash = $1 AND sealed IS NULL";
        self.connection.defer(SQL, &[key_hash.into()])
    }
}
