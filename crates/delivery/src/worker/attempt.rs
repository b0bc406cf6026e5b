//! One attempt at one message: open, render, send, and what follows from it.

use std::time::Duration;

use doorward_domain::outbox::LeasedMessage;
use doorward_domain::{Timestamp, time};

use super::Shared;
use crate::apps::AppMessages;
use crate::message::{Envelope, OutgoingMessage};
use crate::provider::Carried;
use crate::sender::{Receipt, SendError, Step};
use crate::template::TemplateError;

/// What becomes of a message after an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The provider has it. Whether what it carries is kept, in case it does not arrive.
    Sent(Receipt, bool),
    /// Another attempt at this time.
    Retry {
        not_before: Timestamp,
        reason: String,
    },
    /// Given up.
    Failed { reason: String },
    /// Its content is dead.
    Expired,
    /// Its code was typed in: an attempt of before arrived.
    Needless,
}

/// An attempt, and what is to be said of it.
#[derive(Debug, Clone)]
pub(super) struct Attempted {
    pub(super) verdict: Verdict,
    /// The app's own provider that took it, or refused it last.
    pub(super) provider: Option<String>,
    /// Providers that failed before, and how far they came.
    pub(super) before: Vec<(String, Step)>,
    /// Why the app's own words were not used.
    pub(super) template_fault: Option<TemplateError>,
}

impl From<Verdict> for Attempted {
    fn from(verdict: Verdict) -> Self {
        Self {
            verdict,
            provider: None,
            before: Vec::new(),
            template_fault: None,
        }
    }
}

impl Shared {
    /// Makes one attempt.
    pub(super) async fn attempt(&self, leased: &LeasedMessage) -> Attempted {
        if leased.message.expires_at <= self.clock.now() {
            return Verdict::Expired.into();
        }
        if let Some(verdict) = self.of_no_use(leased).await {
            return verdict.into();
        }
        // Only a message whose attempts end without a verdict (a crash each time) gets here.
        if leased.attempt > self.options.max_attempts {
            return Verdict::Failed {
                reason: "every attempt was cut short".to_owned(),
            }
            .into();
        }
        match self.send(leased).await {
            Ok((carried, template_fault)) => Attempted {
                verdict: match carried.result {
                    Ok(receipt) => Verdict::Sent(receipt, carried.keep),
                    Err(error) => self.judge(leased, &error),
                },
                provider: carried.provider,
                before: carried.before,
                template_fault,
            },
            Err(error) => self.judge(leased, &error).into(),
        }
    }

    /// Why another attempt is of no use, if so: what was alive when the message was written, or was
    /// taken back from a provider, may have been used, locked or replaced while it waited.
    async fn of_no_use(&self, leased: &LeasedMessage) -> Option<Verdict> {
        let otp = leased
            .message
            .otp_request_id
            .filter(|_| leased.attempt > 1)?;
        let app = leased.message.app_id;
        let read = self.store.read(move |tx| tx.app(app).otp_standing(otp));
        match read.await {
            Ok(Some(otp)) if otp.standing.used => Some(Verdict::Needless),
            Ok(Some(otp)) if otp.standing.locked || otp.standing.voided => Some(Verdict::Expired),
            // Erased.
            Ok(None) => Some(Verdict::Expired),
            Ok(Some(_)) => None,
            // A code that comes in vain is better than none.
            Err(_) => None,
        }
    }

    async fn send(
        &self,
        leased: &LeasedMessage,
    ) -> Result<(Carried, Option<TemplateError>), SendError> {
        let app = self
            .apps
            .of(leased.message.app_id)
            .await
            .map_err(|_| SendError::temporary("the app's settings could not be read"))?;
        let (outgoing, fault) = self.prepare(leased, &app)?;
        let attempt = (leased.attempt, leased.tried.as_slice());
        let sending = app.send(&outgoing, attempt, &*self.sender);
        let carried = tokio::time::timeout(self.options.send_timeout, sending)
            .await
            .map_err(|_| SendError::temporary("the sender took too long"))?;
        Ok((carried, fault))
    }

    fn prepare(
        &self,
        leased: &LeasedMessage,
        app: &AppMessages,
    ) -> Result<(OutgoingMessage, Option<TemplateError>), SendError> {
        let message = &leased.message;
        // A node that lacks the key, or is a version behind, leaves it to one that can read it.
        let envelope = Envelope::open(&self.keyring, message.app_id, message.id, &message.sealed)
            .map_err(|error| SendError::temporary(error.to_string()))?;
        let (content, fault) = app
            .render(&self.renderer, message.app_id, &envelope)
            .map_err(|error| SendError::permanent(error.to_string()))?;
        let outgoing = OutgoingMessage {
            id: message.id,
            app_id: message.app_id,
            app_name: envelope.app_name,
            channel: message.channel,
            created_at: message.created_at,
            expires_at: message.expires_at,
            now: self.clock.now(),
            report_url: None,
            content,
        };
        Ok((outgoing, fault))
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
