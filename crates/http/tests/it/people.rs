//! Users, sessions and incidents through the operator face: what happens to people.

use doorward_service::maintenance::{self, Run};
use doorward_testkit::on_both_engines;
use doorward_testkit::platform::TestApp;
use serde_json::{Value, json};

use crate::front::{Answer, Front, ask, get, meant, post};

const ADA: &str = "ada@example.com";
const DAY: i64 = 86_400;

/// An app, and what is asked of it.
pub(crate) struct House {
    pub(crate) front: Front,
    pub(crate) app: TestApp,
    path: String,
}

impl House {
    pub(crate) async fn new(db: &doorward_testkit::database::TestDatabase) -> Self {
        let front = Front::start(db).await;
        let app = front.platform.app("shop").await;
        let path = format!("/admin/apps/{}", app.id);
        Self { front, app, path }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.front.admin(get(format!("{}{path}", self.path))).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.front
            .admin(post(format!("{}{path}", self.path), body))
            .await
    }

    async fn emails(&self, query: &str) -> Vec<String> {
        let page = self.get(&format!("/users?{query}")).await.json();
        let items = page["items"].as_array().cloned().unwrap_or_default();
        items
            .iter()
            .map(|user| user["email"].as_str().unwrap_or("none").to_owned())
            .collect()
    }

    async fn refresh(&self, token: &str) -> Answer {
        let body = json!({"refresh_token": token});
        self.front
            .send(post("/auth/refresh", body).by(&self.app))
            .await
    }

    /// Asks for a code and shows it.
    pub(crate) async fn sign_in(&self, email: &str) -> Answer {
        let send = json!({"email": email, "purpose": "LOGIN", "client_ip": "203.0.113.77"});
        let verify = self.ask_code(email, send).await;
        self.show_code(verify).await
    }

    /// Asks for a code; gives what shows it.
    pub(crate) async fn ask_code(&self, email: &str, send: Value) -> Value {
        let older = self
            .front
            .platform
            .outbox
            .list(Some(email), Some(self.app.id))
            .len();
        let purpose = send["purpose"].clone();
        let sent = self
            .front
            .send(post("/auth/send-otp", send).by(&self.app))
            .await;
        assert_eq!(sent.status, 200, "{}", sent.text);
        let code = self.front.platform.code(self.app.id, email, older).await;
        json!({
            "otp_request_id": sent.json()["otp_request_id"], "otp": code.expose(),
            "purpose": purpose, "client_ip": "203.0.113.77",
        })
    }

    pub(crate) async fn show_code(&self, verify: Value) -> Answer {
        self.front
            .send(post("/auth/verify-otp", verify).by(&self.app))
            .await
    }
}

on_both_engines! {
    async fn users_are_created_searched_and_changed(db: TestDatabase) {
        let house = House::new(&db).await;
        let made = house.post("/users", json!({"email": "Ada@Example.com", "phone": "+14155552671", "phone_verified": true})).await;
        assert_eq!((made.status, made.header("etag")), (201, "\"1\""));
        let made = made.json();
        assert_eq!((&made["email"], &made["email_verified_at"]), (&json!("Ada@example.com"), &Value::Null));
        assert!(made["phone_verified_at"].is_string());
        let taken = house.post("/users", json!({"email": ADA})).await;
        assert_eq!(taken.brief(), (409, "ADDRESS_TAKEN".to_owned()));
        assert_eq!(house.post("/users", json!({})).await.fields(), ["email"]);
        let bad = house.post("/users", json!({"email": "x", "phone": "1", "email_verified": 1})).await;
        assert_eq!(bad.fields(), ["email", "email_verified", "phone"]);
        let nothing = json!({"phone": "+14155552672", "email_verified": true});
        assert_eq!(house.post("/users", nothing).await.fields(), ["email_verified"]);
        let nothing = json!({"email_verified": true, "phone_verified": true});
        assert_eq!(house.post("/users", nothing).await.fields(), ["email_verified", "phone_verified"]);
        for name in ["adam", "bob"] {
            house.front.platform.advance(1);
            house.post("/users", json!({"email": format!("{name}@example.com")})).await;
        }

        assert_eq!(house.emails("email=ada@EXAMPLE.com").await, ["Ada@example.com"]);
        assert_eq!(house.emails("email_prefix=ADA").await, ["Ada@example.com", "adam@example.com"]);
        assert_eq!(house.emails("phone=%2B14155552671").await, ["Ada@example.com"]);
        assert_eq!(house.emails("phone_prefix=%2B1415").await, ["Ada@example.com"]);
        assert_eq!(house.emails("email=nobody@example.com").await, [""; 0]);
        assert_eq!(house.emails("status=deleted").await, [""; 0]);
        assert_eq!(house.emails("").await.len(), 3);
        let first = house.get("/users?limit=2").await.json();
        let rest = format!("limit=2&cursor={}", first["next_cursor"].as_str().unwrap());
        assert_eq!(house.emails(&rest).await, ["Ada@example.com"]);
        let two = house.get("/users?email_prefix=a&phone_prefix=415&status=gone").await;
        let mut fields = two.fields();
        fields.sort();
        fields.dedup();
        assert_eq!(fields, ["phone_prefix", "status"]);

        // The first sign-in by it proves the address.
        let user = format!("/users/{}", made["user_id"].as_str().unwrap());
        assert_eq!(house.sign_in(ADA).await.json()["user_id"], made["user_id"]);
        let shown = house.get(&user).await;
        assert!(shown.json()["email_verified_at"].is_string());
        let change = |body: Value, tag: &str| {
            let ask = ask("PATCH", format!("{}{user}", house.path)).body(body);
            ask.header("if-match", tag)
        };
        let changed = house.front.admin(change(json!({"phone": null}), shown.header("etag"))).await;
        assert_eq!(changed.json()["phone"], Value::Null, "{}", changed.text);
        let nothing = change(json!({"phone_verified": true}), "*");
        assert_eq!(house.front.admin(nothing).await.fields(), ["phone_verified"]);
        let old = house.front.admin(change(json!({"email": "x@example.com"}), shown.header("etag"))).await;
        assert_eq!(old.brief(), (409, "CONFLICT".to_owned()));
        let last = house.front.admin(change(json!({"email": null}), "*")).await;
        assert_eq!(last.fields(), ["email"]);
        let taken = house.front.admin(change(json!({"email": "bob@example.com"}), "*")).await;
        assert_eq!(taken.brief(), (409, "ADDRESS_TAKEN".to_owned()));
        let moved = house.front.admin(change(json!({"email": "ada@new.example"}), "*")).await.json();
        assert_eq!((&moved["email"], &moved["email_verified_at"]), (&json!("ada@new.example"), &Value::Null));
    }

    async fn a_deleted_user_is_gone_and_comes_back_as_it_was(db: TestDatabase) {
        let house = House::new(&db).await;
        let tokens = house.sign_in(ADA).await.json();
        let user = format!("/users/{}", tokens["user_id"].as_str().unwrap());
        let delete = format!("{user}/delete");
        assert_eq!(house.post(&delete, json!({})).await.fields(), ["reason", "confirm"]);
        assert_eq!(house.post(&delete, meant("bob@example.com")).await.fields(), ["confirm"]);
        let gone = house.post(&delete, meant(ADA)).await.json();
        assert_eq!(gone["status"], "deleted");
        assert_eq!(house.post(&delete, meant(ADA)).await.json(), gone, "twice is no error");
        let answer = house.refresh(tokens["refresh_token"].as_str().unwrap()).await;
        assert_eq!(answer.brief(), (403, "USER_DELETED".to_owned()));
        // Whoever asks for a code hears what everybody hears; who proves the address, the truth. It
        // makes nobody a new account.
        assert_eq!(house.sign_in(ADA).await.brief(), (403, "USER_DELETED".to_owned()));
        let taken = house.post("/users", json!({"email": ADA})).await;
        assert_eq!(taken.brief(), (409, "ADDRESS_TAKEN".to_owned()));
        let changed = ask("PATCH", format!("{}{user}", house.path)).body(json!({"email": "a@b.example"}));
        assert_eq!(house.front.admin(changed).await.brief(), (403, "USER_DELETED".to_owned()));

        house.front.platform.advance(29 * DAY);
        maintenance::run(&house.front.platform.core, true).await.unwrap();
        let back = house.post(&format!("{user}/restore"), json!({"reason": "by mistake"})).await;
        assert_eq!(back.json()["status"], "active");
        assert_eq!(house.sign_in(ADA).await.json()["user_id"], tokens["user_id"]);
        let again = house.post(&format!("{user}/restore"), json!({})).await;
        assert_eq!(again.brief(), (409, "CONFLICT".to_owned()));

        // After 30 days only an id is left, and the address is free.
        house.post(&delete, meant(ADA)).await;
        house.front.platform.advance(30 * DAY);
        let late = house.post(&format!("{user}/restore"), json!({})).await;
        assert_eq!(late.brief(), (409, "CONFLICT".to_owned()));
        let Run::Done(purged) = maintenance::run(&house.front.platform.core, true).await.unwrap() else {
            panic!("it ran");
        };
        assert_eq!(purged.users, 1);
        let left = house.get(&user).await.json();
        assert_eq!((&left["email"], left["erased_at"].is_string()), (&Value::Null, true));
        let fresh = house.sign_in(ADA).await.json();
        assert_eq!((&fresh["is_new_user"], fresh["user_id"] == tokens["user_id"]), (&json!(true), false));
    }

    async fn sessions_are_seen_and_ended(db: TestDatabase) {
        let house = House::new(&db).await;
        let first = house.sign_in(ADA).await.json();
        house.front.platform.advance(1);
        let tokens = [first, house.sign_in(ADA).await.json()];
        let user = format!("/users/{}", tokens[0]["user_id"].as_str().unwrap());
        let listed = house.get(&format!("{user}/sessions")).await.json();
        let items = listed["items"].as_array().unwrap();
        assert_eq!(items.len(), 2);
        for item in items {
            assert_eq!((&item["state"], &item["ip"]), (&json!("active"), &json!("203.0.113.77")));
            assert_eq!(item["amr"], json!(["otp"]));
        }
        let newest = format!("/sessions/{}", items[0]["session_id"].as_str().unwrap());
        for _ in 0..2 {
            let ended = house.post(&format!("{newest}/end"), json!({"reason": "lost phone"})).await.json();
            assert_eq!((&ended["state"], &ended["end_reason"]), (&json!("ended"), &json!("operator")));
        }
        let answers = [
            house.refresh(tokens[1]["refresh_token"].as_str().unwrap()).await,
            house.refresh(tokens[0]["refresh_token"].as_str().unwrap()).await,
        ];
        assert_eq!(answers[0].brief(), (401, "TOKEN_REVOKED".to_owned()));
        assert_eq!(answers[1].status, 200, "the other lives");
        let ended = house.post(&format!("{user}/sessions/end"), json!({})).await.json();
        assert_eq!(ended, json!({"sessions_revoked": 1}));
        let shown = house.get(&newest).await.json();
        assert_eq!(shown["session_id"], items[0]["session_id"]);
    }

    async fn the_last_owner_is_not_taken_away(db: TestDatabase) {
        let house = House::new(&db).await;
        let ada = house.sign_in(ADA).await.json()["user_id"].clone();
        let bob = house.sign_in("bob@example.com").await.json()["user_id"].clone();
        let made = house.post("/tenants", json!({"name": "Acme", "owner_user_id": ada})).await.json();
        let user = format!("/users/{}", ada.as_str().unwrap());
        let refused = (409, "LAST_OWNER".to_owned());
        assert_eq!(house.post(&format!("{user}/deactivate"), json!({})).await.brief(), refused);
        for call in ["delete", "erase"] {
            assert_eq!(house.post(&format!("{user}/{call}"), meant(ADA)).await.brief(), refused);
        }
        assert_eq!(house.get(&user).await.json()["status"], "active");
        let bare = house.post(&format!("{user}/deactivate"), json!({"without_owner": true})).await;
        assert_eq!(bare.fields(), ["reason"]);
        let named = json!({"without_owner": true, "reason": "left the company"});
        let off = house.post(&format!("{user}/deactivate"), named).await.json();
        assert_eq!(off["status"], "deactivated");
        house.post(&format!("{user}/reactivate"), json!({})).await;

        // With a second owner nothing is in the way.
        let members = format!("/tenants/{}/members", made["id"].as_str().unwrap());
        house.post(&members, json!({"user_id": bob, "role": "owner"})).await;
        assert_eq!(house.post(&format!("{user}/delete"), meant(&ada)).await.status, 200);
    }

    async fn incidents_are_rehearsed(db: TestDatabase) {
        let house = House::new(&db).await;
        let second = house.front.platform.second_node().await;
        let tokens = house.sign_in(ADA).await.json();
        let token = tokens["refresh_token"].as_str().unwrap().to_owned();

        // I2: every session of the user ends, and codes for a new address with them.
        let other = house.sign_in("bob@example.com").await.json();
        let body = |confirm: &str| json!({"user_id": tokens["user_id"], "reason": "two countries", "confirm": confirm});
        let wrong = house.post("/incidents/suspicious-sign-in", body("bob@example.com")).await;
        assert_eq!(wrong.fields(), ["confirm"]);
        let ended = house.post("/incidents/suspicious-sign-in", body(ADA)).await.json();
        assert_eq!(ended["sessions_revoked"], 1);
        assert_eq!(house.refresh(&token).await.brief(), (401, "TOKEN_REVOKED".to_owned()));
        let kept = house.refresh(other["refresh_token"].as_str().unwrap()).await;
        assert_eq!(kept.status, 200);

        // I4, finer: everybody is out, on every node, and may come in again.
        let wrong = house.post("/incidents/end-all-sessions", meant("shops")).await;
        assert_eq!(wrong.fields(), ["confirm"]);
        let ended = house.post("/incidents/end-all-sessions", meant("shop")).await;
        assert_eq!(ended.status, 200, "{}", ended.text);
        let token = kept.json()["refresh_token"].as_str().unwrap().to_owned();
        let at_second = async |token: &str| {
            let app = house.front.platform.authenticate_at(&second, &house.app).await.unwrap();
            let request = doorward_service::sessions::Refresh {
                refresh_token: doorward_domain::secret::SecretText::new(token),
                idempotency_key: None,
                tenant_id: None,
            };
            doorward_service::sessions::refresh(&second, &app, request).await.map(drop).map_err(|error| error.code())
        };
        assert_eq!(at_second(&token).await, Err(doorward_domain::Code::TokenRevoked));
        assert_eq!(house.refresh(&token).await.brief(), (401, "TOKEN_REVOKED".to_owned()));
        let user = format!("/users/{}/sessions", other["user_id"].as_str().unwrap());
        let seen = house.get(&user).await.json();
        assert_eq!(seen["items"][0]["end_reason"], "app_revoked");
        let again = house.sign_in("bob@example.com").await.json();
        assert_eq!(house.refresh(again["refresh_token"].as_str().unwrap()).await.status, 200);

        // I3: the key in every form is the one that consumers verify with.
        let key = house.front.admin(get("/admin/incidents/public-key")).await.json();
        let jwks = house.front.send(get("/.well-known/jwks.json")).await.json();
        assert_eq!(key["jwks"], jwks);
        assert!(key["pem"].as_str().unwrap().starts_with("-----BEGIN PUBLIC KEY-----"));

        // I1: the old secret is dead at once, on every node.
        let made = house.post("/incidents/secret-exposed", meant("shop")).await.json();
        assert_eq!(made["app_secret"].as_str().unwrap().len(), 64);
        assert_eq!(house.refresh("x").await.brief(), (401, "TOKEN_INVALID".to_owned()));
        doorward_service::jobs::follow_state(&second).await.unwrap();
        assert!(house.front.platform.authenticate_at(&second, &house.app).await.is_err());

        // I4: the app is off.
        assert_eq!(house.post("/incidents/stop-app", meant(house.app.id)).await.json()["status"], "deactivated");

        let events = house.front.platform.events(Some(house.app.id)).await;
        for (action, reason) in [
            ("user.sessions_revoked", "two countries"),
            ("app.sessions_revoked", "a test"),
            ("app.secret_rotated", "a test"),
            ("app.deactivated", "a test"),
        ] {
            let found = events.iter().find(|event| event.action == action);
            let details = found.and_then(|event| event.details.clone()).unwrap_or_default();
            assert_eq!(details["reason"], reason, "{action}");
        }
    }

    async fn keys_do_not_lock_each_other_out(db: TestDatabase) {
        let front = Front::start(&db).await;
        let made = front.admin(post("/admin/admin-keys", json!({"name": "second", "scopes": ["admin-keys:write"]}))).await.json();
        let (id, key) = (made["id"].as_str().unwrap(), made["admin_key"].as_str().unwrap());
        let first = front.admin(get("/admin/admin-keys")).await.json()["items"][0]["id"].as_str().unwrap().to_owned();
        let revoke = |id: &str, confirm: &str| ask("DELETE", format!("/admin/admin-keys/{id}?reason=a+test&confirm={confirm}"));
        let bare = front.admin(ask("DELETE", format!("/admin/admin-keys/{id}"))).await;
        assert_eq!(bare.fields(), ["reason", "confirm"]);
        assert_eq!(front.admin(revoke(id, "third")).await.fields(), ["confirm"]);
        let itself = front.send(revoke(id, "second").header("x-admin-key", key)).await;
        assert_eq!(itself.brief(), (409, "SELF_PROTECTION".to_owned()));
        // Both at the same moment: one stays.
        let by_first = front.admin(revoke(id, "second"));
        let by_second = front.send(revoke(&first, "tests").header("x-admin-key", key));
        let (by_first, by_second) = tokio::join!(by_first, by_second);
        let done = [&by_first, &by_second].iter().filter(|answer| answer.status == 200).count();
        assert_eq!(done, 1, "{} {}", by_first.text, by_second.text);
    }
}
