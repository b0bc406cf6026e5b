//! The outbox, as its worker sees it: messages of every app, taken under a lease.

use doorward_domain::contact::Channel;
use doorward_domain::outbox::{LeasedMessage, OutboxMessage};
use doorward_domain::{AppId, NodeId, OutboxId, Timestamp};

use super::{PlatformRead, PlatformWrite};
use crate::app::tried;
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

/// Which messages a worker wants.
#[derive(Debug, Clone, Copy)]
pub struct LeaseRequest {
    /// Of this channel only, so that a channel that hangs holds up no other.
    pub channel: Channel,
    /// Who takes them.
    pub node: NodeId,
    /// Due by then.
    pub now: Timestamp,
    /// End of the lease, when another node may take them over.
    pub until: Timestamp,
    /// The app whose turn was last: the next one is served first.
    pub after: Option<AppId>,
    /// How many at most.
    pub limit: i64,
}

/// Who took a message over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handover {
    /// The app's own provider; empty for the deployment's sender.
    pub provider: String,
    /// The provider's name for the message.
    pub provider_ref: Option<String>,
    /// Whether what it carries stays, because another provider may have to take it.
    pub keep: bool,
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
            contact_ref: None,
            user_id: None,
            otp_request_id: row.take()?,
            sms_prefix: row.take()?,
            created_at: row.take()?,
            expires_at: row.take()?,
        },
        attempt: row.take()?,
        tried: tried(row.take()?),
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
    /// Takes due messages, the apps by turns: one of each app (the one due longest), beginning
    /// behind `after`, then another of each, until there are `limit`. Gives them in that order.
    /// However much one app has waiting, the others are served as if it had little.
    ///
    /// Each counts an attempt and becomes due again at `until`, when another node may take it over.
    /// A message that another node takes meanwhile is left out. The work grows with `limit` and
    /// with the number of apps that have messages waiting, not with the number of messages.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn lease_messages(
        &mut self,
        request: &LeaseRequest,
    ) -> Result<Vec<LeasedMessage>, StoreError> {
        const SQL: &str = "UPDATE outbox SET lease_owner = $2, not_before = $4, \
             attempts = attempts + 1 WHERE id = $1 AND state = 'queued' AND not_before <= $3 \
             RETURNING id, app_id, channel, template, sealed, otp_request_id, sms_prefix, created_at, \
             expires_at, attempts, tried";
        let turns = self.turns(request)?;
        // Every node takes them in the same order, so that no two wait for each other.
        let mut ordered: Vec<(OutboxId, usize)> = turns.into_iter().zip(0..).collect();
        ordered.sort_unstable();
        let mut taken = Vec::with_capacity(ordered.len());
        for (id, turn) in ordered {
            let params = [
                id.into(),
                request.node.into(),
                request.now.into(),
                request.until.into(),
            ];
            for row in self.connection.query(SQL, &params)? {
                taken.push((turn, leased(row)?));
            }
        }
        taken.sort_unstable_by_key(|(turn, _)| *turn);
        Ok(taken.into_iter().map(|(_, leased)| leased).collect())
    }

    /// Whose turn it is: ids of due messages, in order.
    fn turns(&mut self, request: &LeaseRequest) -> Result<Vec<OutboxId>, StoreError> {
        // The apps are found by jumping through the index from one to the next; then each gives the
        // message that is the $3rd in its own queue.
        const SQL: &str = "WITH RECURSIVE waiting (app_id) AS (\
             SELECT (SELECT q.app_id FROM outbox q WHERE q.channel = $1 AND q.state = 'queued' \
             ORDER BY q.app_id LIMIT 1) \
             UNION ALL SELECT (SELECT q.app_id FROM outbox q WHERE q.channel = $1 \
             AND q.state = 'queued' AND q.app_id > waiting.app_id ORDER BY q.app_id LIMIT 1) \
             FROM waiting WHERE waiting.app_id IS NOT NULL) \
             SELECT id FROM (SELECT waiting.app_id, (SELECT q.id FROM outbox q \
             WHERE q.channel = $1 AND q.state = 'queued' AND q.app_id = waiting.app_id \
             AND q.not_before <= $2 ORDER BY q.not_before, q.id LIMIT 1 OFFSET $3) AS id \
             FROM waiting) turn WHERE id IS NOT NULL \
             ORDER BY CASE WHEN app_id > $4 THEN 0 ELSE 1 END, app_id LIMIT $5";
        let mut turns: Vec<OutboxId> = Vec::new();
        for round in 0..request.limit {
            let taken = i64::try_from(turns.len()).unwrap_or(i64::MAX);
            let room = request.limit.saturating_sub(taken);
            let params = [
                request.channel.as_str().into(),
                request.now.into(),
                round.into(),
                request.after.into(),
                room.into(),
            ];
            let found = self.connection.query(SQL, &params)?;
            let done = found.is_empty() || i64::try_from(found.len()).is_ok_and(|n| n >= room);
            for mut row in found {
                turns.push(row.take()?);
            }
            if done {
                break;
            }
        }
        Ok(turns)
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
        to: &Handover,
    ) -> Result<bool, StoreError> {
        const SQL: &str = "UPDATE outbox SET state = 'sent', lease_owner = NULL, \
             sealed = CASE WHEN $6 THEN sealed END, last_error = NULL, finished_at = $3, \
             provider = $4, provider_ref = $5 \
             WHERE id = $1 AND lease_owner = $2 AND state = 'queued'";
        let params = [
            id.into(),
            node.into(),
            now.into(),
            (&to.provider).into(),
            to.provider_ref.as_deref().into(),
            to.keep.into(),
        ];
        Ok(self.connection.execute(SQL, &params)? == 1)
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
