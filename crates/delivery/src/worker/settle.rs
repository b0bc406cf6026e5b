//! Notes what became of a message, with its audit event in the same transaction.

use std::time::Duration;

use doorward_domain::audit::{Action, Actor, AuditEvent, Outcome, Target};
use doorward_domain::outbox::LeasedMessage;
use doorward_domain::random::below;
use doorward_domain::sms::{OUTCOME_SHARDS, SmsCounts};
use doorward_domain::stats::Counted;
use doorward_domain::{Code, EventId, ids};
use doorward_store::StoreError;
use doorward_store::platform::Handover;
use serde_json::json;

use super::attempt::{Attempted, Verdict};
use super::{Shared, metrics};

/// How often a note is tried, and the first wait between; together far below a lease.
const TRIES: u32 = 6;
const FIRST_WAIT: Duration = Duration::from_millis(100);

/// Longest reason kept, in characters.
const REASON_MAX: usize = 200;

impl Shared {
    /// Notes the verdict. When the database stays out of reach the lease runs out and the message
    /// is tried again: twice is better than never.
    pub(super) async fn settle(&self, leased: &LeasedMessage, attempted: Attempted) {
        let events: Vec<AuditEvent> = self
            .event(leased, &attempted)
            .into_iter()
            .chain(self.template_event(leased, &attempted))
            .collect();
        let mut wait = FIRST_WAIT;
        for left in (0..TRIES).rev() {
            match self.note(leased, &attempted, &events).await {
                Ok(true) => return self.report(leased, &attempted),
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
        attempted: &Attempted,
        events: &[AuditEvent],
    ) -> Result<bool, StoreError> {
        let (id, node, now) = (leased.message.id, self.node, self.clock.now());
        let (app_id, created_at) = (leased.message.app_id, leased.message.created_at);
        let (verdict, events) = (attempted.verdict.clone(), events.to_vec());
        let provider = attempted.provider.clone().unwrap_or_default();
        // That it surely did not arrive counts where its being sent was counted.
        let lost = matches!(verdict, Verdict::Failed { .. } | Verdict::Expired)
            .then(|| leased.message.sms_prefix.clone())
            .flatten();
        let shard = 1 + below(&*self.random, OUTCOME_SHARDS);
        self.store
            .write(move |tx| {
                let mut platform = tx.platform();
                let held = match &verdict {
                    Verdict::Sent(receipt, keep) => {
                        let to = Handover {
                            provider: provider.clone(),
                            provider_ref: receipt.provider_id.clone(),
                            keep: *keep,
                        };
                        platform.message_sent(id, node, now, &to)?
                    }
                    Verdict::Retry { not_before, reason } => {
                        platform.message_retry(id, node, *not_before, &cut(reason))?
                    }
                    Verdict::Failed { reason } => {
                        platform.message_failed(id, node, now, &cut(reason))?
                    }
                    Verdict::Expired | Verdict::Needless => {
                        platform.message_expired(id, node, now)?
                    }
                };
                for event in events.iter().filter(|_| held) {
                    platform.audit(event)?;
                }
                if let Some(prefix) = lost.as_deref().filter(|_| held) {
                    let mut scope = tx.app(app_id);
                    scope.count_sms_outcome(prefix, created_at, shard, SmsCounts::FAILED)?;
                }
                Ok(held)
            })
            .await
    }

    fn event(&self, leased: &LeasedMessage, attempted: &Attempted) -> Option<AuditEvent> {
        let message = &leased.message;
        let mut details = serde_json::Map::from_iter([
            ("channel".to_owned(), message.channel.as_str().into()),
            ("template".to_owned(), message.template.as_str().into()),
            ("attempt".to_owned(), leased.attempt.into()),
        ]);
        if let Some(provider) = &attempted.provider {
            details.insert("provider".to_owned(), provider.as_str().into());
        }
        if !attempted.before.is_empty() {
            let before = attempted.before.iter();
            let before: Vec<_> = before
                .map(|(provider, step)| json!({ "provider": provider, "step": step }))
                .collect();
            details.insert("failed_before".to_owned(), before.into());
        }
        let (action, outcome) = match &attempted.verdict {
            Verdict::Sent(..) => (Action::MessageSent, Outcome::Success),
            Verdict::Failed { reason } => {
                details.insert("error".to_owned(), cut(reason).into());
                (
                    Action::MessageFailed,
                    Outcome::Refused(Code::ServiceUnavailable),
                )
            }
            Verdict::Retry { .. } | Verdict::Expired | Verdict::Needless => return None,
        };
        Some(self.written(leased, action, outcome, details.into()))
    }

    /// That the app's own words failed. Of a message that is tried again it is said each time.
    fn template_event(&self, leased: &LeasedMessage, attempted: &Attempted) -> Option<AuditEvent> {
        let fault = attempted.template_fault.as_ref()?;
        let details = json!({
            "channel": leased.message.channel.as_str(),
            "template": fault.name,
            "line": fault.line,
            "error": fault.kind,
        });
        let outcome = Outcome::Refused(Code::ValidationError);
        Some(self.written(leased, Action::TemplateFailed, outcome, details))
    }

    fn written(
        &self,
        leased: &LeasedMessage,
        action: Action,
        outcome: Outcome,
        details: serde_json::Value,
    ) -> AuditEvent {
        let at = self.clock.now();
        AuditEvent {
            id: EventId::from_uuid(ids::uuid_v7(at, &*self.random)),
            at,
            app_id: Some(leased.message.app_id),
            actor: Actor::System,
            action,
            target: Some(Target::new("message", leased.message.id)),
            outcome,
            ip: None,
            user_agent: None,
            request_id: None,
            session_id: None,
            details: Some(details),
            personal: None,
        }
    }

    fn count(&self, leased: &LeasedMessage, kind: Counted) {
        let now = self.clock.now();
        self.counts.count(leased.message.app_id, now, kind);
    }

    fn report(&self, leased: &LeasedMessage, attempted: &Attempted) {
        let message = &leased.message;
        let (id, app_id, channel) = (message.id, message.app_id, message.channel);
        let (template, attempt) = (message.template.as_str(), leased.attempt);
        let provider = attempted.provider.as_deref();
        if let Some(fault) = &attempted.template_fault {
            metrics::template_failed(channel);
            tracing::warn!(message_id = %id, %app_id, ?channel, template, error = %fault, "an app's own words failed; the built-in ones were used");
        }
        match &attempted.verdict {
            Verdict::Sent(receipt, _) => {
                self.count(leased, Counted::accepted(channel));
                metrics::handed_over(channel, message.created_at, self.clock.now());
                let provider_id = receipt.provider_id.as_deref();
                tracing::info!(message_id = %id, %app_id, ?channel, template, attempt, provider, provider_id, "message sent");
            }
            Verdict::Retry { reason, .. } => {
                metrics::retried(channel);
                tracing::warn!(message_id = %id, %app_id, ?channel, template, attempt, provider, reason, "message will be tried again");
            }
            Verdict::Failed { reason } => {
                metrics::failed(channel);
                self.count(leased, Counted::undelivered(channel));
                tracing::error!(message_id = %id, %app_id, ?channel, template, attempt, provider, reason, "message given up");
            }
            Verdict::Needless => {
                tracing::info!(message_id = %id, %app_id, ?channel, template, attempt, "message not sent again: its code was used");
            }
            Verdict::Expired => {
                metrics::expired(channel);
                self.count(leased, Counted::undelivered(channel));
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
