//! The operator API.

use doorward_domain::scope::Scope;
use doorward_testkit::on_both_engines;
use serde_json::{Value, json};

use crate::front::{Front, ask, get, meant, post, send_to};

on_both_engines! {
    async fn an_app_from_creation_to_deactivation(db: TestDatabase) {
        let front = Front::start(&db).await;
        let create = json!({"name": " My shop ", "slug": "my-shop", "settings": {"otp_seconds": 120, "language": null}});
        let made = front.admin(post("/admin/apps", create.clone())).await;
        assert_eq!(made.status, 201, "{}", made.text);
        let made = made.json();
        assert_eq!(made["name"], "My shop");
        assert_eq!(made["app_slug"], "my-shop");
        assert_eq!(made["app_secret"].as_str().unwrap().len(), 64);
        assert_eq!(made["settings"]["otp_seconds"], 120);
        assert_eq!(made["settings"]["language"], "en");
        assert!(!made["jwt_public_key"].as_str().unwrap().is_empty());
        let taken = front.admin(post("/admin/apps", create)).await;
        assert_eq!(taken.brief(), (409, "CONFLICT".to_owned()));

        let path = format!("/admin/apps/{}", made["app_id"].as_str().unwrap());
        let shown = front.admin(get(&path)).await;
        assert_eq!(shown.header("etag"), "\"1\"");
        let shown = shown.json();
        for secret in ["app_secret", "secret_hash"] {
            assert!(shown.get(secret).is_none(), "{secret}");
        }

        // Changes merge, and name the version they were made against.
        let change = json!({"name": "Shop", "settings": {"sign_up": false, "limits": {"otp_per_app": {"max": 5, "seconds": 60}}}});
        let changed = front.admin(ask("PATCH", &path).body(change).header("if-match", "\"1\"")).await;
        assert_eq!((changed.status, changed.header("etag")), (200, "\"2\""));
        let changed = changed.json();
        assert_eq!((&changed["name"], &changed["version"]), (&json!("Shop"), &json!(2)));
        assert_eq!(changed["settings"]["otp_seconds"], 120);
        assert_eq!(changed["settings"]["sign_up"], false);
        assert_eq!(changed["settings"]["limits"]["otp_per_app"], json!({"max": 5, "seconds": 60}));
        assert_eq!(changed["settings"]["limits"]["otp_per_contact"]["max"], 3);
        for old in [
            ask("PATCH", &path).body(json!({"name": "X"})).header("if-match", "\"1\""),
            ask("PATCH", &path).body(json!({"name": "X", "version": 1})),
        ] {
            assert_eq!(front.admin(old).await.brief(), (409, "CONFLICT".to_owned()));
        }
        let both = ask("PATCH", &path).body(json!({"version": 1})).header("if-match", "\"2\"");
        assert_eq!(front.admin(both).await.fields(), ["version"]);
        let back = json!({"settings": {"otp_seconds": null}});
        let back = front.admin(ask("PATCH", &path).body(back).header("if-match", "*")).await.json();
        assert_eq!(back["settings"]["otp_seconds"], 300);

        let off = front.admin(post(format!("{path}/deactivate"), meant("my-shop"))).await.json();
        assert_eq!(off["status"], "deactivated");
        let on = front.admin(ask("POST", format!("{path}/reactivate"))).await.json();
        assert_eq!(on["status"], "active");
    }

    async fn bad_requests_name_every_field(db: TestDatabase) {
        let front = Front::start(&db).await;
        let app = front.platform.app("shop").await;
        let path = format!("/admin/apps/{}", app.id);
        let bad = json!({"name": "", "slug": "A", "settings": {"otp_seconds": 1, "otp_attempts": 9}, "nmae": 1});
        let answer = front.admin(post("/admin/apps", bad)).await;
        assert_eq!(answer.fields(), ["name", "slug", "settings.otp_seconds", "settings.otp_attempts", "nmae"]);
        let unknown = json!({"settings": {"otp_secs": 1, "limits": {"otp_per_app": {"min": 1}}, "sign_up": "no"}});
        let mut named = front.admin(ask("PATCH", &path).body(unknown.clone())).await.fields();
        named.sort();
        assert_eq!(named, ["settings.limits.otp_per_app.min", "settings.otp_secs", "settings.sign_up"]);
        let mut create = unknown;
        create["name"] = json!("New");
        create["slug"] = json!("new");
        let mut on_create = front.admin(post("/admin/apps", create)).await.fields();
        on_create.sort();
        assert_eq!(on_create, named);
        let bad = json!({"name": "x\ny", "settings": [], "version": 0, "status": "active"});
        let answer = front.admin(ask("PATCH", &path).body(bad).header("if-match", "3")).await;
        assert_eq!(answer.fields(), ["name", "settings", "version", "If-Match", "status"]);
        assert_eq!(front.admin(get("/admin/apps/x")).await.fields(), ["app_id"]);
        let nobody = "/admin/apps/01890a5d-ac96-774b-bcce-b302099a8057";
        assert_eq!(front.admin(get(nobody)).await.brief(), (404, "APP_NOT_FOUND".to_owned()));
        let key = json!({"name": "", "scopes": ["apps:read", "all", 5], "expires_at": "tomorrow"});
        let answer = front.admin(post("/admin/admin-keys", key)).await;
        assert_eq!(answer.fields(), ["name", "scopes.1", "scopes.2", "expires_at"]);
        let past = json!({"name": "k", "scopes": [], "expires_at": "2025-01-01T00:00:00Z"});
        let answer = front.admin(post("/admin/admin-keys", past)).await;
        assert_eq!(answer.fields(), ["scopes", "expires_at"]);
        let query = front.admin(get("/admin/apps?limit=0&cursor=x&cursor=y&colour=red")).await;
        let mut fields = query.fields();
        fields.sort();
        assert_eq!(fields, ["colour", "cursor", "cursor", "limit"]);
    }

    async fn the_secret_is_rotated_at_once_or_with_an_overlap(db: TestDatabase) {
        let front = Front::start(&db).await;
        let app = front.platform.app("shop").await;
        let path = format!("/admin/apps/{}/rotate-secret", app.id);
        let status = async |secret: &str| {
            let body = json!({"app_id": app.id, "app_secret": secret, "refresh_token": "x"});
            front.send(post("/auth/revoke", body)).await.status
        };
        let first = app.secret.expose();
        assert_eq!(status(first).await, 200);
        let wrong = front.admin(post(&path, meant("shops"))).await;
        assert_eq!(wrong.fields(), ["confirm"]);
        assert_eq!(front.admin(post(&path, json!({}))).await.fields(), ["reason", "confirm"]);
        assert_eq!(status(first).await, 200);
        let second = front.admin(post(&path, meant("shop"))).await.json();
        let second = second["app_secret"].as_str().unwrap();
        assert_eq!((status(first).await, status(second).await), (401, 200));
        let third = front.admin(post(&path, json!({"overlap_seconds": 60, "reason": "a test", "confirm": app.id}))).await.json();
        let third = third["app_secret"].as_str().unwrap();
        assert_eq!((status(second).await, status(third).await), (200, 200));
        front.platform.advance(60);
        assert_eq!((status(second).await, status(third).await), (401, 200));
        let answer = front.admin(post(&path, json!({"overlap_seconds": 0, "reason": "mail ada@example.com"}))).await;
        assert_eq!(answer.fields(), ["overlap_seconds", "reason", "confirm"]);
    }

    async fn lists_come_in_pages(db: TestDatabase) {
        let front = Front::start(&db).await;
        for slug in ["one", "two", "three", "four", "five"] {
            front.platform.app(slug).await;
            front.platform.advance(1);
        }
        let (mut slugs, mut cursor, mut pages) = (Vec::new(), None::<String>, 0);
        loop {
            let from = cursor.map(|cursor| format!("&cursor={cursor}")).unwrap_or_default();
            let page = front.admin(get(format!("/admin/apps?limit=2{from}"))).await.json();
            pages += 1;
            slugs.extend(page["items"].as_array().unwrap().iter().map(|app| app["app_slug"].clone()));
            match page["next_cursor"].as_str() {
                Some(next) => cursor = Some(next.to_owned()),
                None => break,
            }
        }
        assert_eq!((slugs, pages), (["one", "two", "three", "four", "five"].map(Value::from).to_vec(), 3));

        let page = front.admin(get("/admin/audit?limit=2&action=app.created")).await.json();
        assert_eq!(page["items"][0]["details"]["slug"], "five");
        let next = page["next_cursor"].as_str().unwrap();
        let next = front.admin(get(format!("/admin/audit?limit=9&action=app.created&cursor={next}"))).await.json();
        assert_eq!(next["items"][0]["details"]["slug"], "three");
        assert_eq!((next["items"].as_array().unwrap().len(), &next["next_cursor"]), (3, &Value::Null));
        let bad = front.admin(get("/admin/audit?action=app.exploded")).await;
        assert_eq!(bad.fields(), ["action"]);
    }

    async fn the_audit_tells_who_from_where(db: TestDatabase) {
        let front = Front::start(&db).await;
        let app = front.platform.app("shop").await;
        front.platform.advance(1);
        let wrong = json!({"app_id": app.id, "app_secret": "wrong", "refresh_token": "x"});
        let refused = front.send(post("/auth/revoke", wrong).header("user-agent", "curl/8")).await;
        front.platform.core.flush_refusals().await.unwrap();
        let path = format!("/admin/audit?app_id={}&limit=1", app.id);
        let event = front.admin(get(path)).await.json()["items"][0].clone();
        assert_eq!(event["action"], "app.authentication_failed");
        assert_eq!(event["actor"], json!({"type": "anonymous", "id": null}));
        assert_eq!(event["target"], json!({"type": "app", "id": app.id}));
        assert_eq!((&event["outcome"], &event["reason"]), (&json!("refused"), &json!("TOKEN_INVALID")));
        assert_eq!(event["user_agent"], "curl/8");
        assert_eq!(event["request_id"], refused.header("x-request-id"));
    }

    async fn the_audit_is_searched_by_what_an_index_leads_to(db: TestDatabase) {
        let front = Front::start(&db).await;
        let (a, b) = (front.platform.app("app-a").await, front.platform.app("app-b").await);
        let (user, _) = front.platform.sign_in(&a, "ada@example.com").await;
        front.platform.advance(60);
        let renamed = front.admin(ask("PATCH", format!("/admin/apps/{}", a.id)).body(json!({"name": "A"}))).await;
        let request = renamed.header("x-request-id").to_owned();
        let keys = front.admin(get("/admin/admin-keys")).await.json();
        let key = keys["items"][0]["id"].as_str().unwrap().to_owned();
        let found = async |query: String| {
            let answer = front.admin(get(format!("/admin/audit?{query}"))).await;
            assert_eq!(answer.status, 200, "{query}: {}", answer.text);
            let items = answer.json()["items"].as_array().unwrap().clone();
            items.iter().map(|event| event["action"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(found(format!("request_id={request}")).await, ["app.updated"]);
        assert_eq!(found(format!("actor=admin_key:{key}")).await, ["app.updated"]);
        assert_eq!(found(format!("actor=cli&app_id={}", b.id)).await, ["app.created"]);
        assert_eq!(found(format!("target=app:{}", a.id)).await, ["app.updated", "app.created"]);
        let of_user = format!("app_id={}&target=user:{user}", a.id);
        assert!(found(of_user.clone()).await.contains(&"session.created".to_owned()));
        assert!(found(format!("{of_user}&outcome=refused")).await.is_empty());
        assert!(found(format!("actor=app:{}", a.id)).await.contains(&"otp.sent".to_owned()));
        assert_eq!(found(format!("app_id={}&since=2026-01-01T00:01:00Z", a.id)).await, ["app.updated"]);
        assert_eq!(found(format!("app_id={}&until=2026-01-01T00:00:00Z", a.id)).await, Vec::<String>::new());

        for (query, fields) in [
            ("actor=admin_key", vec!["actor"]),
            ("actor=cli:x", vec!["actor"]),
            ("actor=app:x", vec!["actor"]),
            ("actor=App:x", vec!["actor"]),
            ("actor=admin_key:%00", vec!["actor"]),
            ("target=license:%00", vec!["target"]),
            ("target=app", vec!["target"]),
            ("target=user:x", vec!["app_id"]),
            ("outcome=maybe&since=now&request_id=1", vec!["outcome", "request_id", "since"]),
        ] {
            let answer = front.admin(get(format!("/admin/audit?{query}"))).await;
            assert_eq!(answer.fields(), fields, "{query}");
        }
    }

    async fn admin_keys_live_and_die(db: TestDatabase) {
        let front = Front::start(&db).await;
        let create = json!({"name": "ci", "scopes": ["apps:read"], "expires_at": "2026-01-01T01:00:00Z"});
        let made = front.admin(post("/admin/admin-keys", create)).await;
        assert_eq!(made.status, 201);
        let made = made.json();
        let key = made["admin_key"].as_str().unwrap();
        assert_eq!(made["expires_at"], "2026-01-01T01:00:00.000Z");
        let apps = async |key: &str| {
            let by_header = front.send(get("/admin/apps").header("x-admin-key", key)).await;
            let by_bearer = front.send(get("/admin/apps").bearer(key)).await;
            assert_eq!(by_header.status, by_bearer.status);
            by_header.status
        };
        assert_eq!(apps(key).await, 200);
        // Nobody gives away more than he has.
        let limited = front.key(&[Scope::AdminKeysWrite]).await;
        let more = post("/admin/admin-keys", json!({"name": "x", "scopes": ["keys:write"]}));
        let answer = front.send(more.header("x-admin-key", limited)).await;
        assert_eq!(answer.brief(), (403, "FORBIDDEN".to_owned()));

        let listed = front.admin(get("/admin/admin-keys")).await;
        assert!(!listed.text.contains(key));
        front.platform.advance(3_600);
        assert_eq!(apps(key).await, 401);

        let other = front.key(&[Scope::AppsRead]).await;
        assert_eq!(apps(&other).await, 200);
        let listed = front.admin(get("/admin/admin-keys")).await.json();
        let id = listed["items"].as_array().unwrap().last().unwrap()["id"].as_str().unwrap().to_owned();
        for _ in 0..2 {
            let revoke = ask("DELETE", format!("/admin/admin-keys/{id}?reason=a%20test&confirm={id}"));
            assert_eq!(front.admin(revoke).await.json(), json!({"success": true}));
        }
        assert_eq!(apps(&other).await, 401);
        let unknown = ask("DELETE", "/admin/admin-keys/01890a5d-ac96-774b-bcce-b302099a8057?reason=a+test&confirm=x");
        assert_eq!(front.admin(unknown).await.brief(), (404, "NOT_FOUND".to_owned()));
    }

    async fn signing_keys_rotate(db: TestDatabase) {
        let front = Front::start(&db).await;
        let before = front.admin(get("/admin/keys")).await.json();
        assert_eq!(before["items"].as_array().unwrap().len(), 1);
        assert!(!before.to_string().contains("private"));
        let rotated = front.admin(post("/admin/keys/rotate", json!({}))).await.json();
        assert_ne!(rotated["jwt_public_key"], before["jwt_public_key"]);
        let states = async || {
            let keys = front.admin(get("/admin/keys")).await.json();
            let mut states: Vec<_> = keys["items"].as_array().unwrap().iter().map(|key| key["state"].as_str().unwrap().to_owned()).collect();
            states.sort();
            states
        };
        assert_eq!(states().await, ["active", "next", "retiring"]);
        let bare = front.admin(post("/admin/keys/rotate", json!({"retire_now": true}))).await;
        assert_eq!(bare.fields(), ["reason", "confirm"]);
        let mut at_once = meant(&rotated["kid"]);
        at_once["retire_now"] = json!(true);
        let at_once = front.admin(post("/admin/keys/rotate", at_once)).await;
        assert_eq!(at_once.status, 200);
        assert!(states().await.contains(&"retired".to_owned()));
        let bad = front.admin(post("/admin/keys/rotate", json!({"retire_now": "yes", "x": 1}))).await;
        assert_eq!(bad.fields(), ["retire_now", "x"]);
    }

    async fn the_dev_aids_exist_only_in_dev(db: TestDatabase) {
        let front = Front::start(&db).await;
        let app = front.platform.app("shop").await;
        let local = |ask: crate::front::Ask| ask.header("host", "localhost:3001");
        let outbox = local(get("/dev/outbox?to=ada@example.com"));
        let clock = local(post("/dev/clock", json!({"advance_seconds": 90})));
        for ask in [&outbox, &clock] {
            assert_eq!(front.admin(ask.clone()).await.status, 404);
        }
        let dev = front.dev();
        let sent = post("/auth/send-otp", json!({"email": "ada@example.com", "purpose": "LOGIN"}));
        front.send(sent.by(&app)).await;
        let code = front.platform.code(app.id, "ada@example.com", 0).await;
        let shown = send_to(dev.clone(), &outbox).await.json();
        assert_eq!(shown[0]["code"], code.expose());
        assert_eq!(shown[0]["app_id"], json!(app.id));
        let other = local(get(format!("/dev/outbox?app_id={}", uuid::Uuid::nil())));
        assert_eq!(send_to(dev.clone(), &other).await.json(), json!([]));

        let moved = send_to(dev.clone(), &clock).await.json();
        assert_eq!(moved, json!({"now": "2026-01-01T00:01:30.000Z"}));
        for bad in [json!({}), json!({"advance_seconds": -1}), json!({"advance_seconds": 1, "x": 1})] {
            assert_eq!(send_to(dev.clone(), &local(post("/dev/clock", bad))).await.status, 400);
        }
        // A page that made its name point here, and a page that knows the address.
        for stranger in [
            get("/dev/outbox").header("host", "evil.example:3001"),
            get("/dev/outbox"),
            outbox.header("origin", "https://evil.example"),
        ] {
            assert_eq!(send_to(dev.clone(), &stranger).await.brief(), (403, "FORBIDDEN".to_owned()));
        }
    }

    async fn faces_do_not_mix(db: TestDatabase) {
        let front = Front::start(&db).await;
        for path in ["/admin/apps", "/metrics", "/dev/outbox", "/admin/audit"] {
            let ask = get(path).header("x-admin-key", front.admin_key.clone());
            assert_eq!(send_to(front.public.clone(), &ask).await.status, 404, "{path}");
        }
        let ask = post("/auth/send-otp", json!({}));
        assert_eq!(send_to(front.operator.clone(), &ask).await.status, 404);
    }
}
