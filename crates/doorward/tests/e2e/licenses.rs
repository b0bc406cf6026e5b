//! The pre-launch scenarios P9 and P10 of the Auth Engine's checklist, and the rest of calls 10–15,
//! as one story through the front door of a running server.

use doorward_testkit::database::Engine;
use serde_json::{Value, json};

use crate::support::{Answer, App, Server, on};

struct Shop {
    server: Server,
    app: App,
}

impl Shop {
    async fn call(&self, path: &str, body: Value) -> Answer {
        self.server.call(&self.app, path, body).await
    }

    async fn refused(&self, path: &str, body: Value) -> (u16, String) {
        let answer = self.call(path, body).await;
        (answer.status, answer.code().to_owned())
    }
}

async fn story(server: Server) {
    let app = server.create_app("shop");
    let shop = Shop { server, app };
    let (one, two) = (
        "11111111-2222-4333-8444-555555555555",
        "99999999-8888-4777-8666-555555555555",
    );

    let made = shop
        .call("/license/generate", json!({"max_activations": 1}))
        .await;
    assert_eq!(made.status, 201, "{made:?}");
    let key = made.text("license_key");
    let keys: Vec<_> = made.body.as_object().unwrap().keys().cloned().collect();
    assert_eq!(
        keys,
        ["expires_at", "license_id", "license_key", "max_activations"]
    );
    let on_device = |device: &str| json!({"license_key": key, "device_id": device});

    // P10: verified on a device that was never activated.
    let never = shop.refused("/license/verify", on_device(one)).await;
    assert_eq!(never, (403, "LICENSE_NOT_ACTIVATED".to_owned()));
    // P9: two devices on one slot.
    let first = shop.call("/license/activate", on_device(one)).await;
    assert_eq!(first.status, 201, "{first:?}");
    assert_eq!(first.body["already_activated"], false);
    let second = shop.refused("/license/activate", on_device(two)).await;
    assert_eq!(second, (403, "LICENSE_MAX_ACTIVATIONS".to_owned()));
    let again = shop.call("/license/activate", on_device(one)).await;
    assert_eq!(
        (again.status, &again.body["already_activated"]),
        (200, &json!(true))
    );
    assert_eq!(again.text("activation_id"), first.text("activation_id"));
    let verified = shop.call("/license/verify", on_device(one)).await;
    assert_eq!(
        (verified.status, &verified.body["valid"]),
        (200, &json!(true))
    );

    // A hundred devices at once, five slots.
    let many = shop
        .call("/license/generate", json!({"max_activations": 5}))
        .await;
    let many = many.text("license_key");
    let racing = (0..100).map(|device| {
        let body = json!({"license_key": many, "device_id": format!("device-{device}")});
        let (server, app) = (shop.server.shallow(), shop.app.clone());
        tokio::spawn(async move { server.call(&app, "/license/activate", body).await })
    });
    let racing: Vec<_> = racing.collect();
    let (mut won, mut full) = (0, 0);
    for racer in racing {
        let answer = racer.await.unwrap();
        match (answer.status, answer.code()) {
            (201, _) => won += 1,
            (403, "LICENSE_MAX_ACTIVATIONS") => full += 1,
            _ => panic!("{answer:?}"),
        }
    }
    assert_eq!((won, full), (5, 95));

    // Deactivated: the slot is free. Deactivated again: there is nothing.
    let id = json!({"activation_id": first.text("activation_id")});
    let done = shop.call("/license/deactivate", id.clone()).await;
    assert_eq!((done.status, &done.body), (200, &json!({"success": true})));
    let gone = shop.refused("/license/deactivate", id).await;
    assert_eq!(gone, (404, "LICENSE_NOT_ACTIVATED".to_owned()));
    assert_eq!(
        shop.call("/license/activate", on_device(two)).await.status,
        201
    );

    // Another app's key is as unknown as one that nobody has, to the letter.
    let other = shop.server.create_app("other");
    let foreign = shop
        .server
        .call(&other, "/license/activate", on_device(two))
        .await;
    assert_eq!((foreign.status, foreign.code()), (404, "LICENSE_NOT_FOUND"));
    let typo = json!({"license_key": "SHOP-0000-0000-0000-0000", "device_id": one});
    let typo = shop.refused("/license/activate", typo).await;
    assert_eq!(typo, (400, "LICENSE_INVALID".to_owned()));

    // Expired, renewed, revoked.
    let state = async |state: &str| {
        let shown = shop
            .call("/license/status", json!({"license_key": key}))
            .await;
        assert_eq!(shown.text("state"), state);
    };
    state("full").await;
    let soon = json!({"license_key": key, "expires_at": "2999-01-01T00:00:00Z"});
    assert_eq!(shop.call("/license/update", soon).await.status, 200);
    shop.server.advance(3_601).await;
    let verified = shop.call("/license/verify", on_device(two)).await;
    assert_eq!(verified.text("expires_at"), "2999-01-01T00:00:00.000Z");
    let revoke = json!({"license_key": key, "reason": "refunded"});
    assert_eq!(
        shop.call("/license/revoke", revoke.clone()).await.status,
        200
    );
    let twice = shop.refused("/license/revoke", revoke).await;
    assert_eq!(twice, (409, "LICENSE_ALREADY_REVOKED".to_owned()));
    let dead = shop.refused("/license/verify", on_device(two)).await;
    assert_eq!(dead, (403, "LICENSE_REVOKED".to_owned()));
    state("revoked").await;
}

#[test]
fn sqlite() {
    on(Engine::Sqlite, story);
}

#[test]
fn postgres() {
    on(Engine::Postgres, story);
}
