//! Alarms on their way out: to an endpoint and to a mailbox that the deployment names.

use std::sync::Arc;

use doorward_domain::contact::{Channel, Contact};
use doorward_domain::time::{iso, plus_seconds};
use doorward_domain::{AppId, OutboxId, Timestamp};
use serde::Serialize;

use crate::message::{OutgoingMessage, Rendered};
use crate::sender::{SendError, Sender, WebhookSender};

/// What is told.
#[derive(Debug, Clone, Serialize)]
pub struct Notice {
    /// The same on every attempt: also the `Idempotency-Key`.
    pub id: String,
    /// What about: `day_budget`, `month_budget`, `pumping` or `test`.
    pub kind: &'static str,
    /// Whose text messages.
    pub app_id: Option<AppId>,
    /// That app's slug.
    pub app_slug: Option<String>,
    /// Numbers that begin so; empty for the whole app.
    pub prefix: String,
    /// When it was raised.
    pub raised_at: String,
    /// Until when it holds.
    pub until: Option<String>,
    /// Whether nothing is sent there until then.
    pub stops: bool,
}

/// Who is told of alarms.
#[derive(Default)]
pub struct Alarms {
    /// An endpoint, which gets a signed `POST` for each, as a webhook that carries messages.
    pub webhook: Option<WebhookSender>,
    /// A mailbox, and who carries mail to it.
    pub mail: Option<(Contact, Arc<dyn Sender>)>,
}

impl Alarms {
    /// Whether nobody is.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.webhook.is_none() && self.mail.is_none()
    }

    /// Tells everybody. Gives what came of each: `webhook`, `email`.
    pub async fn tell(
        &self,
        notice: &Notice,
        mail_id: OutboxId,
        now: Timestamp,
    ) -> Vec<(&'static str, Result<(), SendError>)> {
        let mut told = Vec::new();
        if let Some(webhook) = &self.webhook {
            let result = match serde_json::to_vec(notice) {
                Ok(body) => webhook.deliver(&notice.id, now, body).await.map(drop),
                Err(_) => Err(SendError::permanent("the alarm could not be written")),
            };
            told.push(("webhook", result));
        }
        if let Some((to, sender)) = &self.mail {
            let message = mail(notice, to, mail_id, now);
            told.push(("email", sender.send(&message).await.map(drop)));
        }
        told
    }
}

fn mail(notice: &Notice, to: &Contact, id: OutboxId, now: Timestamp) -> OutgoingMessage {
    let app = notice.app_slug.as_deref().unwrap_or("no app");
    let mut text = format!(
        "Doorward raised an alarm about text messages.\n\nKind: {}\nApp: {app}\nRaised at: {}\n",
        notice.kind, notice.raised_at
    );
    for (name, value) in [
        (
            "Numbers that begin with",
            Some(&notice.prefix).filter(|prefix| !prefix.is_empty()),
        ),
        ("Holds until", notice.until.as_ref()),
    ] {
        if let Some(value) = value {
            text.push_str(&format!("{name}: {value}\n"));
        }
    }
    if notice.stops {
        text.push_str("Nothing is sent there until then.\n");
    }
    text.push_str("\nLook at: doorward delivery usage --app ");
    text.push_str(app);
    text.push('\n');
    OutgoingMessage {
        id,
        app_id: notice.app_id.unwrap_or(AppId::from_uuid(uuid::Uuid::nil())),
        app_name: "Doorward".to_owned(),
        channel: Channel::Email,
        created_at: now,
        expires_at: plus_seconds(now, 600),
        now,
        report_url: None,
        content: Rendered {
            to: to.clone(),
            subject: Some(format!("Alarm: {} ({app})", notice.kind)),
            text,
            html: None,
            code: None,
            link: None,
        },
    }
}

impl Notice {
    /// One that means nothing.
    #[must_use]
    pub fn test(id: OutboxId, now: Timestamp) -> Self {
        Self {
            id: id.to_string(),
            kind: "test",
            app_id: None,
            app_slug: None,
            prefix: String::new(),
            raised_at: iso(now),
            until: None,
            stops: false,
        }
    }
}
