//! One-time secrets other than codes.

use doorward_domain::{OneTimeSecretId, Timestamp, UserId};

use super::AppWrite;
use crate::error::StoreError;

/// A secret to be written: its hash only.
#[derive(Debug, Clone)]
pub struct NewOneTimeSecret {
    /// Its id, part of the token.
    pub id: OneTimeSecretId,
    /// What it is good for; a token of one purpose is nothing to another.
    pub purpose: &'static str,
    /// SHA-256 of the secret part.
    pub secret_hash: [u8; 32],
    /// Whose it is.
    pub user_id: Option<UserId>,
    /// Anything it carries, as JSON.
    pub details: Option<String>,
    /// Creation.
    pub created_at: Timestamp,
    /// End of life.
    pub expires_at: Timestamp,
}

/// What a secret yields, once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsumedSecret {
    /// Whose it was.
    pub user_id: Option<UserId>,
    /// What it carried.
    pub details: Option<String>,
}

impl AppWrite<'_> {
    /// Writes a secret.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn insert_secret(&mut self, secret: &NewOneTimeSecret) -> Result<(), StoreError> {
        const SQL: &str = "INSERT INTO one_time_secrets (app_id, id, purpose, secret_hash, user_id, \
             details, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
        let app_id = self.app_id;
        self.connection.defer(
            SQL,
            &[
                app_id.into(),
                secret.id.into(),
                secret.purpose.into(),
                (&secret.secret_hash).into(),
                secret.user_id.into(),
                secret.details.as_deref().into(),
                secret.created_at.into(),
                secret.expires_at.into(),
            ],
        )
    }

    /// Consumes a secret: one statement, so exactly one of any number of callers gets `Some`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn consume_secret(
        &mut self,
        id: OneTimeSecretId,
        purpose: &'static str,
        secret_hash: &[u8; 32],
        now: Timestamp,
    ) -> Result<Option<ConsumedSecret>, StoreError> {
        const SQL: &str = "UPDATE one_time_secrets SET used_at = $5 WHERE app_id = $1 AND id = $2 \
             AND purpose = $3 AND secret_hash = $4 AND used_at IS NULL AND expires_at > $5 \
             RETURNING user_id, details";
        let params = [
            self.app_id.into(),
            id.into(),
            purpose.into(),
            secret_hash.into(),
            now.into(),
        ];
        let rows = self.connection.query(SQL, &params)?;
        rows.into_iter()
            .next()
            .map(|mut row| {
                Ok(ConsumedSecret {
                    user_id: row.take()?,
                    details: row.take()?,
                })
            })
            .transpose()
    }
}
