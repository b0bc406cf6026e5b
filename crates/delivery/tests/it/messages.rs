//! Messages to send.

use doorward_delivery::message::{OutgoingMessage, Rendered};
use doorward_domain::contact::{Channel, Contact};
use doorward_domain::secret::SecretText;
use doorward_domain::{AppId, Clock, OsRandom, OutboxId, SystemClock, Timestamp, time};

/// When the messages of these tests are sent.
pub(crate) fn now() -> Timestamp {
    "2026-03-04T05:06:07Z".parse().unwrap()
}

pub(crate) fn app_id() -> AppId {
    AppId::from_uuid(uuid::Uuid::from_u128(7))
}

/// A new id.
pub(crate) fn outbox_id() -> OutboxId {
    OutboxId::generate(&SystemClock as &dyn Clock, &OsRandom)
}

/// A message to an address (e-mail with subject and HTML) or a number (SMS).
pub(crate) fn message(to: &str) -> OutgoingMessage {
    let channel = if to.starts_with('+') {
        Channel::Sms
    } else {
        Channel::Email
    };
    let email = channel == Channel::Email;
    OutgoingMessage {
        id: outbox_id(),
        app_id: app_id(),
        app_name: "My shop".to_owned(),
        channel,
        created_at: time::plus_seconds(now(), -2),
        expires_at: time::plus_seconds(now(), 300),
        now: now(),
        report_url: None,
        content: Rendered {
            to: Contact::from_stored(channel, to).unwrap(),
            subject: email.then(|| "Your code".to_owned()),
            text: "204060 is your code.\n".to_owned(),
            html: email.then(|| "<p>204060 is your code.</p>\n".to_owned()),
            code: Some(SecretText::new("204060")),
            link: None,
        },
    }
}
