//! What consumers that subscribe to revocations are told.

use doorward_domain::Timestamp;
use doorward_domain::revocation::{Revocation, Revoked};

use super::{AppRead, AppWrite};
use crate::error::StoreError;
use crate::value::Row;

impl AppRead<'_> {
    /// Revocations of this app that are not over at `now`, in no order.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn revocations(&mut self, now: Timestamp) -> Result<Vec<Revocation>, StoreError> {
        const SQL: &str = "SELECT id, kind, subject_id, issued_until, recorded_at, expires_at \
             FROM revocations WHERE app_id = $1 AND expires_at > $2";
        let params = [self.app_id.into(), now.into()];
        let rows = self.connection.query(SQL, &params)?;
        rows.into_iter().map(revocation).collect()
    }
}

/// From the columns id, kind, `subject_id`, `issued_until`, `recorded_at`, `expires_at`.
pub(crate) fn revocation(mut row: Row) -> Result<Revocation, StoreError> {
    let id = row.take()?;
    let kind: String = row.take()?;
    let subject = row.take()?;
    Ok(Revocation {
        id,
        revoked: Revoked::from_stored(&kind, subject)
            .ok_or_else(|| StoreError::decode("an unknown kind of revocation"))?,
        issued_until: row.take()?,
        recorded_at: row.take()?,
        expires_at: row.take()?,
    })
}

impl AppWrite<'_> {
    /// Records that tokens no longer count. Said again of the same subject, it counts from now on,
    /// and never for less than before.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn insert_revocation(&mut self, revocation: &Revocation) -> Result<(), StoreError> {
        const SQL: &str = "INSERT INTO revocations (app_id, id, kind, subject_id, issued_until, \
             recorded_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7) \
             ON CONFLICT (app_id, kind, subject_id) DO UPDATE SET id = excluded.id, \
             recorded_at = excluded.recorded_at, \
             issued_until = CASE WHEN excluded.issued_until > revocations.issued_until \
                 THEN excluded.issued_until ELSE revocations.issued_until END, \
             expires_at = CASE WHEN excluded.expires_at > revocations.expires_at \
                 THEN excluded.expires_at ELSE revocations.expires_at END";
        let (kind, subject) = revocation.revoked.to_stored(self.app_id);
        let params = [
            self.app_id.into(),
            revocation.id.into(),
            kind.into(),
            subject.into(),
            revocation.issued_until.into(),
            revocation.recorded_at.into(),
            revocation.expires_at.into(),
        ];
        self.connection.defer(SQL, &params)
    }
}
