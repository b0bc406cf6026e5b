//! One attempt at one message: open, render, send, and what follows from it.

use std::time::Duration;

use doorward_domain::outbox::LeasedMessage;
use doorward_domain::{Timestamp, time};

use super::Shared;
use crate::message::{Envelope, OutgoingMessage};
use crate::sender::{Receipt, SendError};

/// What becomes of a message after an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The provider has it.
    Sent(Receipt),
    /// Another attempt at this time.
    Retry {
        not_before: Timestamp,
        reason: String,
    },
    /// Given up.
    Failed { reason: String },
    /// Its content is dead.
    Expired,
}

impl Shared {
    /// Makes one attempt.
    pub(super) async fn attempt(&self, leased: &LeasedMessage) -> Verdict {
        if leased.message.expires_at <= self.clock.now() {
            return Verdict::Expired;
        }
        // Only a message whose attempts end without a verdict (a crash each time) gets here.
        if leased.attempt > self.options.max_attempts {
            return Verdict::Failed {
                reason: "every attempt was cut short".to_owned(),
            };
        }
        match self.send(leased).await {
            Ok(receipt) => Verdict::Sent(receipt),
            Err(error) => self.judge(leased, &error),
        }
    }

    async fn send(&self, leased: &LeasedMessage) -> Result<Receipt, SendError> {
        let outgoing = self.prepare(leased)?;
        tokio::time::timeout(self.options.send_timeout, self.sender.send(&outgoing))
            .await
            .unwrap_or_else(|_| Err(SendError::temporary("the sender took too long")))
    }

    fn prepare(&self, leased: &LeasedMessage) -> Result<OutgoingMessage, SendError> {
        let message = &leased.message;
        // A node that lacks the key, or is a version behind, leaves it to one that can read it.
        let envelope = Envelope::open(&self.keyring, message.app_id, message.id, &message.sealed)
            .map_err(|error| SendError::temporary(error.to_string()))?;
        let content = self
            .renderer
            .render(&*self.templates, message.app_id, &envelope)
            .map_err(|error| SendError::permanent(error.to_string()))?;
        Ok(OutgoingMessage {
            id: message.id,
            app_id: message.app_id,
            app_name: envelope.app_name,
            channel: message.channel,
            created_at: message.created_at,
            expires_at: message.expires_at,
            now: self.clock.now(),
            content,
        })
    }

    fn judge(&self, leased: &LeasedMessage, error: &SendError) -> Verdict {
        let reason = error.reason().to_owned();
        let SendError::Temporary { retry_after, .. } = error else {
            return Verdict::Failed { reason };
        };
        let wait = self
            .options
            .backoff
            .delay(leased.attempt, *retry_after, &*self.random);
        let not_before = plus(self.clock.now(), wait);
        // A further attempt would find the content dead: say now what went wrong.
        if leased.attempt >= self.options.max_attempts || not_before >= leased.message.expires_at {
            return Verdict::Failed { reason };
        }
        Verdict::Retry { not_before, reason }
    }
}

/// `at` plus a duration, in whole microseconds, saturating.
pub(super) fn plus(at: Timestamp, wait: Duration) -> Timestamp {
    jiff::SignedDuration::try_from(wait)
        .ok()
        .and_then(|wait| at.checked_add(wait).ok())
        .map_or(Timestamp::MAX, time::to_micros)
}
