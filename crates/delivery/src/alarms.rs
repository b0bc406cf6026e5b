//! Alarms on their way out: to an endpoint and to a mailbox that the deployment names.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_lc_rs::digest;
use doorward_domain::contact::{Channel, Contact};
use doorward_domain::time::{iso, plus_seconds};
use doorward_domain::{AppId, OutboxId, Timestamp};
use serde::Serialize;

use crate::message::{OutgoingMessage, Rendered};
use crate::provider::Breaker;
use crate::sender::{SendError, Sender, Step, WebhookSender};

/// Longest time to tell one destination of one alarm.
pub const TELLING: Duration = Duration::from_secs(30);

/// Mails in an hour, from this node: nobody reads more, and a mailbox that is flooded is turned off.
const MAILS_AN_HOUR: u32 = 60;

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

/// One of those who are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Destination {
    /// The endpoint.
    Webhook,
    /// The mailbox.
    Email,
}

impl Destination {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Webhook, Self::Email];

    /// As stored and as shown.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Email => "email",
        }
    }
}

/// Who is told of alarms.
#[derive(Default)]
pub struct Alarms {
    webhook: Option<WebhookSender>,
    mail: Option<(Contact, Arc<dyn Sender>)>,
    webhook_breaker: Breaker,
    mail_breaker: Breaker,
    mails: Mutex<Mails>,
}

/// Mails of this hour.
#[derive(Default)]
struct Mails {
    since: Option<Timestamp>,
    count: u32,
}

impl Alarms {
    /// An endpoint, which gets a signed `POST` for each alarm, as a webhook that carries messages; a
    /// mailbox, and who carries mail to it.
    #[must_use]
    pub fn new(webhook: Option<WebhookSender>, mail: Option<(Contact, Arc<dyn Sender>)>) -> Self {
        Self {
            webhook,
            mail,
            ..Self::default()
        }
    }

    /// Whether nobody is.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.webhook.is_none() && self.mail.is_none()
    }

    /// Whether this one is.
    #[must_use]
    pub const fn has(&self, destination: Destination) -> bool {
        match destination {
            Destination::Webhook => self.webhook.is_some(),
            Destination::Email => self.mail.is_some(),
        }
    }

    /// Tells one destination, within [`TELLING`]. One that keeps failing is left alone for a while.
    ///
    /// # Errors
    /// [`SendError`]: it is to be told later.
    pub async fn tell(
        &self,
        destination: Destination,
        notice: &Notice,
        now: Timestamp,
    ) -> Result<(), SendError> {
        let breaker = match destination {
            Destination::Webhook => &self.webhook_breaker,
            Destination::Email => &self.mail_breaker,
        };
        if let Some(wait) = breaker.wait(now) {
            return Err(SendError::Temporary {
                reason: "it keeps failing and is left alone for a while".into(),
                retry_after: Some(wait),
                step: Step::Connect,
            });
        }
        if destination == Destination::Email && !self.may_mail(now) {
            return Err(SendError::temporary("enough mail for this hour").at(Step::Settings));
        }
        let told = self.ask(destination, notice, now).await;
        match &told {
            Ok(()) => breaker.worked(),
            Err(_) => {
                breaker.failed(now);
            }
        }
        told
    }

    /// Tells one destination, whatever came of it before.
    ///
    /// # Errors
    /// [`SendError`].
    pub async fn ask(
        &self,
        destination: Destination,
        notice: &Notice,
        now: Timestamp,
    ) -> Result<(), SendError> {
        let asking = async {
            match destination {
                Destination::Webhook => self.post(notice, now).await,
                Destination::Email => self.mail(notice, now).await,
            }
        };
        tokio::time::timeout(TELLING, asking)
            .await
            .unwrap_or_else(|_| Err(SendError::temporary("it took too long")))
    }

    async fn post(&self, notice: &Notice, now: Timestamp) -> Result<(), SendError> {
        let Some(webhook) = &self.webhook else {
            return Err(nobody());
        };
        let body = serde_json::to_vec(notice)
            .map_err(|_| SendError::permanent("the alarm could not be written"))?;
        webhook.deliver(&notice.id, now, body).await.map(drop)
    }

    async fn mail(&self, notice: &Notice, now: Timestamp) -> Result<(), SendError> {
        let Some((to, sender)) = &self.mail else {
            return Err(nobody());
        };
        sender.send(&mail(notice, to, now)).await.map(drop)
    }

    fn may_mail(&self, now: Timestamp) -> bool {
        let mut mails = self.mails.lock().unwrap_or_else(PoisonError::into_inner);
        if mails
            .since
            .is_none_or(|since| plus_seconds(since, 3_600) <= now)
        {
            *mails = Mails {
                since: Some(now),
                count: 0,
            };
        }
        let may = mails.count < MAILS_AN_HOUR;
        mails.count = mails.count.saturating_add(1);
        may
    }
}

fn nobody() -> SendError {
    SendError::permanent("nobody is named").at(Step::Settings)
}

/// The mail's name: the same on every attempt, by which a mailbox knows a repetition.
fn mail_id(notice: &Notice) -> OutboxId {
    let hash = digest::digest(&digest::SHA256, notice.id.as_bytes());
    let mut bytes = [0; 16];
    for (byte, hashed) in bytes.iter_mut().zip(hash.as_ref()) {
        *byte = *hashed;
    }
    OutboxId::from_uuid(uuid::Builder::from_custom_bytes(bytes).into_uuid())
}

fn mail(notice: &Notice, to: &Contact, now: Timestamp) -> OutgoingMessage {
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
        id: mail_id(notice),
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

#[cfg(test)]
mod tests {
    use doorward_domain::contact::EmailAddress;

    use super::*;
    use crate::sender::Capture;

    fn alarms(outbox: &Arc<Capture>) -> Alarms {
        let to = Contact::Email(EmailAddress::parse("ops@example.com").unwrap());
        Alarms::new(None, Some((to, Arc::clone(outbox) as Arc<dyn Sender>)))
    }

    #[test]
    fn a_repetition_has_the_same_name() {
        let now = Timestamp::UNIX_EPOCH;
        let notice = |id: u128| Notice::test(OutboxId::from_uuid(uuid::Uuid::from_u128(id)), now);
        assert_eq!(mail_id(&notice(1)), mail_id(&notice(1)));
        assert_ne!(mail_id(&notice(1)), mail_id(&notice(2)));
    }

    #[tokio::test]
    async fn a_mailbox_is_not_flooded() {
        let outbox = Arc::new(Capture::new());
        let alarms = alarms(&outbox);
        let at = |seconds| plus_seconds(Timestamp::UNIX_EPOCH, seconds);
        let tell = async |number: u32, now| {
            let notice = Notice {
                id: number.to_string(),
                ..Notice::test(OutboxId::from_uuid(uuid::Uuid::nil()), now)
            };
            alarms.tell(Destination::Email, &notice, now).await.is_ok()
        };
        for number in 0..MAILS_AN_HOUR {
            assert!(tell(number, at(0)).await);
        }
        assert!(!tell(99, at(1)).await);
        assert!(!tell(99, at(3_599)).await);
        assert!(tell(99, at(3_600)).await, "it waits, it is not lost");
    }
}
