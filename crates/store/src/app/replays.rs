//! Stored answers of refreshes that carried an `Idempotency-Key`.

use doorward_domain::session::Presented;
use doorward_domain::{SessionId, Timestamp};

use super::{AppRead, AppWrite};
use crate::error::StoreError;

impl AppRead<'_> {
    /// The sealed answer to this token with this key, while it lives.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn replay(
        &mut self,
        presented: &Presented,
        key_hash: &[u8; 32],
        now: Timestamp,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        const SQL: &str = "SELECT sealed FROM refresh_replays WHERE app_id = $1 AND session_id = $2 \
             AND generation = $3 AND key_hash = $4 AND expires_at > $5";
        let params = [
            self.app_id.into(),
            presented.session_id.into(),
            presented.generation.into(),
            key_hash.into(),
            now.into(),
        ];
        let rows = self.connection.query(SQL, &params)?;
        rows.into_iter()
            .next()
            .map(|mut row| row.take())
            .transpose()
    }
}

impl AppWrite<'_> {
    /// Stores the sealed answer to a token of this generation.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn insert_replay(
        &mut self,
        session_id: SessionId,
        generation: i64,
        key_hash: &[u8; 32],
        sealed: &[u8],
        expires_at: Timestamp,
    ) -> Result<(), StoreError> {
        const SQL: &str = "INSERT INTO refresh_replays (app_id, session_id, generation, key_hash, \
             sealed, expires_at) VALUES ($1, $2, $3, $4, $5, $6) \
             ON CONFLICT (app_id, session_id, generation) DO UPDATE SET \
             key_hash = EXCLUDED.key_hash, sealed = EXCLUDED.sealed, expires_at = EXCLUDED.expires_at";
        let app_id = self.app_id;
        self.connection.defer(
            SQL,
            &[
                app_id.into(),
                session_id.into(),
                generation.into(),
                key_hash.into(),
                sealed.into(),
                expires_at.into(),
            ],
        )
    }
}
