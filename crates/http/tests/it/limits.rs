//! Limits, maintenance and health, as operators see them.

use doorward_testkit::on_both_engines;
use serde_json::{Value, json};

use crate::front::{Front, ask, get, meant, post};

on_both_engines! {
    async fn a_customer_who_is_locked_out_is_let_in_again(db: TestDatabase) {
        let front = Front::start(&db).await;
        let app = front.platform.app("shop").await;
        let send = || {
            let body = json!({"email": "Ada@example.com", "purpose": "LOGIN", "client_ip": "2001:db8::1"});
            post("/auth/send-otp", body).by(&app)
        };
        for _ in 0..3 {
            assert_eq!(front.send(send()).await.status, 200);
        }
        assert_eq!(front.send(send()).await.brief(), (429, "OTP_RATE_LIMITED".to_owned()));

        let path = |what: &str| format!("/admin/apps/{}/limits{what}", app.id);
        let ada = json!({"contact": "ada@EXAMPLE.com"});
        let shown = front.admin(post(path("/show"), ada.clone())).await.json();
        let sends = json!({"name": "otp_per_contact", "max": 3, "seconds": 600, "used": 3, "retry_after": 600});
        assert_eq!(shown["items"][0], sends);
        assert_eq!(shown["items"][1]["used"], 0);
        // The same network, and the app as a whole.
        let address = front.admin(post(path("/show"), json!({"address": "2001:db8::2"}))).await.json();
        assert_eq!((&address["items"][0]["name"], &address["items"][0]["used"]), (&json!("otp_per_address"), &json!(3)));
        let whole = front.admin(get(path(""))).await.json();
        assert_eq!((&whole["items"][0]["name"], &whole["items"][0]["used"]), (&json!("otp_per_app"), &json!(3)));

        let cleared = front.admin(post(path("/clear"), ada.clone())).await;
        assert_eq!(cleared.json()["items"][0], sends, "how it stood");
        assert_eq!(front.send(send()).await.status, 200);
        let shown = front.admin(post(path("/show"), ada)).await.json();
        assert_eq!(shown["items"][0]["used"], 1);
        let events = front.platform.events(Some(app.id)).await;
        let event = events.iter().find(|event| event.action == "limits.cleared").unwrap();
        let details = event.details.clone().unwrap();
        assert_eq!(details["limits"], json!(["otp_per_contact"]));
        assert!(!details.to_string().to_lowercase().contains("ada@"), "masked: {details}");

        for (body, fields) in [
            (json!({}), vec!["contact"]),
            (json!({"contact": "ada@example.com", "address": "192.0.2.1"}), vec!["contact"]),
            (json!({"contact": "ada", "address": "x", "license_id": "y", "user": 1}), vec!["contact", "address", "license_id", "user"]),
        ] {
            for what in ["/show", "/clear"] {
                let answer = front.admin(post(path(what), body.clone())).await;
                assert_eq!(answer.fields(), fields, "{body}");
            }
        }
    }

    async fn maintenance_and_health_are_told(db: TestDatabase) {
        let front = Front::start(&db).await;
        let before = front.admin(get("/admin/maintenance")).await.json();
        assert_eq!((&before["last_run_at"], &before["last_report"]), (&Value::Null, &Value::Null));
        assert_eq!(before["interval_seconds"], 300);
        let run = front.admin(ask("POST", "/admin/maintenance")).await.json();
        assert_eq!(run, json!({"ran": true, "deleted": 0}));
        let after = front.admin(get("/admin/maintenance")).await.json();
        assert_eq!(after["last_run_at"], "2026-01-01T00:00:00.000Z");
        assert_eq!(after["last_ok_at"], after["last_run_at"]);
        assert_eq!(after["last_report"]["sessions"], 0);

        let health = front.admin(get("/admin/health")).await.json();
        assert_eq!((&health["status"], &health["database"]["reachable"]), (&json!("ok"), &json!(true)));
        assert_eq!(health["migrations"]["current"], health["migrations"]["latest"]);
        assert_eq!(health["maintenance"]["last_ok_at"], after["last_ok_at"]);

        let keys = front.admin(get("/admin/keys")).await.json();
        let published = front.send(get("/.well-known/jwks.json")).await.json();
        assert_eq!(keys["jwks"], published);
        assert!(keys["pem"].as_str().unwrap().starts_with("-----BEGIN PUBLIC KEY-----"));
    }

    async fn licence_keys_are_shown_and_rotated(db: TestDatabase) {
        let front = Front::start(&db).await;
        let app = front.platform.app("shop").await;
        let path = format!("/admin/apps/{}/license-keys", app.id);
        let first = front.admin(get(&path)).await.json();
        assert_eq!(first["items"].as_array().unwrap().len(), 1);
        front.platform.advance(1);
        let rotated = front.admin(post(format!("{path}/rotate"), meant(app.id))).await.json();
        let both = front.admin(get(&path)).await.json();
        assert_eq!((&both["items"][0]["kid"], &both["items"][0]["state"]), (&rotated["kid"], &json!("active")));
        assert_eq!((&both["items"][1]["kid"], &both["items"][1]["state"]), (&first["items"][0]["kid"], &json!("retired")));
        assert_eq!(both["jwks"], rotated["jwks"]);
        let published = front.send(get(format!("/apps/{}/license-keys.json", app.id))).await.json();
        assert_eq!(both["jwks"], published);
    }
}
