//! Sessions as operators see them.

use doorward_domain::session::{EndReason, Session, SessionRecord};
use doorward_domain::{SessionId, Timestamp, UserId};

use super::AppRead;
use crate::error::StoreError;
use crate::value::Row;

/// A session whose epoch is not the app's was ended with all others of the app.
fn record(mut row: Row) -> Result<SessionRecord, StoreError> {
    let mut session = Session {
        id: row.take()?,
        user_id: row.take()?,
        tenant_id: row.take()?,
        generation: row.take()?,
        nonce_hash: row.take()?,
        epoch: row.take()?,
        auth_time: row.take()?,
        amr: row.take()?,
        created_at: row.take()?,
        last_used_at: row.take()?,
        expires_at: row.take()?,
        absolute_expires_at: row.take()?,
        ended: None,
    };
    let ended_at: Option<Timestamp> = row.take()?;
    let reason: Option<String> = row.take()?;
    let (ip, user_agent) = (row.take()?, row.take()?);
    let (epoch, all_ended_at): (i64, Option<Timestamp>) = (row.take()?, row.take()?);
    session.ended = match (ended_at, reason) {
        (Some(at), Some(reason)) => Some((
            at,
            EndReason::from_stored(&reason)
                .ok_or_else(|| StoreError::decode("an unknown end reason"))?,
        )),
        _ if session.epoch != epoch => Some((
            all_ended_at.unwrap_or(session.last_used_at),
            EndReason::AppRevoked,
        )),
        _ => None,
    };
    Ok(SessionRecord {
        session,
        ip,
        user_agent,
    })
}

impl AppRead<'_> {
    /// Sessions of a user, newest first, older than the one that ended the former page.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn sessions_of_user(
        &mut self,
        user: UserId,
        before: Option<SessionId>,
        limit: u32,
    ) -> Result<Vec<SessionRecord>, StoreError> {
        const SQL: &str = "SELECT s.id, s.user_id, s.tenant_id, s.generation, s.nonce_hash, \
             s.epoch, s.auth_time, s.amr, s.created_at, s.last_used_at, s.expires_at, \
             s.absolute_expires_at, s.ended_at, s.end_reason, s.ip, s.user_agent, \
             a.session_epoch, a.sessions_ended_at \
             FROM sessions s JOIN apps a ON a.id = s.app_id \
             WHERE s.app_id = $1 AND a.id = $1 AND s.user_id = $2 AND s.id < $3 \
             ORDER BY s.id DESC LIMIT $4";
        let before = before.unwrap_or(SessionId::from_uuid(uuid::Uuid::max()));
        let params = [self.app_id.into(), user.into(), before.into(), limit.into()];
        let rows = self.connection.query(SQL, &params)?;
        rows.into_iter().map(record).collect()
    }

    /// A session of this app, as operators see it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn session_record(&mut self, id: SessionId) -> Result<Option<SessionRecord>, StoreError> {
        const SQL: &str = "SELECT s.id, s.user_id, s.tenant_id, s.generation, s.nonce_hash, \
             s.epoch, s.auth_time, s.amr, s.created_at, s.last_used_at, s.expires_at, \
             s.absolute_expires_at, s.ended_at, s.end_reason, s.ip, s.user_agent, \
             a.session_epoch, a.sessions_ended_at \
             FROM sessions s JOIN apps a ON a.id = s.app_id \
             WHERE s.app_id = $1 AND a.id = $1 AND s.id = $2";
        let params = [self.app_id.into(), id.into()];
        let rows = self.connection.query(SQL, &params)?;
        rows.into_iter().next().map(record).transpose()
    }
}
