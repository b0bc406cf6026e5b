//! News for the revocation feeds of all apps.

use doorward_domain::revocation::Revocation;
use doorward_domain::{AppId, Timestamp};

use super::PlatformRead;
use crate::app::revocation;
use crate::error::StoreError;

impl PlatformRead<'_> {
    /// Revocations of all apps recorded at or after `since`, in no order; at most `limit`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn revocations_since(
        &mut self,
        since: Timestamp,
        limit: u32,
    ) -> Result<Vec<(AppId, Revocation)>, StoreError> {
        const SQL: &str = "SELECT app_id, id, kind, subject_id, issued_until, recorded_at, \
             expires_at FROM revocations WHERE recorded_at >= $1 LIMIT $2";
        let rows = self.connection.query(SQL, &[since.into(), limit.into()])?;
        rows.into_iter()
            .map(|mut row| Ok((row.take()?, revocation(row)?)))
            .collect()
    }
}
