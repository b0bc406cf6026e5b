//! Apps and their credentials, admin keys.

use doorward_domain::scope::{Scope, Scopes};
use doorward_domain::secret::AppSecret;
use doorward_domain::{AppId, Code, OsRandom};
use doorward_service::admin_keys::{self, CreateAdminKey};
use doorward_service::apps::{self, CreateApp, UpdateApp};
use doorward_service::{Operator, Result};
use doorward_testkit::on_both_engines;
use doorward_testkit::platform::Platform;

fn code<T>(result: Result<T>) -> Option<Code> {
    result.err().map(|error| error.code())
}

fn some_managers() -> Scopes {
    [Scope::AppsRead, Scope::AdminKeysWrite]
        .into_iter()
        .collect()
}

on_both_engines! {
    async fn wrong_credentials_are_alike(db: TestDatabase) {
        let platform = Platform::start(&db).await;
        let app = platform.app("shop").await;
        let dead = platform.app("dead").await;
        apps::deactivate(&platform.core, &platform.operator(), dead.id, platform.deliberate("dead")).await.unwrap();
        let wrong = AppSecret::generate(&OsRandom);
        let unknown = AppId::from_uuid(uuid::Uuid::from_u128(5));
        let mut texts = Vec::new();
        for (id, secret) in
            [(app.id, &wrong), (unknown, &wrong), (dead.id, &dead.secret), (app.id, &dead.secret)]
        {
            let refused = apps::authenticate(&platform.core, platform.context(), id, secret).await;
            texts.push(refused.err().unwrap().to_string());
        }
        assert!(texts.iter().all(|text| *text == texts[0]), "{texts:?}");
        let events = platform.events(Some(app.id)).await;
        let failed =
            events.iter().filter(|event| event.action == "app.authentication_failed").count();
        assert_eq!(failed, 2);
    }

    async fn rotated_secret_dies_at_once_on_every_node(db: TestDatabase) {
        let platform = Platform::start(&db).await;
        let second = platform.second_node().await;
        let app = platform.app("shop").await;
        // Both nodes have the app cached.
        platform.authenticate(&app).await;
        let held = platform.authenticate_at(&second, &app).await.unwrap();
        let (_, tokens) = platform.sign_in(&app, "ada@example.com").await;
        let operator = platform.operator();
        let fresh = apps::rotate_secret(&platform.core, &operator, app.id, None, platform.deliberate(app.id)).await.unwrap();
        assert_eq!(code(platform.authenticate_at(&platform.core, &app).await), Some(Code::TokenInvalid));
        // The other node still has the old copy; the write it authorised is refused all the same.
        let request = doorward_service::sessions::Refresh {
            refresh_token: tokens.refresh_token.clone(),
            idempotency_key: None,
            tenant_id: None,
        };
        let refused = doorward_service::sessions::refresh(&second, &held, request.clone()).await;
        assert_eq!(code(refused), Some(Code::TokenInvalid));
        let refused =
            doorward_service::sessions::revoke(&second, &held, &tokens.refresh_token).await;
        assert_eq!(code(refused), Some(Code::TokenInvalid));
        // The token was not touched by any of it.
        let app = doorward_testkit::platform::TestApp { secret: fresh, ..app };
        let context = platform.authenticate_at(&second, &app).await.unwrap();
        doorward_service::sessions::refresh(&second, &context, request).await.unwrap();
    }

    async fn overlap_is_chosen_and_ends(db: TestDatabase) {
        let platform = Platform::start(&db).await;
        let app = platform.app("shop").await;
        let operator = platform.operator();
        let bad = apps::rotate_secret(&platform.core, &operator, app.id, Some(0), platform.deliberate(app.id)).await;
        assert_eq!(code(bad), Some(Code::ValidationError));
        apps::rotate_secret(&platform.core, &operator, app.id, Some(600), platform.deliberate(app.id)).await.unwrap();
        platform.advance(599);
        platform.authenticate(&app).await;
        platform.advance(1);
        assert_eq!(code(platform.authenticate_at(&platform.core, &app).await), Some(Code::TokenInvalid));
    }

    async fn create_update_conflict(db: TestDatabase) {
        let platform = Platform::start(&db).await;
        let app = platform.app("shop").await;
        let operator = platform.operator();
        let core = &platform.core;
        let request = |name: &str, slug: &str| CreateApp {
            name: name.to_owned(),
            slug: slug.to_owned(),
            settings: None,
        };
        let taken = apps::create(core, &operator, request("Shop", "shop")).await;
        assert_eq!(code(taken), Some(Code::Conflict));
        let bad = apps::create(core, &operator, request("", "S!")).await.unwrap_err();
        let fields: Vec<_> = bad.details().iter().map(|field| field.field.as_ref()).collect();
        assert_eq!(fields, ["name", "slug"]);
        let patch = |json: serde_json::Value| UpdateApp {
            settings: json.as_object().cloned(),
            ..UpdateApp::default()
        };
        let changed = apps::update(core, &operator, app.id, patch(serde_json::json!({
            "otp_seconds": 120, "limits": { "otp_per_contact": { "max": 5, "seconds": 60 } }
        })))
        .await
        .unwrap();
        assert_eq!((changed.settings.otp_seconds, changed.version), (120, 2));
        assert_eq!(changed.settings.limits.otp_per_contact.max, 5);
        let reset = apps::update(core, &operator, app.id, patch(serde_json::json!({
            "otp_seconds": null
        })))
        .await
        .unwrap();
        assert_eq!(reset.settings.otp_seconds, 300);
        for bad in [
            serde_json::json!({ "otp_secs": 1 }),
            serde_json::json!({ "otp_seconds": 5 }),
            serde_json::json!({ "sign_up": "yes" }),
        ] {
            let refused = apps::update(core, &operator, app.id, patch(bad)).await;
            assert_eq!(code(refused), Some(Code::ValidationError));
        }
        let stale = UpdateApp {
            name: Some("New".to_owned()),
            expected_version: Some(1),
            ..UpdateApp::default()
        };
        assert_eq!(code(apps::update(core, &operator, app.id, stale).await), Some(Code::Conflict));
        let unknown = AppId::from_uuid(uuid::Uuid::from_u128(5));
        let nowhere = apps::update(core, &operator, unknown, UpdateApp::default()).await;
        assert_eq!(code(nowhere), Some(Code::AppNotFound));
    }

    async fn admin_keys_are_scoped_expiring_revocable(db: TestDatabase) {
        let platform = Platform::start(&db).await;
        let core = &platform.core;
        let operator = platform.operator();
        let now = platform.context().now();
        let request = |scopes: Scopes, expires: Option<i64>| CreateAdminKey {
            name: "ci".to_owned(),
            scopes,
            expires_at: expires.map(|s| doorward_domain::time::plus_seconds(now, s)),
            reason: None,
        };
        let some: Scopes = [Scope::AppsRead, Scope::AdminKeysWrite].into_iter().collect();
        let made = admin_keys::create(core, &operator, request(some, Some(3600))).await.unwrap();
        let by_key = admin_keys::authenticate(core, platform.context(), made.key.expose())
            .await
            .unwrap();
        apps::list(core, &by_key, None, 10).await.unwrap();
        let denied = apps::deactivate(core, &by_key, AppId::from_uuid(uuid::Uuid::nil()), platform.deliberate("x")).await;
        assert_eq!(code(denied), Some(Code::Forbidden));
        // Nobody gives away what he does not have.
        let wider = admin_keys::create(core, &by_key, request(Scopes::all(), None)).await;
        assert_eq!(code(wider), Some(Code::Forbidden));
        platform.advance(3600);
        let late = admin_keys::authenticate(core, platform.context(), made.key.expose()).await;
        assert_eq!(code(late.map(|_: Operator| ())), Some(Code::TokenInvalid));
        let other = admin_keys::create(core, &operator, request(Scopes::all(), None)).await.unwrap();
        admin_keys::authenticate(core, platform.context(), other.key.expose()).await.unwrap();
        let revoke = |even_the_last| admin_keys::RevokeAdminKey {
            deliberate: platform.deliberate(other.record.id),
            even_the_last,
        };
        let last = admin_keys::revoke(core, &operator, other.record.id, revoke(false)).await;
        assert_eq!(code(last), Some(Code::SelfProtection), "nobody could manage keys any more");
        // A key that ends tomorrow is no other one; one that lives on is.
        for (seconds, expected) in [(86_400 + 3_600, Some(Code::SelfProtection)), (86_401 + 3_600, None)] {
            let brief = admin_keys::create(core, &operator, request(Scopes::all(), Some(seconds))).await.unwrap();
            let last = admin_keys::revoke(core, &operator, other.record.id, revoke(false)).await;
            assert_eq!(code(last), expected, "{seconds}");
            let its = admin_keys::RevokeAdminKey { deliberate: platform.deliberate(brief.record.id), even_the_last: true };
            admin_keys::revoke(core, &operator, brief.record.id, its).await.unwrap();
        }
        admin_keys::revoke(core, &operator, other.record.id, revoke(true)).await.unwrap();
        let second = platform.second_node().await;
        for node in [core, &second] {
            let dead = admin_keys::authenticate(node, platform.context(), other.key.expose()).await;
            assert_eq!(code(dead.map(|_: Operator| ())), Some(Code::TokenInvalid));
        }
        for nonsense in ["", "dwa_", "dwa_AAAA", &made.key.expose().replace("dwa_", "dwr_")] {
            let bad = admin_keys::authenticate(core, platform.context(), nonsense).await;
            assert_eq!(code(bad.map(|_: Operator| ())), Some(Code::TokenInvalid));
        }
    }

    /// Somebody who may manage keys and nothing else must not lock out whoever may do the rest: no key
    /// that is left could make such a one again.
    async fn the_last_key_that_can_do_everything_stays(db: TestDatabase) {
        let platform = Platform::start(&db).await;
        let (core, operator) = (&platform.core, platform.operator());
        let request = |scopes: Scopes| CreateAdminKey {
            name: "key".to_owned(),
            scopes,
            expires_at: None,
            reason: None,
        };
        let manager = admin_keys::create(core, &operator, request(some_managers())).await.unwrap();
        let by_manager = admin_keys::authenticate(core, platform.context(), manager.key.expose()).await.unwrap();
        let revoke = |id| admin_keys::RevokeAdminKey { deliberate: platform.deliberate(id), even_the_last: true };
        for _ in 0..4 {
            let first = admin_keys::create(core, &operator, request(Scopes::all())).await.unwrap().record.id;
            let alone = admin_keys::revoke(core, &by_manager, first, revoke(first)).await;
            assert_eq!(code(alone), Some(Code::SelfProtection), "it is the only one");
            let second = admin_keys::create(core, &operator, request(Scopes::all())).await.unwrap().record.id;
            // Both at once, on two nodes: one of them stays.
            let node = platform.second_node().await;
            let (one, other) = tokio::join!(
                admin_keys::revoke(core, &by_manager, first, revoke(first)),
                admin_keys::revoke(&node, &by_manager, second, revoke(second)),
            );
            let refused = [code(one), code(other)];
            assert_eq!(refused.iter().filter(|code| code.is_none()).count(), 1, "{refused:?}");
            assert!(refused.contains(&Some(Code::SelfProtection)), "{refused:?}");
            node.store.close().await;
            // Whoever is at the command line may all the same.
            for id in [first, second] {
                admin_keys::revoke(core, &operator, id, revoke(id)).await.unwrap();
            }
        }
    }
}
