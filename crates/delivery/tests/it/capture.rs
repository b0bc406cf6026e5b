//! The capture of `doorward dev`, and the choice of a sender by channel.

use std::sync::Arc;

use doorward_delivery::sender::{Capture, Router, SendError, Sender, Step};
use doorward_domain::AppId;
use doorward_domain::contact::Channel;

use crate::messages::{app_id, message};

#[tokio::test]
async fn newest_first_with_the_documented_fields() {
    let capture = Capture::new();
    let first = message("ada@example.com");
    capture.send(&first).await.unwrap();
    capture.send(&message("+14155552671")).await.unwrap();

    let list = serde_json::to_value(capture.list(None, None)).unwrap();
    assert_eq!(list[0]["to"], "+14155552671");
    assert_eq!(
        list[1],
        serde_json::json!({
            "id": first.id, "app_id": first.app_id, "channel": "email", "to": "ada@example.com",
            "subject": "Your code", "text": "204060 is your code.\n",
            "html": "<p>204060 is your code.</p>\n", "code": "204060", "link": null,
            "created_at": "2026-03-04T05:06:05.000Z",
        })
    );
}

#[tokio::test]
async fn filters_by_recipient_and_app() {
    let capture = Capture::new();
    let mut other = message("ada@example.com");
    other.app_id = AppId::from_uuid(uuid::Uuid::from_u128(8));
    for message in [
        message("ada@example.com"),
        message("bob@example.com"),
        other.clone(),
    ] {
        capture.send(&message).await.unwrap();
    }
    assert_eq!(capture.list(Some("Ada@example.com"), None).len(), 2);
    assert_eq!(capture.list(None, Some(app_id())).len(), 2);
    let both = capture.list(Some("ada@example.com"), Some(other.app_id));
    assert!(both.len() == 1 && both[0].id == other.id);
    assert!(capture.list(Some("nobody@example.com"), None).is_empty());
}

#[tokio::test]
async fn keeps_the_newest_and_each_once() {
    let capture = Capture::new();
    let oldest = message("ada@example.com");
    capture.send(&oldest).await.unwrap();
    let second = message("bob@example.com");
    capture.send(&second).await.unwrap();
    capture.send(&second).await.unwrap();
    assert_eq!(capture.list(None, None).len(), 2);
    for _ in 1..Capture::CAPACITY {
        capture.send(&message("+14155552671")).await.unwrap();
    }
    let kept = capture.list(None, None);
    assert_eq!(kept.len(), Capture::CAPACITY);
    assert!(kept.iter().all(|message| message.id != oldest.id));
    assert!(kept.last().unwrap().id == second.id);
}

#[tokio::test]
async fn a_channel_without_sender_fails_for_good() {
    let capture = Arc::new(Capture::new());
    let router = Router::new().with(Channel::Email, capture.clone());
    assert!(router.serves(Channel::Email) && !router.serves(Channel::Sms));
    router.send(&message("ada@example.com")).await.unwrap();
    assert_eq!(capture.list(None, None).len(), 1);
    let error = router.send(&message("+14155552671")).await.unwrap_err();
    assert_eq!(
        error,
        SendError::permanent("no sender is configured for sms").at(Step::Settings)
    );
}
