//! Notes what became of a message, with its audit event in the same transaction.

use std::time::Duration;

use doorward_domain::audit::{Action, Actor, AuditEvent, Outcome, Target};
use doorward_domain::outbox::LeasedMessage;
use doorward_domain::{Code, EventId, ids};
use doorward_store::StoreError;
use serde_json::json;

use super::attempt::Verdict;
use super::{Shared, metrics};

/// How often a note is tried, and the first wait between; together far below a lease.
const TRIES: u32 = 6;
const FIRST_WAIT: Duration = Duration::from_millis(100);

/// Longest reason kept, in characters.
const REASON_MAX: usize = 200;

impl Shared {
    /// Notes the verdict. When the database stays out of reach the lease runs out and the message
    /// is tried again: twice is better than never.
    pub(super) async fn settle(&self, leased: &LeasedMessage, verdict: Verdict) {
        let event = self.event(leased, &verdict);
        let mut wait = FIRST_WAIT;
        for left in (0..TRIES).rev() {
            match self.note(leased, &verdict, event.as_ref()).await {
                Ok(true) => return self.report(leased, &verdict),
                Ok(false) => {
                    tracing::warn!(message_id = %leased.message.id, "message lost its lease");
                    return;
                }
                Err(error) if left > 0 && is_passing(&error) => {
                    tokio::time::sleep(wait).await;
                    wait *= 2;
                }
                Err(error) => {
                    tracing::error!(message_id = %leased.message.id, %error, "message not noted");
                    return;
                }
            }
        }
    }

    async fn note(
        &self,
        leased: &LeasedMessage,
        verdict: &Verdict,
        event: Option<&AuditEvent>,
    ) -> Result<bool, StoreError> {
        let (id, node, now) = (leased.message.id, self.node, self.clock.now());
        let (verdict, event) = (verdict.clone(), event.cloned());
        self.store
            .write(move |tx| {
                let mut platform = tx.platform();
                let held = match &verdict {
                    Verdict::Sent(_) => platform.message_sent(id, node, now)?,
                    Verdict::Retry { not_before, reason } => {
                        platform.message_retry(id, node, *not_before, &cut(reason))?
                    }
                    Verdict::Failed { reason } => {
                        platform.message_failed(id, node, now, &cut(reason))?
                    }
                    Verdict::Expired => platform.message_expired(id, node, now)?,
                };
                if let (true, Some(event)) = (held, &event) {
                    platform.audit(event)?;
                }
                Ok(held)
            })
            .await
    }

    fn event(&self, leased: &LeasedMessage, verdict: &Verdict) -> Option<AuditEvent> {
        let message = &leased.message;
        let mut details = json!({
            "channel": message.channel.as_str(),
            "template": message.template,
            "attempt": leased.attempt,
        });
        let (action, outcome) = match verdict {
            Verdict::Sent(_) => (Action::MessageSent, Outcome::Success),
            Verdict::Failed { reason } => {
                if let Some(details) = details.as_object_mut() {
                    details.insert("error".to_owned(), cut(reason).into());
                }
                (
                    Action::MessageFailed,
                    Outcome::Refused(Code::ServiceUnavailable),
                )
            }
            Verdict::Retry { .. } | Verdict::Expired => return None,
        };
        let at = self.clock.now();
        Some(AuditEvent {
            id: EventId::from_uuid(ids::uuid_v7(at, &*self.random)),
            at,
            app_id: Some(message.app_id),
            actor: Actor::System,
            action,
            target: Some(Target::new("message", message.id)),
            outcome,
            ip: None,
            user_agent: None,
            request_id: None,
            session_id: None,
            details: Some(details),
            personal: None,
        })
    }

    fn report(&self, leased: &LeasedMessage, verdict: &Verdict) {
        let message = &leased.message;
        let (id, app_id, channel) = (message.id, message.app_id, message.channel);
        let (template, attempt) = (message.template.as_str(), leased.attempt);
        match verdict {
            Verdict::Sent(receipt) => {
                let delay = self
                    .clock
                    .now()
                    .duration_since(message.created_at)
                    .as_secs_f64();
                metrics::sent(channel, delay.max(0.0));
                let provider_id = receipt.provider_id.as_deref();
                tracing::info!(message_id = %id, %app_id, ?channel, template, attempt, provider_id, "message sent");
            }
            Verdict::Retry { reason, .. } => {
                metrics::retried(channel);
                tracing::warn!(message_id = %id, %app_id, ?channel, template, attempt, reason, "message will be tried again");
            }
            Verdict::Failed { reason } => {
                metrics::failed(channel);
                tracing::error!(message_id = %id, %app_id, ?channel, template, attempt, reason, "message given up");
            }
            Verdict::Expired => {
                metrics::expired(channel);
                tracing::warn!(message_id = %id, %app_id, ?channel, template, attempt, "message expired before it was sent");
            }
        }
    }
}

fn cut(reason: &str) -> String {
    reason.chars().take(REASON_MAX).collect()
}

/// Whether the database may take the note a moment later.
const fn is_passing(error: &StoreError) -> bool {
    matches!(
        error,
        StoreError::Unavailable { .. } | StoreError::Busy | StoreError::Contention
    )
}
