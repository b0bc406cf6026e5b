//! Signing keys: first start, rotation, retirement, two nodes, the master key.

use std::sync::Arc;

use doorward_crypto::keyring::{Keyring, MasterKey};
use doorward_domain::{Code, OsRandom, SystemClock};
use doorward_service::signing::{self, RotateMode};
use doorward_service::{Core, CoreParts, PlatformSettings, jobs, sessions};
use doorward_testkit::on_both_engines;
use doorward_testkit::platform::Platform;

fn kids(core: &Core) -> Vec<String> {
    let jwks: serde_json::Value = serde_json::from_str(&core.signing().jwks()).unwrap();
    jwks["keys"]
        .as_array()
        .unwrap()
        .iter()
        .map(|key| key["kid"].as_str().unwrap().to_owned())
        .collect()
}

on_both_engines! {
    async fn rotation_needs_no_restart_and_keeps_old_tokens_alive(db: TestDatabase) {
        let platform = Platform::start(&db).await;
        let second = platform.second_node().await;
        let app = platform.app("shop").await;
        let (_, tokens) = platform.sign_in(&app, "ada@example.com").await;
        let first = kids(&platform.core);
        assert_eq!(first, kids(&second));
        signing::tick(&platform.core).await.unwrap();
        assert_eq!(kids(&platform.core).len(), 2, "the next key is published before it signs");
        let etag = platform.core.signing().etag();
        let operator = platform.operator();
        signing::rotate(&platform.core, &operator, RotateMode::Overlap).await.unwrap();
        assert_ne!(platform.core.signing().etag(), etag);
        let after = kids(&platform.core);
        assert_eq!(after.len(), 3);
        assert!(after.contains(&first[0]));
        jobs::follow_state(&second).await.unwrap();
        assert_eq!(kids(&second), after);
        // A token of the old key is still good, at both nodes.
        for node in [&platform.core, &second] {
            sessions::me(node, tokens.access_token.expose()).await.unwrap();
        }
        // When its last token is dead, the old key goes.
        platform.advance(3600 + 3600);
        signing::tick(&platform.core).await.unwrap();
        assert!(!kids(&platform.core).contains(&first[0]));
        let keys = signing::list(&platform.core, &operator, None, 100).await.unwrap();
        assert!(keys.iter().all(|key| key.sealed_private.is_none()));
    }

    async fn leaked_key_is_out_at_once(db: TestDatabase) {
        let platform = Platform::start(&db).await;
        let app = platform.app("shop").await;
        let (_, tokens) = platform.sign_in(&app, "ada@example.com").await;
        signing::rotate(&platform.core, &platform.operator(), platform.retire_now()).await.unwrap();
        let refused = sessions::me(&platform.core, tokens.access_token.expose()).await;
        assert_eq!(refused.unwrap_err().code(), Code::TokenInvalid);
        let (_, fresh) = platform.sign_in(&app, "ada@example.com").await;
        sessions::me(&platform.core, fresh.access_token.expose()).await.unwrap();
    }

    async fn scheduled_rotation_by_two_nodes_makes_one(db: TestDatabase) {
        let platform = Platform::start(&db).await;
        let second = platform.second_node().await;
        let (a, b) = tokio::join!(signing::tick(&platform.core), signing::tick(&second));
        a.unwrap();
        b.unwrap();
        platform.advance(90 * 86_400);
        for _ in 0..3 {
            let (a, b) = tokio::join!(signing::tick(&platform.core), signing::tick(&second));
            a.unwrap();
        b.unwrap();
        }
        jobs::follow_state(&platform.core).await.unwrap();
        jobs::follow_state(&second).await.unwrap();
        assert_eq!(kids(&platform.core), kids(&second));
        assert_eq!(kids(&second).len(), 3, "retiring, active, next");
        let rotated = platform.events(None).await;
        let rotated = rotated.iter().filter(|event| event.action == "signing_key.rotated").count();
        assert_eq!(rotated, 1);
    }

    async fn two_first_starts_agree(db: TestDatabase) {
        let platform = Platform::start(&db).await;
        let (a, b) = tokio::join!(platform.second_node(), platform.second_node());
        assert_eq!(kids(&a), kids(&b));
        assert_eq!(kids(&a).len(), 1);
    }

    async fn another_master_key_is_refused_with_a_clear_word(db: TestDatabase) {
        let platform = Platform::start(&db).await;
        let refused = Core::start(CoreParts {
            store: platform.database.store(),
            keyring: Arc::new(Keyring::new(MasterKey::generate(&OsRandom), Vec::new())),
            clock: Arc::new(SystemClock),
            random: Arc::new(OsRandom),
            settings: PlatformSettings::new("https://auth.example.com"),
        })
        .await;
        let error = refused.err().expect("it does not start");
        assert!(error.internal_message().unwrap().contains("master key"), "{error:?}");
    }
}
