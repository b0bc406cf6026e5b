//! Messages of an app, written in the transaction that creates what they carry.

use doorward_domain::outbox::{OutboxMessage, OutboxState};

use super::AppWrite;
use crate::error::StoreError;

impl AppWrite<'_> {
    /// Writes a message. A suppressed one is never sent: it only makes a decoy cost what a real
    /// message costs.
    ///
    /// # Errors
    /// [`StoreError::Internal`] when the message names another app.
    pub fn enqueue(&mut self, message: &OutboxMessage, suppressed: bool) -> Result<(), StoreError> {
        const SQL: &str = "INSERT INTO outbox (app_id, id, channel, template, sealed, state, \
             attempts, not_before, created_at, expires_at, contact_ref) \
             VALUES ($1, $2, $3, $4, $5, $6, 0, $7, $7, $8, $9)";
        if message.app_id != self.app_id {
            return Err(StoreError::Internal("a message of another app".to_owned()));
        }
        let state = if suppressed {
            OutboxState::Suppressed
        } else {
            OutboxState::Queued
        };
        self.connection.defer(
            SQL,
            &[
                message.app_id.into(),
                message.id.into(),
                message.channel.as_str().into(),
                (&message.template).into(),
                (&message.sealed).into(),
                state.as_str().into(),
                message.created_at.into(),
                message.expires_at.into(),
                message.contact_ref.as_ref().into(),
            ],
        )
    }
}
