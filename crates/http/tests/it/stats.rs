//! Statistics of an app.

use doorward_domain::scope::Scope;
use doorward_domain::secret::SecretText;
use doorward_service::sessions::{self, Refresh};
use doorward_testkit::on_both_engines;
use doorward_testkit::platform::TestApp;
use serde_json::{Value, json};

use crate::front::{Front, get, post};

async fn day(front: &Front, app: &TestApp, day: &str) -> Value {
    let path = format!("/admin/apps/{}/stats?from={day}&to={day}", app.id);
    let answer = front.admin(get(path)).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()["items"][0].clone()
}

on_both_engines! {
    async fn what_happens_is_counted_once(db: TestDatabase) {
        let front = Front::start(&db).await;
        let (shop, other) = (front.platform.app("shop").await, front.platform.app("other").await);
        let (_, tokens) = front.platform.sign_in(&shop, "ada@example.com").await;
        front.platform.sign_in(&shop, "ada@example.com").await;
        front.platform.sign_in(&shop, "+14155552671").await;

        // A wrong code, for a sign-in and for something else.
        for purpose in ["LOGIN", "PASSWORD_RESET"] {
            let send = post("/auth/send-otp", json!({"email": "bob@example.com", "purpose": purpose}));
            let sent = front.send(send.by(&shop)).await.json();
            let wrong = json!({"otp_request_id": sent["otp_request_id"], "otp": "000000", "purpose": purpose});
            assert_eq!(front.send(post("/auth/verify-otp", wrong).by(&shop)).await.status, 400);
        }

        // A refresh, its repetition, and what is refused.
        let refresh = |token: &str| post("/auth/refresh", json!({"refresh_token": token})).by(&shop);
        let token = tokens.refresh_token.expose();
        for _ in 0..2 {
            let again = refresh(token).header("idempotency-key", "k");
            assert_eq!(front.send(again).await.status, 200);
        }
        assert_eq!(front.send(refresh("none")).await.status, 401);

        let made = front.send(post("/license/generate", json!({})).by(&shop)).await.json();
        let device = |id: &str| json!({"license_key": made["license_key"], "device_id": id});
        for (path, id, status) in [
            ("/license/activate", "a", 201),
            ("/license/verify", "a", 200),
            ("/license/verify", "a", 200),
            ("/license/verify", "b", 403),
        ] {
            assert_eq!(front.send(post(path, device(id)).by(&shop)).await.status, status);
        }

        let expected = json!({
            "day": "2026-01-01", "active_users": 2,
            "sign_ins": 3, "sign_in_failures": 1, "codes_email": 4, "codes_sms": 1,
            "refreshes": 1, "refresh_failures": 1,
            "license_activations": 1, "license_verifies": 2, "license_failures": 1,
        });
        for _ in 0..2 {
            let mut seen = day(&front, &shop, "2026-01-01").await;
            // What became of the messages is known a moment later.
            let seen = seen.as_object_mut().unwrap();
            for channel in ["email", "sms"] {
                for what in ["accepted", "delivered", "failed"] {
                    assert!(seen.remove(&format!("{channel}_{what}")).unwrap().is_i64());
                }
            }
            assert_eq!(json!(seen), expected);
        }
        for _ in 0.. {
            let seen = day(&front, &shop, "2026-01-01").await;
            if seen["sms_accepted"] == 1 {
                assert_eq!((&seen["sms_delivered"], &seen["sms_failed"]), (&json!(0), &json!(0)));
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        let other = day(&front, &other, "2026-01-01").await;
        assert!(other.as_object().unwrap().values().all(|n| n.as_i64().unwrap_or(0) == 0), "{other}");
    }

    async fn nodes_and_days_are_summed(db: TestDatabase) {
        let front = Front::start(&db).await;
        let app = front.platform.app("shop").await;
        let (_, tokens) = front.platform.sign_in(&app, "ada@example.com").await;
        let second = front.platform.second_node().await;
        // The same user on another node is the same user.
        let context = front.platform.authenticate_at(&second, &app).await.unwrap();
        let request = |token: &SecretText| Refresh {
            refresh_token: token.clone(),
            idempotency_key: None,
            tenant_id: None,
        };
        let next = sessions::refresh(&second, &context, request(&tokens.refresh_token)).await.unwrap();
        second.flush_stats().await.unwrap();
        second.flush_stats().await.unwrap();
        let first = day(&front, &app, "2026-01-01").await;
        assert_eq!((&first["active_users"], &first["sign_ins"], &first["refreshes"]),
            (&json!(1), &json!(1), &json!(1)));

        // The next day begins anew, and what was counted before midnight is not lost.
        sessions::refresh(&second, &context, request(&next.refresh_token)).await.unwrap();
        front.platform.advance(86_400);
        let context = front.platform.authenticate_at(&second, &app).await.unwrap();
        assert!(sessions::refresh(&second, &context, request(&next.refresh_token)).await.is_err());
        second.flush_stats().await.unwrap();
        assert_eq!(day(&front, &app, "2026-01-01").await["refreshes"], 2);
        let later = day(&front, &app, "2026-01-02").await;
        assert_eq!((&later["refreshes"], &later["refresh_failures"]), (&json!(0), &json!(1)));
        // Without days: the last thirty.
        let all = front.admin(get(format!("/admin/apps/{}/stats", app.id))).await.json();
        let days = all["items"].as_array().unwrap();
        assert_eq!((days.len(), &days[29]["day"], &days[0]["day"]), (30, &json!("2026-01-02"), &json!("2025-12-04")));
    }

    /// Whoever asks for one app makes the node write that one only.
    async fn asking_for_an_app_writes_no_other(db: TestDatabase) {
        let front = Front::start(&db).await;
        let (shop, other) = (front.platform.app("shop").await, front.platform.app("other").await);
        for app in [&shop, &other] {
            front.platform.sign_in(app, "ada@example.com").await;
        }
        let rows = async || {
            let dump = front.platform.database.dump().await;
            dump.into_iter().filter(|(table, _)| table == "app_stats").count()
        };
        assert_eq!(rows().await, 0);
        assert_eq!(day(&front, &shop, "2026-01-01").await["sign_ins"], 1);
        assert_eq!(rows().await, 1, "the shop's");
        front.platform.core.flush_stats().await.unwrap();
        assert_eq!(rows().await, 2);
        assert_eq!(day(&front, &other, "2026-01-01").await["sign_ins"], 1);
    }

    async fn what_is_asked_for_is_checked(db: TestDatabase) {
        let front = Front::start(&db).await;
        let app = front.platform.app("shop").await;
        for (query, fields) in [
            ("from=2026-01-32&to=x", vec!["from", "to"]),
            ("from=2026-01-02&to=2026-01-01", vec!["from"]),
            ("from=2026-01-01&to=2026-04-03", vec!["from", "to"]),
            ("day=2026-01-01", vec!["day"]),
        ] {
            let answer = front.admin(get(format!("/admin/apps/{}/stats?{query}", app.id))).await;
            assert_eq!(answer.fields(), fields, "{query}");
        }
        let most = front.admin(get(format!("/admin/apps/{}/stats?from=2026-01-01&to=2026-04-02", app.id))).await;
        assert_eq!(most.json()["items"].as_array().unwrap().len(), 92);
        let nobody = front.admin(get(format!("/admin/apps/{}/stats", doorward_domain::ids::uuid_v4(&doorward_domain::OsRandom)))).await;
        assert_eq!(nobody.brief(), (404, "APP_NOT_FOUND".to_owned()));
        let key = front.key(&[Scope::AppsRead]).await;
        let refused = front.send(get(format!("/admin/apps/{}/stats", app.id)).header("x-admin-key", key)).await;
        assert_eq!(refused.status, 403);
    }
}
