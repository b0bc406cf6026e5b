//! The backend API, as an app's backend sees it.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use doorward_testkit::on_both_engines;
use doorward_testkit::platform::TestApp;
use serde_json::{Value, json};

use crate::front::{Ask, Front, post};

fn send(contact: Value, purpose: &str) -> Ask {
    let mut body = contact;
    body["purpose"] = json!(purpose);
    post("/auth/send-otp", body)
}

fn verify(request: &Value, otp: &str, purpose: &str) -> Ask {
    post(
        "/auth/verify-otp",
        json!({"otp_request_id": request["otp_request_id"], "otp": otp, "purpose": purpose}),
    )
}

fn refresh(token: &Value) -> Ask {
    post("/auth/refresh", json!({"refresh_token": token}))
}

fn keys(value: &Value) -> Vec<&str> {
    value
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect()
}

/// A code that is not the right one.
fn wrong(otp: &str) -> &'static str {
    if otp == "000000" { "111111" } else { "000000" }
}

async fn code(front: &Front, app: &TestApp, to: &str, older: usize) -> String {
    front
        .platform
        .code(app.id, to, older)
        .await
        .expose()
        .to_owned()
}

on_both_engines! {
    async fn sign_in_refresh_reuse_logout(db: TestDatabase) {
        let front = Front::start(&db).await;
        let app = front.platform.app("shop").await;
        let contact = json!({"phone": "+919876543210"});
        let sent = front.send(send(contact.clone(), "LOGIN").by(&app)).await;
        assert_eq!(sent.status, 200);
        let sent = sent.json();
        assert_eq!(keys(&sent), ["expires_at", "otp_request_id"]);
        assert_eq!(sent["expires_at"], "2026-01-01T00:05:00.000Z");

        let otp = code(&front, &app, "+919876543210", 0).await;
        let tokens = front.send(verify(&sent, &otp, "LOGIN").by(&app)).await;
        assert_eq!(tokens.status, 200, "{}", tokens.text);
        let tokens = tokens.json();
        assert_eq!(keys(&tokens), ["access_token", "is_new_user", "refresh_token", "user_id"]);
        assert_eq!(tokens["is_new_user"], true);
        let again = front.send(verify(&sent, &otp, "LOGIN").by(&app)).await;
        assert_eq!(again.brief(), (400, "OTP_ALREADY_USED".to_owned()));

        // A repeated request gets the same answer, with its key and only with it.
        let first = refresh(&tokens["refresh_token"]).by(&app).header("idempotency-key", "k1");
        let one = front.send(first.clone()).await.json();
        assert_eq!(keys(&one), ["access_token", "refresh_token"]);
        assert_eq!(front.send(first).await.json()["refresh_token"], one["refresh_token"]);
        let two = front.send(refresh(&one["refresh_token"]).by(&app)).await.json();

        let reuse = front.send(refresh(&one["refresh_token"]).by(&app)).await;
        assert_eq!(reuse.brief(), (401, "TOKEN_REUSE".to_owned()));
        let dead = front.send(refresh(&two["refresh_token"]).by(&app)).await;
        assert_eq!(dead.brief(), (401, "TOKEN_REVOKED".to_owned()));

        let sent = front.send(send(contact, "LOGIN").by(&app)).await.json();
        let otp = code(&front, &app, "+919876543210", 1).await;
        let tokens = front.send(verify(&sent, &otp, "LOGIN").by(&app)).await.json();
        assert_eq!(tokens["is_new_user"], false);
        let revoke = post("/auth/revoke", json!({"refresh_token": tokens["refresh_token"]})).by(&app);
        for _ in 0..2 {
            let answer = front.send(revoke.clone()).await;
            assert_eq!((answer.status, answer.json()), (200, json!({"success": true})));
        }
        let unknown = post("/auth/revoke", json!({"refresh_token": "nothing"})).by(&app);
        assert_eq!(front.send(unknown).await.status, 200);
        let gone = front.send(refresh(&tokens["refresh_token"]).by(&app)).await;
        assert_eq!(gone.brief(), (401, "TOKEN_REVOKED".to_owned()));
    }

    async fn wrong_codes_lock(db: TestDatabase) {
        let front = Front::start(&db).await;
        let app = front.platform.app("shop").await;
        let contact = json!({"email": "ada@example.com"});
        let sent = front.send(send(contact.clone(), "LOGIN").by(&app)).await.json();
        let otp = code(&front, &app, "ada@example.com", 0).await;
        for _ in 0..3 {
            let answer = front.send(verify(&sent, wrong(&otp), "LOGIN").by(&app)).await;
            assert_eq!(answer.brief(), (400, "OTP_INVALID".to_owned()));
        }
        let locked = front.send(verify(&sent, &otp, "LOGIN").by(&app)).await;
        assert_eq!(locked.brief(), (429, "OTP_LOCKED".to_owned()));
        assert_eq!(locked.json()["retry_after"].to_string(), locked.header("retry-after"));
        assert!(locked.json()["retry_after"].as_i64().unwrap() >= 1);

        for _ in 0..2 {
            assert_eq!(front.send(send(contact.clone(), "LOGIN").by(&app)).await.status, 200);
        }
        let limited = front.send(send(contact, "LOGIN").by(&app)).await;
        assert_eq!(limited.brief(), (429, "OTP_RATE_LIMITED".to_owned()));
        assert_eq!(limited.header("retry-after"), "600");
        assert_eq!(limited.json()["retry_after"], 600);
    }

    async fn other_refusals_of_codes(db: TestDatabase) {
        let front = Front::start(&db).await;
        let (app, other) = (front.platform.app("shop").await, front.platform.app("other").await);
        let sent = front.send(send(json!({"email": "a@example.com"}), "LOGIN").by(&app)).await.json();
        let otp = code(&front, &app, "a@example.com", 0).await;
        let foreign = front.send(verify(&sent, &otp, "LOGIN").by(&other)).await;
        assert_eq!(foreign.brief(), (403, "OTP_WRONG_APP".to_owned()));
        let purpose = front.send(verify(&sent, &otp, "PASSWORD_RESET").by(&app)).await;
        assert_eq!(purpose.brief(), (403, "OTP_WRONG_PURPOSE".to_owned()));
        let unknown = json!({"otp_request_id": "01890a5d-ac96-774b-bcce-b302099a8057"});
        let unknown = front.send(verify(&unknown, &otp, "LOGIN").by(&app)).await;
        assert_eq!(unknown.brief(), (404, "OTP_NOT_FOUND".to_owned()));
        front.platform.advance(5 * 60);
        let old = front.send(verify(&sent, &otp, "LOGIN").by(&app)).await;
        assert_eq!(old.brief(), (400, "OTP_EXPIRED".to_owned()));
    }

    async fn the_other_purposes(db: TestDatabase) {
        let front = Front::start(&db).await;
        let app = front.platform.app("shop").await;
        let (ada, tokens) = front.platform.sign_in(&app, "ada@example.com").await;
        let (bob, _) = front.platform.sign_in(&app, "bob@example.com").await;
        let new = json!({"phone": "+4915112345678"});

        // The user is named by the Bearer token, or by user_id; one of them is needed.
        let nobody = front.send(send(new.clone(), "PHONE_CHANGE").by(&app)).await;
        assert_eq!((nobody.status, nobody.fields()), (400, vec!["user_id".to_owned()]));
        let bearer = tokens.access_token.expose();
        let mut differs = new.clone();
        differs["user_id"] = json!(bob);
        let differs = front.send(send(differs, "PHONE_CHANGE").by(&app).bearer(bearer)).await;
        assert_eq!((differs.status, differs.fields()), (400, vec!["user_id".to_owned()]));
        let bad = front.send(send(new.clone(), "PHONE_CHANGE").by(&app).bearer("x.y.z")).await;
        assert_eq!(bad.brief(), (401, "TOKEN_INVALID".to_owned()));
        assert!(bad.header("www-authenticate").starts_with("Bearer"));
        let sent = front.send(send(new, "PHONE_CHANGE").by(&app).bearer(bearer)).await.json();
        let otp = code(&front, &app, "+4915112345678", 0).await;
        let done = front.send(verify(&sent, &otp, "PHONE_CHANGE").by(&app)).await;
        assert_eq!(done.json(), json!({"verified": true, "user_id": ada}));

        let taken = json!({"email": "bob@example.com", "user_id": ada});
        let sent = front.send(send(taken, "EMAIL_VERIFY").by(&app)).await.json();
        let otp = code(&front, &app, "bob@example.com", 1).await;
        let taken = front.send(verify(&sent, &otp, "EMAIL_VERIFY").by(&app)).await;
        assert_eq!(taken.brief(), (409, "ADDRESS_TAKEN".to_owned()));

        let reset = json!({"email": "bob@example.com"});
        let sent = front.send(send(reset, "PASSWORD_RESET").by(&app)).await.json();
        let otp = code(&front, &app, "bob@example.com", 2).await;
        let reset = front.send(verify(&sent, &otp, "PASSWORD_RESET").by(&app)).await.json();
        assert_eq!(keys(&reset), ["expires_at", "reset_token", "user_id"]);
        assert_eq!(reset["user_id"], json!(bob));
    }

    async fn every_failing_field_is_named(db: TestDatabase) {
        let front = Front::start(&db).await;
        let body = json!({
            "app_id": "not-a-uuid", "app_secret": 5, "phone": "98765 43210", "purpose": "login",
            "user_id": "x", "client_ip": "localhost"
        });
        let answer = front.send(post("/auth/send-otp", body)).await;
        let mut answer = answer.json();
        answer.as_object_mut().unwrap().remove("request_id");
        insta::assert_json_snapshot!("every_failing_field", answer);

        let app = front.platform.app("shop").await;
        for contact in [json!({}), json!({"phone": "+919876543210", "email": "a@example.com"})] {
            let answer = front.send(send(contact, "LOGIN").by(&app)).await;
            assert_eq!((answer.status, answer.fields()), (400, vec!["phone".to_owned(), "email".to_owned()]));
        }
        let bad = json!({"otp_request_id": "x", "otp": 123_456, "purpose": ""});
        let answer = front.send(post("/auth/verify-otp", bad).by(&app)).await;
        assert_eq!(answer.fields(), ["otp_request_id", "otp", "purpose"]);
        for bad in ["", "with space", "a\tb", &"x".repeat(256)] {
            let ask = refresh(&json!("t")).by(&app).header("idempotency-key", bad);
            assert_eq!(front.send(ask).await.fields(), ["Idempotency-Key"], "{bad}");
        }
        let longest = refresh(&json!("t")).by(&app).header("idempotency-key", "x".repeat(255));
        assert_eq!(front.send(longest).await.brief(), (401, "TOKEN_INVALID".to_owned()));
    }

    async fn wrong_credentials_look_alike(db: TestDatabase) {
        let front = Front::start(&db).await;
        let app = front.platform.app("shop").await;
        let off = front.platform.app("off").await;
        let deactivate = post(format!("/admin/apps/{}/deactivate", off.id), crate::front::meant(off.id));
        assert_eq!(front.admin(deactivate).await.status, 200);
        let ask = |id: &str, secret: &str| {
            post("/auth/revoke", json!({"app_id": id, "app_secret": secret, "refresh_token": "x"}))
        };
        let (id, right) = (app.id.to_string(), app.secret.expose());
        let nobody = "01890a5d-ac96-774b-bcce-b302099a8057";
        let mut bodies = Vec::new();
        for wrong in [
            ask(&id, &"0".repeat(64)),
            ask(&id, &right[1..]),
            ask(&id, ""),
            ask(&id, &format!("{right} ")),
            ask(&id, off.secret.expose()),
            ask(nobody, right),
            ask(&off.id.to_string(), off.secret.expose()),
        ] {
            let answer = front.send(wrong).await;
            assert_eq!(answer.status, 401);
            let mut body = answer.json();
            body.as_object_mut().unwrap().remove("request_id");
            bodies.push((body, answer.header("www-authenticate").to_owned()));
        }
        assert!(bodies.windows(2).all(|pair| pair[0] == pair[1]), "{bodies:?}");
        // Upper case is the same number.
        assert_eq!(front.send(ask(&id, &right.to_uppercase())).await.status, 200);
        let basic = BASE64_STANDARD.encode(format!("{id}:{right}"));
        let by_header = post("/auth/revoke", json!({"refresh_token": "x"}))
            .header("authorization", format!("Basic {basic}"));
        assert_eq!(front.send(by_header).await.status, 200);
    }

    async fn revoke_user_ends_every_session(db: TestDatabase) {
        let front = Front::start(&db).await;
        let app = front.platform.app("shop").await;
        let (user, one) = front.platform.sign_in(&app, "ada@example.com").await;
        let (_, two) = front.platform.sign_in(&app, "ada@example.com").await;
        let ask = post("/auth/revoke-user", json!({"user_id": user})).by(&app);
        let first = front.send(ask.clone()).await;
        assert_eq!(first.json(), json!({"success": true, "sessions_revoked": 2}));
        assert_eq!(front.send(ask).await.json()["sessions_revoked"], 0);
        for tokens in [one, two] {
            let token = json!(tokens.refresh_token.expose());
            let answer = front.send(refresh(&token).by(&app)).await;
            assert_eq!(answer.brief(), (401, "TOKEN_REVOKED".to_owned()));
        }
        let unknown = json!({"user_id": "01890a5d-ac96-774b-bcce-b302099a8057"});
        let unknown = front.send(post("/auth/revoke-user", unknown).by(&app)).await;
        assert_eq!(unknown.brief(), (404, "USER_NOT_FOUND".to_owned()));
    }

    async fn an_inactive_user_is_told_so(db: TestDatabase) {
        let front = Front::start(&db).await;
        let app = front.platform.app("shop").await;
        let (user, tokens) = front.platform.sign_in(&app, "ada@example.com").await;
        let path = format!("/admin/apps/{}/users/{user}/deactivate", app.id);
        let off = crate::front::ask("POST", path);
        assert_eq!(front.admin(off).await.json()["status"], "deactivated");
        let answer = front.send(refresh(&json!(tokens.refresh_token.expose())).by(&app)).await;
        assert_eq!(answer.brief(), (403, "USER_DELETED".to_owned()));
        let change = json!({"email": "new@example.com", "user_id": user});
        let answer = front.send(send(change, "EMAIL_VERIFY").by(&app)).await;
        assert_eq!(answer.brief(), (403, "USER_DELETED".to_owned()));
    }

    async fn a_database_out_of_reach_is_503(db: TestDatabase) {
        let front = Front::start(&db).await;
        let app = front.platform.app("shop").await;
        front.platform.core.store.close().await;
        let answer = front.send(send(json!({"email": "a@example.com"}), "LOGIN").by(&app)).await;
        assert_eq!(answer.brief(), (503, "SERVICE_UNAVAILABLE".to_owned()));
        assert_eq!(answer.header("retry-after"), "1");
        let body = answer.json();
        // The cause is for the log.
        assert_eq!(body["message"], doorward_domain::Code::ServiceUnavailable.message());
    }

    async fn a_secret_sent_by_a_browser_leaves_a_trace(db: TestDatabase) {
        let front = Front::start(&db).await;
        let app = front.platform.app("shop").await;
        let body = json!({"refresh_token": "x"});
        let basic = BASE64_STANDARD.encode(format!("{}:{}", app.id, app.secret.expose()));
        for ask in [
            post("/auth/revoke", body.clone()).by(&app),
            post("/auth/revoke", body).header("authorization", format!("Basic {basic}")),
        ] {
            front.platform.advance(1);
            let answer = front.send(ask.header("origin", "https://shop.example")).await;
            assert_eq!(answer.brief(), (403, "FORBIDDEN".to_owned()));
            let event = front.platform.events(Some(app.id)).await.remove(0);
            assert_eq!(event.action, "app.authentication_failed");
            assert_eq!(event.request_id.unwrap().to_string(), answer.header("x-request-id"));
            let text = format!("{event:?}");
            assert!(text.contains("from_browser") && !text.contains(app.secret.expose()), "{text}");
        }
    }
}
