//! The public keys of licence files.

use std::collections::BTreeSet;

use doorward_domain::Code;
use doorward_service::license_keys;
use doorward_testkit::on_both_engines;
use doorward_verify::JwksSet;

use crate::front::{Front, get, post};

async fn kids(front: &Front, path: &str) -> BTreeSet<String> {
    let answer = front.send(get(path)).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let set = JwksSet::from_json(&answer.text).unwrap();
    set.iter().map(|key| key.kid().to_owned()).collect()
}

on_both_engines! {
    async fn keys_are_cacheable_and_each_app_has_its_own(db: TestDatabase) {
        let front = Front::start(&db).await;
        let (a, b) = (front.platform.app("app-a").await, front.platform.app("app-b").await);
        let path = format!("/apps/{}/license-keys.json", a.id);
        let answer = front.send(get(path.as_str())).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("content-type"), "application/json");
        assert_eq!(answer.header("cache-control"), "public, max-age=300");
        assert_eq!(answer.header("access-control-allow-origin"), "*");
        let key = &answer.json()["keys"][0];
        assert_eq!((&key["alg"], &key["crv"], key.get("d")), (&"EdDSA".into(), &"Ed25519".into(), None));
        let etag = answer.header("etag").to_owned();
        let kept = front.send(get(path.as_str()).header("if-none-match", etag.clone())).await;
        assert_eq!((kept.status, kept.text.as_str(), kept.header("etag")), (304, "", etag.as_str()));

        let ours = kids(&front, &path).await;
        assert_eq!(ours.len(), 1);
        assert_ne!(ours, kids(&front, &format!("/apps/{}/license-keys.json", b.id)).await);
        // None of them signs access tokens.
        let service = front.send(get("/.well-known/jwks.json")).await;
        assert!(!service.text.contains(ours.first().unwrap()));

        let operator = front.platform.operator();
        let rotated = license_keys::rotate(&front.platform.core, &operator, a.id, front.platform.deliberate(a.id)).await.unwrap();
        let fresh = front.send(get(path.as_str()).header("if-none-match", etag)).await;
        assert_eq!((fresh.status, fresh.header("etag")), (200, rotated.etag.as_str()));
        let both = kids(&front, &path).await;
        assert!(both.len() == 2 && both.is_superset(&ours) && both.contains(&rotated.active_kid));
        let events = front.platform.events(Some(a.id)).await;
        let rotations = events.iter().filter(|event| event.action == "license_key.rotated");
        assert_eq!(rotations.count(), 2);
    }

    async fn unknown_and_deactivated_apps_have_none(db: TestDatabase) {
        let front = Front::start(&db).await;
        let app = front.platform.app("shop").await;
        let nobody = front.send(get("/apps/0190aaaa-0000-7000-8000-000000000000/license-keys.json")).await;
        assert_eq!(nobody.brief(), (404, "APP_NOT_FOUND".to_owned()));
        let nonsense = front.send(get("/apps/shop/license-keys.json")).await;
        assert_eq!(nonsense.fields(), ["app_id"]);
        let deactivate = post(format!("/admin/apps/{}/deactivate", app.id), crate::front::meant(app.id));
        assert_eq!(front.admin(deactivate).await.status, 200);
        let gone = front.send(get(format!("/apps/{}/license-keys.json", app.id))).await;
        assert_eq!(gone.brief(), (404, "APP_NOT_FOUND".to_owned()));
    }

    /// Nodes keep nothing of it in memory, so many at once are as good as many nodes.
    async fn many_who_ask_first_get_one_key(db: TestDatabase) {
        let front = Front::start(&db).await;
        let app = front.platform.app("shop").await;
        let core = &front.platform.core;
        let asks: Vec<_> = (0..16)
            .map(|_| {
                let core = std::sync::Arc::clone(core);
                let id = app.id;
                tokio::spawn(async move {
                    let context = core.system_context();
                    license_keys::published(&core, &context, id).await.unwrap()
                })
            })
            .collect();
        let mut seen = BTreeSet::new();
        for ask in asks {
            seen.insert(ask.await.unwrap().jwks);
        }
        assert_eq!(seen.len(), 1);
        let operator = front.platform.operator();
        let rotations: Vec<_> = (0..8)
            .map(|_| {
                let (core, operator, id) = (std::sync::Arc::clone(core), operator.clone(), app.id);
                let meant = front.platform.deliberate(id);
                tokio::spawn(async move { license_keys::rotate(&core, &operator, id, meant).await })
            })
            .collect();
        let mut made = 0;
        for rotation in rotations {
            match rotation.await.unwrap() {
                Ok(_) => made += 1,
                Err(error) => assert_eq!(error.code(), Code::Conflict),
            }
        }
        let (keys, _) = license_keys::list(core, &operator, app.id, None, 100).await.unwrap();
        assert_eq!(keys.len(), made + 1);
        assert_eq!(keys.iter().filter(|key| key.retired_at.is_none()).count(), 1);
        assert!(keys.iter().all(|key| key.sealed_private.is_none()));
    }

    /// A key outlives the master key that sealed it, because programs that carry it do.
    async fn a_key_is_sealed_anew_under_a_new_master_key(db: TestDatabase) {
        let front = Front::start(&db).await;
        let app = front.platform.app("shop").await;
        let path = format!("/apps/{}/license-keys.json", app.id);
        let ours = kids(&front, &path).await;
        let stored = async || {
            let id = app.id;
            let read = front.platform.core.store.read(move |tx| {
                Ok::<_, doorward_service::Error>(tx.app(id).license_keys()?)
            });
            read.await.unwrap()[0].sealed_private.clone().unwrap()
        };
        let before = stored().await;
        let node = front.platform.node_with_new_master_key().await;
        let set = license_keys::published(&node, &node.system_context(), app.id).await.unwrap();
        assert!(ours.contains(&set.active_kid));
        let after = stored().await;
        assert!(before != after && node.keyring.is_outdated(&before) && !node.keyring.is_outdated(&after));
        let again = license_keys::published(&node, &node.system_context(), app.id).await.unwrap();
        assert_eq!((again, stored().await), (set, after));
        node.store.close().await;
    }

    async fn the_number_of_keys_is_bounded(db: TestDatabase) {
        let front = Front::start(&db).await;
        let app = front.platform.app("shop").await;
        let (core, operator) = (&front.platform.core, front.platform.operator());
        for _ in 0..32 {
            license_keys::rotate(core, &operator, app.id, front.platform.deliberate(app.id)).await.unwrap();
        }
        let refused = license_keys::rotate(core, &operator, app.id, front.platform.deliberate(app.id)).await.unwrap_err();
        assert_eq!(refused.code(), Code::Conflict);
        let path = format!("/apps/{}/license-keys.json", app.id);
        assert_eq!(kids(&front, &path).await.len(), 32);
    }
}
