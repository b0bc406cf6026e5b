//! Signing keys that an attacker brings, has, or makes too many of.

use doorward_crypto::jwt::{ACCESS_TOKEN_TYP, AccessClaims};
use doorward_crypto::signing::SigningKey;
use doorward_domain::signing::{KeyState, SigningAlg};
use doorward_domain::{Code, ids};
use doorward_service::signing::{self, RotateMode, StoredSigningKey};
use doorward_service::{Core, sessions};
use doorward_store::StoreError;
use doorward_testkit::on_both_engines;
use doorward_testkit::platform::{ISSUER, Platform, TestApp};

use super::support::code;

/// An access token that the holder of this key can make.
fn forged(platform: &Platform, app: &TestApp, key: &SigningKey) -> String {
    let now = platform.core.clock.now().as_second();
    let id = ids::uuid_v4(&doorward_domain::OsRandom);
    let claims = AccessClaims {
        iss: ISSUER,
        sub: doorward_domain::UserId::from_uuid(id),
        aud: [ISSUER, app.slug.as_str()],
        app_id: app.id,
        app_slug: app.slug.as_str(),
        tenant_id: None,
        roles: &[doorward_domain::role::RoleName::owner()],
        permissions: &[],
        entitlements: &doorward_domain::entitlement::Entitlements::default(),
        sid: doorward_domain::SessionId::from_uuid(id),
        iat: now,
        nbf: now,
        exp: now + 600,
        jti: id,
        auth_time: now,
        amr: &["otp"],
    };
    key.sign_jws(ACCESS_TOKEN_TYP, &claims.to_json().unwrap())
        .unwrap()
}

fn kids(core: &Core) -> Vec<String> {
    let jwks: serde_json::Value = serde_json::from_str(&core.signing().jwks()).unwrap();
    let keys = jwks["keys"].as_array().unwrap().iter();
    keys.map(|key| key["kid"].as_str().unwrap().to_owned())
        .collect()
}

on_both_engines! {
    // Who has read the keys of a node has the next one too: after the answer to a leak it was
    // the one that signs.
    async fn the_answer_to_a_leak_leaves_no_key_that_lay_beside_it(db: TestDatabase) {
        let platform = Platform::start(&db).await;
        let operator = platform.operator();
        signing::rotate(&platform.core, &operator, RotateMode::Overlap).await.unwrap();
        let leaked = kids(&platform.core);
        assert_eq!(leaked.len(), 3);
        let active =
            signing::rotate(&platform.core, &operator, platform.retire_now()).await.unwrap();
        assert!(!leaked.contains(&active));
        let now = kids(&platform.core);
        assert!(now.contains(&active));
        assert!(now.iter().all(|kid| !leaked.contains(kid)), "{now:?}");
    }

    // Whoever can write to the database, but has no master key, put a public key of his own into
    // the JWKS and signed tokens for every app.
    async fn a_key_that_the_master_key_did_not_seal_is_not_published(db: TestDatabase) {
        let platform = Platform::start(&db).await;
        let app = platform.app("shop").await;
        let (own, _) = SigningKey::generate(SigningAlg::Es256).unwrap();
        let row = StoredSigningKey {
            kid: own.kid().to_owned(),
            alg: SigningAlg::Es256,
            state: KeyState::Retiring,
            public_der: own.public().spki_der().to_vec(),
            sealed_private: None,
            created_at: platform.core.clock.now(),
            activated_at: None,
            retiring_at: None,
            retire_after: None,
            retired_at: None,
        };
        platform
            .core
            .store
            .write(move |tx| {
                let mut platform = tx.platform();
                let inserted = platform.insert_signing_key(&row)?;
                platform.bump_state()?;
                Ok::<_, StoreError>(inserted)
            })
            .await
            .unwrap();
        drop(signing::reload(&platform.core).await);
        assert!(!platform.core.signing().jwks().contains(own.kid()));
        let me = sessions::me(&platform.core, &forged(&platform, &app, &own)).await;
        assert_eq!(code(me), Some(Code::TokenInvalid));
    }

    // Each rotation publishes one key more for two hours; a JWKS of more than 64 is refused by
    // verifiers, ours included, and no node could start any more.
    async fn rotating_without_end_does_not_break_the_jwks(db: TestDatabase) {
        let platform = Platform::start(&db).await;
        let operator = platform.operator();
        let mut refused = None;
        for _ in 0..70 {
            if let Err(error) = signing::rotate(&platform.core, &operator, RotateMode::Overlap).await {
                refused = Some(error.code());
                break;
            }
        }
        platform.second_node().await;
        assert!(kids(&platform.core).len() <= 32);
        assert_eq!(refused, Some(Code::Conflict));
        // A leaked key can be retired all the same.
        signing::rotate(&platform.core, &operator, platform.retire_now()).await.unwrap();
        platform.advance(3 * 3600);
        signing::tick(&platform.core).await.unwrap();
        signing::rotate(&platform.core, &operator, RotateMode::Overlap).await.unwrap();
    }
}
