//! The rules of `Idempotency-Key` on the operator face, beyond those every operation is tried for.

use doorward_testkit::on_both_engines;
use serde_json::{Value, json};

use crate::front::{Answer, Ask, Front, ask, get, post};

fn new_app(slug: &str) -> Ask {
    post("/admin/apps", json!({"name": "Shop", "slug": slug}))
}

async fn with_key(front: &Front, ask: Ask, key: &str) -> Answer {
    front.admin(ask.header("idempotency-key", key)).await
}

async fn apps(front: &Front) -> usize {
    let list = front.admin(get("/admin/apps")).await.json();
    list["items"].as_array().unwrap().len()
}

on_both_engines! {
    async fn another_request_with_the_same_key_is_a_conflict(db: TestDatabase) {
        let front = Front::start(&db).await;
        let first = with_key(&front, new_app("shop"), "k").await;
        assert_eq!(first.status, 201);
        let answer = with_key(&front, new_app("other"), "k").await;
        assert_eq!(answer.brief(), (409, "CONFLICT".to_owned()));
        assert!(answer.text.contains("another request"), "{}", answer.text);
        // The same body to another operation.
        let tenant = post(format!("/admin/apps/{}/tenants", first.json()["app_id"].as_str().unwrap()),
            json!({"name": "Shop", "slug": "shop"}));
        assert_eq!(with_key(&front, tenant, "k").await.status, 400, "an unknown field");
        assert_eq!(apps(&front).await, 1);
        // However the JSON was written, it is the same request.
        let mut turned = new_app("shop");
        turned.body = Some(serde_json::from_str(r#"{"slug": "shop",   "name": "Shop"}"#).unwrap());
        assert_eq!(with_key(&front, turned, "k").await.text, first.text);
    }

    async fn of_many_at_once_one_creates_and_all_are_told(db: TestDatabase) {
        let front = std::sync::Arc::new(Front::start(&db).await);
        let callers: Vec<_> = (0..16).map(|_| {
            let front = std::sync::Arc::clone(&front);
            tokio::spawn(async move { with_key(&front, new_app("shop"), "k").await })
        }).collect();
        let mut told = std::collections::BTreeSet::new();
        for caller in callers {
            let answer = caller.await.unwrap();
            assert_eq!(answer.status, 201, "{}", answer.text);
            told.insert(answer.text);
        }
        assert_eq!(told.len(), 1, "one secret");
        assert_eq!(apps(&front).await, 1);
        let events = front.platform.events(None).await;
        let count = |action: &str| events.iter().filter(|event| event.action == action).count();
        assert_eq!((count("app.created"), count("operator.answer_repeated")), (1, 15));
    }

    /// The audit names the operation, and nothing that was in it: it keeps it for good.
    async fn of_a_repeated_call_only_its_operation_is_noted(db: TestDatabase) {
        let front = Front::start(&db).await;
        let app = front.platform.app("shop").await.id;
        let tenant = || post(format!("/admin/apps/{app}/tenants?note=ada@example.com"), json!({"name": "T"}));
        let first = with_key(&front, tenant(), "k").await;
        assert_eq!(first.status, 201, "{}", first.text);
        assert_eq!(with_key(&front, tenant(), "k").await.text, first.text);
        let another = post(format!("/admin/apps/{app}/tenants"), json!({"name": "T"}));
        assert_eq!(with_key(&front, another, "k").await.status, 409, "the query is part of the request");
        let events = front.platform.events(Some(app)).await;
        let noted: Vec<_> = events.iter().filter(|event| event.action == "operator.answer_repeated").collect();
        assert_eq!(noted.len(), 1);
        assert_eq!(noted[0].details, Some(json!({"operation": "POST /admin/apps/{app_id}/tenants"})));
    }

    async fn after_a_day_the_key_is_new(db: TestDatabase) {
        let front = Front::start(&db).await;
        let tenant = |app: &str| post(format!("/admin/apps/{app}/tenants"), json!({"name": "T"}));
        let app = front.platform.app("shop").await.id.to_string();
        let first = with_key(&front, tenant(&app), "k").await.json();
        front.platform.advance(86_399);
        assert_eq!(with_key(&front, tenant(&app), "k").await.json(), first);
        front.platform.advance(1);
        let later = with_key(&front, tenant(&app), "k").await.json();
        assert_ne!(later["id"], first["id"]);
        // Maintenance forgets what is over.
        front.platform.advance(86_401);
        let done = doorward_service::maintenance::run(&front.platform.core, true).await.unwrap();
        let doorward_service::maintenance::Run::Done(purged) = done else { panic!("it is due") };
        assert_eq!(purged.idempotency_keys, 1);
    }

    async fn what_is_refused_can_be_put_right_under_the_same_key(db: TestDatabase) {
        let front = Front::start(&db).await;
        with_key(&front, new_app("shop"), "first").await;
        // The slug is taken, which only the transaction finds out.
        let taken = with_key(&front, new_app("shop"), "k").await;
        assert_eq!(taken.brief(), (409, "CONFLICT".to_owned()));
        assert_eq!(with_key(&front, new_app("other"), "k").await.status, 201);
        assert_eq!(apps(&front).await, 2);
    }

    async fn an_answer_too_long_to_keep_creates_nothing(db: TestDatabase) {
        let front = Front::start(&db).await;
        let app = front.platform.app("shop").await.id;
        let path = format!("/admin/apps/{app}/licenses");
        let entitlements: serde_json::Map<String, Value> = (0..50)
            .map(|n| (format!("feature_{n}_{}", "x".repeat(40)), json!(9_007_199_254_740_991_i64)))
            .collect();
        let many = json!({"count": 500, "entitlements": entitlements});
        let refused = with_key(&front, post(&path, many.clone()), "k").await;
        assert_eq!(refused.fields(), ["Idempotency-Key"]);
        let list = front.admin(get(&path)).await.json();
        assert_eq!(list["items"], json!([]));
        let fewer = json!({"count": 100, "entitlements": entitlements});
        let made = with_key(&front, post(&path, fewer.clone()), "k").await;
        assert_eq!(made.status, 201, "{}", made.text);
        assert_eq!(with_key(&front, post(&path, fewer), "k").await.text, made.text);
    }

    async fn what_is_kept_is_sealed(db: TestDatabase) {
        let front = Front::start(&db).await;
        let made = with_key(&front, new_app("shop"), "k").await.json();
        let secret = made["app_secret"].as_str().unwrap();
        let hash = stored_under(&front).await;
        let kept = front.platform.database.store()
            .read(move |tx| tx.platform().idempotent_answer(&hash, "2026-01-01T00:00:00Z".parse().unwrap()))
            .await.unwrap().unwrap().sealed.unwrap();
        let text = String::from_utf8_lossy(&kept);
        assert!(!text.contains(secret) && !text.contains("shop"));
    }

    async fn without_the_master_key_that_sealed_it_nothing_is_told_or_created(db: TestDatabase) {
        let front = Front::start(&db).await;
        let made = with_key(&front, new_app("shop"), "k").await;
        assert_eq!(made.status, 201);
        // Another answer in its place: it opens nowhere else.
        let hash = stored_under(&front).await;
        front.platform.database.store()
            .write(move |tx| tx.platform().store_idempotent_answer(&hash, &[1; 80]))
            .await.unwrap();
        let answer = with_key(&front, new_app("shop"), "k").await;
        assert_eq!(answer.brief(), (409, "CONFLICT".to_owned()));
        assert!(answer.text.contains("no longer be shown"), "{}", answer.text);
        assert_eq!(apps(&front).await, 1);
    }

    async fn calls_that_create_nothing_take_no_notice(db: TestDatabase) {
        let front = Front::start(&db).await;
        let app = front.platform.app("shop").await.id;
        let patch = |name: &str| ask("PATCH", format!("/admin/apps/{app}")).body(json!({"name": name}));
        for name in ["One", "Two"] {
            let answer = with_key(&front, patch(name), "k").await.json();
            assert_eq!(answer["name"], Value::from(name));
        }
    }
}

/// What the key `k` of the test's operator is stored under.
async fn stored_under(front: &Front) -> [u8; 32] {
    let keys = front.admin(get("/admin/admin-keys")).await.json();
    let id = keys["items"][0]["id"].as_str().unwrap().to_owned();
    doorward_crypto::idempotency::operator_key_hash("admin_key", &id, "k")
}
