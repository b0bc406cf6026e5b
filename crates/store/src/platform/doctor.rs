//! What an examination of the deployment asks, however much data there is.

use doorward_domain::Timestamp;

use super::PlatformRead;
use crate::error::StoreError;

/// An active app and the age of its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OldSecret {
    /// The app.
    pub slug: String,
    /// When it got the secret.
    pub rotated_at: Timestamp,
}

impl PlatformRead<'_> {
    /// Active apps whose secret is from before a time, oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn old_secrets(
        &mut self,
        before: Timestamp,
        limit: u32,
    ) -> Result<Vec<OldSecret>, StoreError> {
        const SQL: &str = "SELECT slug, secret_rotated_at FROM apps \
             WHERE status = 'active' AND secret_rotated_at < $1 \
             ORDER BY secret_rotated_at LIMIT $2";
        let rows = self.connection.query(SQL, &[before.into(), limit.into()])?;
        rows.into_iter()
            .map(|mut row| {
                Ok(OldSecret {
                    slug: row.take()?,
                    rotated_at: row.take()?,
                })
            })
            .collect()
    }

    /// Messages given up since a time, counted up to a limit, and what was said of the newest.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn failed_messages(
        &mut self,
        since: Timestamp,
        limit: u32,
    ) -> Result<(i64, Option<String>), StoreError> {
        const COUNT: &str = "SELECT COUNT(*) FROM (SELECT 1 AS one FROM outbox \
             WHERE state = 'failed' AND finished_at >= $1 LIMIT $2) failed";
        const NEWEST: &str = "SELECT last_error FROM outbox \
             WHERE state = 'failed' AND finished_at >= $1 ORDER BY finished_at DESC LIMIT 1";
        let mut rows = self
            .connection
            .query(COUNT, &[since.into(), limit.into()])?;
        let count = rows.pop().map_or(Ok(0), |mut row| row.take())?;
        let mut rows = self.connection.query(NEWEST, &[since.into()])?;
        let newest = rows.pop().map_or(Ok(None), |mut row| row.take())?;
        Ok((count, newest))
    }

    /// The time of the newest audit event.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn newest_event_at(&mut self) -> Result<Option<Timestamp>, StoreError> {
        const SQL: &str = "SELECT at FROM audit_events ORDER BY id DESC LIMIT 1";
        let mut rows = self.connection.query(SQL, &[])?;
        rows.pop().map(|mut row| row.take()).transpose()
    }

    /// The clock of the database's machine, to the second on SQLite. `None` when it is written in a
    /// way that is not understood.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn database_time(&mut self) -> Result<Option<Timestamp>, StoreError> {
        const SQL: &str = "SELECT CAST(CURRENT_TIMESTAMP AS TEXT)";
        let mut rows = self.connection.query(SQL, &[])?;
        let text: Option<String> = rows.pop().map(|mut row| row.take()).transpose()?;
        // SQLite: UTC without saying so. PostgreSQL: the offset of the session's time zone.
        Ok(text.and_then(|text| {
            let with_zone = text.parse().ok();
            with_zone.or_else(|| format!("{text}Z").parse().ok())
        }))
    }
}
