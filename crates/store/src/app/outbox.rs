//! Messages of an app, written in the transaction that creates what they carry.

use doorward_domain::outbox::{OutboxMessage, OutboxState, Reported};
use doorward_domain::{OtpRequestId, OutboxId, Timestamp};

use super::{AppRead, AppWrite};
use crate::error::StoreError;
use crate::value::Row;

/// What a provider reported about a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Which: the app's own; empty for the deployment's sender.
    pub provider: String,
    /// The provider's name for the message, where the report must be about exactly this one.
    pub provider_ref: Option<String>,
    /// What became of it.
    pub what: Reported,
    /// Why it did not arrive.
    pub reason: Option<String>,
    /// Now.
    pub at: Timestamp,
}

/// A message as it stands when a provider reports about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageStanding {
    /// Its state.
    pub state: OutboxState,
    /// Whether a worker holds it, or held it when it died.
    pub leased: bool,
    /// When it is due; of a message that a worker holds, the end of its lease.
    pub not_before: Timestamp,
    /// Who has it; empty for the deployment's sender.
    pub provider: Option<String>,
    /// That provider's name for it.
    pub provider_ref: Option<String>,
    /// What was reported before.
    pub reported: Option<Reported>,
    /// Providers that had it before.
    pub tried: Vec<String>,
    /// Attempts made.
    pub attempts: u32,
    /// Whether what it carries is still there.
    pub kept: bool,
    /// The code it carries.
    pub otp_request_id: Option<OtpRequestId>,
    /// What an SMS is counted under.
    pub sms_prefix: Option<String>,
    /// Name of the template.
    pub template: String,
    /// When it was written.
    pub created_at: Timestamp,
    /// When it is worthless.
    pub expires_at: Timestamp,
}

/// The providers in the column `tried`.
pub(crate) fn tried(text: Option<String>) -> Vec<String> {
    text.map(|text| text.split(',').map(str::to_owned).collect())
        .unwrap_or_default()
}

fn standing(mut row: Row) -> Result<MessageStanding, StoreError> {
    Ok(MessageStanding {
        state: OutboxState::from_stored(&row.take::<String>()?)
            .ok_or_else(|| StoreError::decode("an unknown state"))?,
        leased: row.take()?,
        not_before: row.take()?,
        provider: row.take()?,
        provider_ref: row.take()?,
        reported: row
            .take::<Option<String>>()?
            .and_then(|text| Reported::from_stored(&text)),
        tried: tried(row.take()?),
        attempts: row.take()?,
        kept: row.take()?,
        otp_request_id: row.take()?,
        sms_prefix: row.take()?,
        template: row.take()?,
        created_at: row.take()?,
        expires_at: row.take()?,
    })
}

impl AppRead<'_> {
    /// How a message stands.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn message_standing(
        &mut self,
        id: OutboxId,
    ) -> Result<Option<MessageStanding>, StoreError> {
        const SQL: &str = "SELECT state, lease_owner IS NOT NULL, not_before, provider, \
             provider_ref, reported, tried, attempts, sealed IS NOT NULL, otp_request_id, sms_prefix, template, created_at, \
             expires_at FROM outbox WHERE app_id = $1 AND id = $2";
        let params = [self.app_id.into(), id.into()];
        let rows = self.connection.query(SQL, &params)?;
        rows.into_iter().next().map(standing).transpose()
    }
}

impl AppWrite<'_> {
    /// Writes a message. A suppressed one is never sent: it only makes a decoy cost what a real
    /// message costs.
    ///
    /// # Errors
    /// [`StoreError::Internal`] when the message names another app.
    pub fn enqueue(&mut self, message: &OutboxMessage, suppressed: bool) -> Result<(), StoreError> {
        const SQL: &str = "INSERT INTO outbox (app_id, id, channel, template, sealed, state, \
             attempts, not_before, created_at, expires_at, contact_ref, user_id, otp_request_id, \
             sms_prefix) VALUES ($1, $2, $3, $4, $5, $6, 0, $7, $7, $8, $9, $10, $11, $12)";
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
                message.user_id.into(),
                message.otp_request_id.into(),
                message.sms_prefix.as_deref().into(),
            ],
        )
    }

    /// Notes what the provider that has a message reported about it, and forgets what it carried.
    /// One statement: the first report counts, of any number. `false` when there was one before, or
    /// another provider has the message (under another name, where `provider_ref` says one).
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn note_report(&mut self, id: OutboxId, report: &Report) -> Result<bool, StoreError> {
        const SQL: &str = "UPDATE outbox SET reported = $5, reported_at = $6, last_error = $7, \
             sealed = NULL WHERE app_id = $1 AND id = $2 AND provider = $3 AND state = 'sent' \
             AND reported IS NULL AND (provider_ref IS NULL OR provider_ref = COALESCE($4, provider_ref))";
        let params = [
            self.app_id.into(),
            id.into(),
            (&report.provider).into(),
            report.provider_ref.as_deref().into(),
            report.what.as_str().into(),
            report.at.into(),
            report.reason.as_deref().into(),
        ];
        Ok(self.connection.execute(SQL, &params)? == 1)
    }

    /// Notes that a message arrived that waits for another attempt, because we never got the provider's
    /// answer to one of before: it is sent, by this provider, and not sent once more. One statement;
    /// `false` when a worker holds it, it waits no more, or others than these have it behind them
    /// (`tried`).
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn note_arrival(
        &mut self,
        id: OutboxId,
        report: &Report,
        tried: &[String],
    ) -> Result<bool, StoreError> {
        const SQL: &str = "UPDATE outbox SET state = 'sent', sealed = NULL, lease_owner = NULL, \
             last_error = NULL, finished_at = $5, provider = $3, provider_ref = $4, \
             reported = 'delivered', reported_at = $5 \
             WHERE app_id = $1 AND id = $2 AND state = 'queued' AND attempts > 0 \
             AND (lease_owner IS NULL OR not_before <= $5) AND COALESCE(tried, '') = $6";
        let tried = tried.join(",");
        let params = [
            self.app_id.into(),
            id.into(),
            (&report.provider).into(),
            report.provider_ref.as_deref().into(),
            report.at.into(),
            (&tried).into(),
        ];
        Ok(self.connection.execute(SQL, &params)? == 1)
    }

    /// Takes a message back from the provider that reported that it did not arrive: it is due again,
    /// for another one. One statement, as [`AppWrite::note_report`]; also `false` when what it
    /// carried is gone, its code is used, void, locked or dead, or `max_attempts` were made.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn resend_message(
        &mut self,
        id: OutboxId,
        report: &Report,
        max_attempts: u32,
    ) -> Result<bool, StoreError> {
        const SQL: &str = "UPDATE outbox SET state = 'queued', not_before = $5, lease_owner = NULL, \
             last_error = $6, finished_at = NULL, provider = NULL, provider_ref = NULL, \
             tried = CASE WHEN tried IS NULL THEN $3 ELSE tried || ',' || $3 END \
             WHERE app_id = $1 AND id = $2 AND provider = $3 AND state = 'sent' \
             AND reported IS NULL AND (provider_ref IS NULL OR provider_ref = COALESCE($4, provider_ref)) \
             AND sealed IS NOT NULL AND expires_at > $5 AND attempts < $7 AND EXISTS \
             (SELECT 1 FROM otp_requests o WHERE o.app_id = $1 AND o.id = outbox.otp_request_id \
             AND o.used_at IS NULL AND o.voided_at IS NULL AND o.locked_at IS NULL \
             AND o.expires_at > $5)";
        let params = [
            self.app_id.into(),
            id.into(),
            (&report.provider).into(),
            report.provider_ref.as_deref().into(),
            report.at.into(),
            report.reason.as_deref().into(),
            max_attempts.into(),
        ];
        Ok(self.connection.execute(SQL, &params)? == 1)
    }
}
