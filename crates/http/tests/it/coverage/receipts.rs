//! A report about a message of an app that nothing else here is about.

use aws_lc_rs::hmac;
use doorward_crypto::MessageRef;
use doorward_domain::contact::Channel;
use doorward_domain::outbox::OutboxMessage;
use doorward_domain::secret::hex;
use doorward_domain::time::plus_seconds;
use doorward_domain::{NodeId, OutboxId};
use doorward_service::messages;
use doorward_store::StoreError;
use doorward_store::platform::{Handover, LeaseRequest};
use doorward_testkit::platform::Platform;
use serde_json::json;

use crate::front::{Ask, post};

const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// A message that a webhook has; gives the report that it arrived.
pub(super) async fn seed(platform: &Platform) -> Ask {
    let app = platform.app("app-c").await.id;
    let core = &platform.core;
    let hook = json!({"id": "hook", "kind": "webhook", "url": "https://hook.example.com/", "secret": SECRET});
    let providers = messages::parse_providers(Channel::Sms, vec![hook]).unwrap();
    messages::set_delivery(
        core,
        &platform.operator(),
        app,
        Channel::Sms,
        providers,
        None,
    )
    .await
    .unwrap();
    let now = platform.context().now();
    let id = OutboxId::generate(&*core.clock, &*core.random);
    let written = core.store.write(move |tx| {
        let message = OutboxMessage {
            id,
            app_id: app,
            channel: Channel::Sms,
            template: "otp/LOGIN".to_owned(),
            sealed: vec![0],
            contact_ref: None,
            user_id: None,
            otp_request_id: None,
            sms_prefix: None,
            created_at: now,
            expires_at: plus_seconds(now, 300),
        };
        tx.app(app).enqueue(&message, false)?;
        let node = NodeId::from_uuid(id.as_uuid());
        let request = LeaseRequest {
            channel: Channel::Sms,
            node,
            now,
            until: plus_seconds(now, 90),
            after: None,
            limit: 100,
        };
        let to = Handover {
            provider: "hook".to_owned(),
            provider_ref: None,
            keep: false,
        };
        let mut platform = tx.platform();
        platform.lease_messages(&request)?;
        let sent: Result<bool, StoreError> = platform.message_sent(id, node, now, &to);
        sent
    });
    assert!(written.await.unwrap());
    let of = MessageRef {
        message: id,
        channel: Channel::Sms,
        provider: "hook".to_owned(),
    };
    let reference = core.keyring.message_reference(app, &of);
    let body = json!({"id": id, "status": "delivered"});
    // The clock moves a second with each case.
    let at = now.as_second() + 200;
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
    let mac = hmac::sign(&key, format!("{at}.{body}").as_bytes());
    post(format!("/apps/{app}/delivery/receipts/{reference}"), body)
        .header("doorward-timestamp", at.to_string())
        .header("doorward-signature", format!("v1={}", hex(mac.as_ref())))
}
