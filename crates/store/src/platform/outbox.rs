//! The outbox, as its worker sees it: messages of every app, taken under a lease.

use doorward_domain::contact::Channel;
use doorward_domain::outbox::{LeasedMessage, OutboxMessage};
use doorward_domain::{NodeId, OutboxId, Timestamp};

use super::{PlatformRead, PlatformWrite};
use crate::error::StoreError;
use crate::value::Row;

/// How much is waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct OutboxDepth {
    /// Messages waiting or being sent (counted up to 10,000).
    pub queued: i64,
    /// When the one waiting longest became due.
    pub oldest_due: Option<Timestamp>,
}

fn leased(mut row: Row) -> Result<LeasedMessage, StoreError> {
    Ok(LeasedMessage {
        message: OutboxMessage {
            id: row.take()?,
            app_id: row.take()?,
            channel: Channel::from_stored(&row.take::<String>()?)
                .ok_or_else(|| StoreError::decode("an unknown channel"))?,
            template: row.take()?,
            sealed: row.take()?,
            created_at: row.take()?,
            expires_at: row.take()?,
        },
        attempt: row.take()?,
    })
}

impl PlatformRead<'_> {
    /// How much is waiting.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn outbox_depth(&mut self) -> Result<OutboxDepth, StoreError> {
        const SQL: &str = "SELECT COUNT(*), MIN(not_before) FROM \
             (SELECT not_before FROM outbox WHERE state = 'queued' ORDER BY not_before LIMIT 10000) q";
        match self.connection.query(SQL, &[])?.into_iter().next() {
            Some(mut row) => Ok(OutboxDepth {
                queued: row.take()?,
                oldest_due: row.take()?,
            }),
            None => Ok(OutboxDepth {
                queued: 0,
                oldest_due: None,
            }),
        }
    }
}

impl PlatformWrite<'_> {
    /// Takes up to `limit` due messages. Each counts an attempt and becomes due again at
    /// `lease_until`, when another node may take it over.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn lease_messages(
        &mut self,
        node: NodeId,
        now: Timestamp,
        lease_until: Timestamp,
        limit: i64,
    ) -> Result<Vec<LeasedMessage>, StoreError> {
        const SQL: &str = "UPDATE outbox SET lease_owner = $1, not_before = $3, \
             attempts = attempts + 1 WHERE id IN (SELECT id FROM outbox WHERE state = 'queued' \
             AND not_before <= $2 ORDER BY not_before LIMIT $4) \
             AND state = 'queued' AND not_before <= $2 \
             RETURNING id, app_id, channel, template, sealed, created_at, expires_at, attempts";
        let params = [node.into(), now.into(), lease_until.into(), limit.into()];
        self.connection
            .query(SQL, &params)?
            .into_iter()
            .map(leased)
            .collect()
    }

    /// A message was handed to the provider. `false` when the lease was lost meanwhile.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn message_sent(
        &mut self,
        id: OutboxId,
        node: NodeId,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        const SQL: &str = "UPDATE outbox SET state = 'sent', sealed = NULL, lease_owner = NULL, \
             last_error = NULL, finished_at = $3 \
             WHERE id = $1 AND lease_owner = $2 AND state = 'queued'";
        Ok(self
            .connection
            .execute(SQL, &[id.into(), node.into(), now.into()])?
            == 1)
    }

    /// A message is to be tried again at `not_before`. `false` when the lease was lost meanwhile.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn message_retry(
        &mut self,
        id: OutboxId,
        node: NodeId,
        not_before: Timestamp,
        error: &str,
    ) -> Result<bool, StoreError> {
        const SQL: &str = "UPDATE outbox SET not_before = $3, lease_owner = NULL, last_error = $4 \
             WHERE id = $1 AND lease_owner = $2 AND state = 'queued'";
        let params = [id.into(), node.into(), not_before.into(), error.into()];
        Ok(self.connection.execute(SQL, &params)? == 1)
    }

    /// A message was given up. `false` when the lease was lost meanwhile.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn message_failed(
        &mut self,
        id: OutboxId,
        node: NodeId,
        now: Timestamp,
        error: &str,
    ) -> Result<bool, StoreError> {
        const SQL: &str = "UPDATE outbox SET state = 'failed', sealed = NULL, lease_owner = NULL, \
             last_error = $4, finished_at = $3 \
             WHERE id = $1 AND lease_owner = $2 AND state = 'queued'";
        let params = [id.into(), node.into(), now.into(), error.into()];
        Ok(self.connection.execute(SQL, &params)? == 1)
    }

    /// What a message carries is dead: it is not sent. `false` when the lease was lost meanwhile.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn message_expired(
        &mut self,
        id: OutboxId,
        node: NodeId,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        const SQL: &str = "UPDATE outbox SET state = 'expired', sealed = NULL, lease_owner = NULL, \
             finished_at = $3 WHERE id = $1 AND lease_owner = $2 AND state = 'queued'";
        Ok(self
            .connection
            .execute(SQL, &[id.into(), node.into(), now.into()])?
            == 1)
    }
}
