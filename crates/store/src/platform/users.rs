//! Users of all apps whose time is over.

use doorward_domain::{AppId, Timestamp, UserId};

use super::PlatformRead;
use crate::error::StoreError;

impl PlatformRead<'_> {
    /// Deleted users who are due to be erased, the longest due first; at most `limit`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn users_to_erase(
        &mut self,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<(AppId, UserId)>, StoreError> {
        const SQL: &str = "SELECT app_id, id FROM users WHERE purge_after <= $1 \
             AND status = 'deleted' ORDER BY purge_after LIMIT $2";
        let rows = self.connection.query(SQL, &[now.into(), limit.into()])?;
        rows.into_iter()
            .map(|mut row| Ok((row.take()?, row.take()?)))
            .collect()
    }
}
