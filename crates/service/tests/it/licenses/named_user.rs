//! Licences of a user: in the token, and nobody sees a key.

use doorward_domain::entitlement::Entitlements;
use doorward_domain::license::LicenseState;
use doorward_domain::secret::SecretText;
use doorward_domain::user::UserStatus;
use doorward_domain::{Code, UserId};
use doorward_service::licenses::{self, Checkout, Generated, Patch, Terms, UpdateLicense, Which};
use doorward_service::sessions::{self, Refresh, Tokens};
use doorward_service::{Result, users};
use doorward_testkit::on_both_engines;
use serde_json::{Value, json};

use super::house::{House, code};

/// What an access token says, read without checking it.
fn entitled(token: &SecretText) -> Value {
    use base64::Engine as _;
    let payload = token.expose().split('.').nth(1).expect("three parts");
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD
        .decode(payload)
        .expect("base64url");
    let claims: Value = serde_json::from_slice(&bytes).expect("JSON");
    claims["entitlements"].clone()
}

async fn grant(house: &House, user: UserId, value: Value) -> Result<Generated> {
    let terms = Terms {
        user_id: Some(user),
        entitlements: Entitlements::parse(&value).expect("entitlements"),
        ..Terms::default()
    };
    let mut made = licenses::generate(&house.platform.core, &house.asker().await, terms, 1).await?;
    Ok(made.remove(0))
}

async fn refresh(house: &House, tokens: &Tokens) -> Tokens {
    let context = house.platform.authenticate(&house.app).await;
    let request = Refresh {
        refresh_token: tokens.refresh_token.clone(),
        idempotency_key: None,
        tenant_id: None,
    };
    sessions::refresh(&house.platform.core, &context, request)
        .await
        .expect("it is refreshed")
}

on_both_engines! {
    async fn entitlements_ride_in_the_token(db: TestDatabase) {
        let house = House::new(&db).await;
        let (core, asker) = (&house.platform.core, house.asker().await);
        let (user, tokens) = house.platform.sign_in(&house.app, "ada@example.com").await;
        let made = grant(&house, user, json!({"export": true, "seats": 5})).await.expect("granted");
        assert!(made.key.is_none() && made.license.key_hint.is_none(), "no key needs to be seen");
        let tokens = refresh(&house, &tokens).await;
        assert_eq!(entitled(&tokens.access_token), json!({"export": true, "seats": 5}));
        let more = grant(&house, user, json!({"seats": 9})).await.expect("granted");
        let tokens = refresh(&house, &tokens).await;
        assert_eq!(entitled(&tokens.access_token), json!({"export": true, "seats": 9}));
        // Suspended, changed, revoked: the next refresh knows.
        let which = || Which::Id(made.license.id);
        licenses::suspend(core, &asker, which(), None).await.expect("suspended");
        let tokens = refresh(&house, &tokens).await;
        assert_eq!(entitled(&tokens.access_token), json!({"seats": 9}));
        licenses::resume(core, &asker, which()).await.expect("resumed");
        let change = UpdateLicense {
            expires_at: Patch::Set(doorward_domain::time::plus_seconds(house.now(), 60)),
            ..UpdateLicense::default()
        };
        licenses::update(core, &asker, which(), change).await.expect("changed");
        licenses::revoke(core, &asker, Which::Id(more.license.id), None).await.expect("revoked");
        let tokens = refresh(&house, &tokens).await;
        assert_eq!(entitled(&tokens.access_token), json!({"export": true, "seats": 5}));
        house.platform.advance(60);
        let tokens = refresh(&house, &tokens).await;
        assert!(matches!(entitled(&tokens.access_token), Value::Null | Value::Object(_)));
        assert!(entitled(&tokens.access_token).as_object().is_none_or(serde_json::Map::is_empty));
    }

    async fn a_user_has_twenty_licences_at_most(db: TestDatabase) {
        let house = House::new(&db).await;
        let (core, asker) = (&house.platform.core, house.asker().await);
        let (user, _) = house.platform.sign_in(&house.app, "ada@example.com").await;
        let terms = || Terms { user_id: Some(user), ..Terms::default() };
        let made = licenses::generate(core, &asker, terms(), 20).await.expect("twenty");
        let refused = licenses::generate(core, &asker, terms(), 1).await.expect_err("one too many");
        assert_eq!(refused.code(), Code::Conflict);
        licenses::suspend(core, &asker, Which::Id(made[0].license.id), None).await.expect("done");
        assert_eq!(code(licenses::generate(core, &asker, terms(), 1).await), Some(Code::Conflict));
        licenses::revoke(core, &asker, Which::Id(made[0].license.id), None).await.expect("done");
        assert_eq!(code(licenses::generate(core, &asker, terms(), 2).await), Some(Code::Conflict));
        licenses::generate(core, &asker, terms(), 1).await.expect("there is room");
    }

    async fn a_user_may_have_a_key_as_well(db: TestDatabase) {
        let house = House::new(&db).await;
        let (user, _) = house.platform.sign_in(&house.app, "ada@example.com").await;
        let key = house.generate(Terms {
            user_id: Some(user),
            with_key: Some(true),
            ..Terms::default()
        }).await;
        house.activate(&key, "one").await.expect("there is a slot");
        let keyless = grant(&house, user, json!({})).await.expect("granted").license.id;
        let operator = house.platform.operator();
        let core = &house.platform.core;
        let refused =
            licenses::reveal(core, &operator, house.app.id, keyless, "why".to_owned()).await;
        assert_eq!(code(refused), Some(Code::Conflict), "there is no key to reveal");
    }

    async fn a_user_who_is_gone_gets_none(db: TestDatabase) {
        let house = House::new(&db).await;
        let (user, _) = house.platform.sign_in(&house.app, "ada@example.com").await;
        let (core, operator) = (&house.platform.core, house.platform.operator());
        users::set_status(core, &operator, house.app.id, user, UserStatus::Deactivated, users::SetStatus::default())
            .await
            .expect("switched off");
        assert_eq!(code(grant(&house, user, json!({})).await), Some(Code::UserDeleted));
    }

    /// A key of somebody who is gone opens nothing, and opens again when he is back.
    async fn the_key_of_a_user_who_is_gone_rests(db: TestDatabase) {
        let house = House::new(&db).await;
        let (core, operator, app) = (&house.platform.core, house.platform.operator(), house.app.id);
        let (user, _) = house.platform.sign_in(&house.app, "ada@example.com").await;
        let terms = || Terms { user_id: Some(user), with_key: Some(true), ..Terms::default() };
        let key = house.generate(terms()).await;
        let others = house.generate(Terms::default()).await;
        for key in [&key, &others] {
            house.activate(key, "one").await.expect("there is a slot");
        }
        for (round, gone) in ["switched off", "deleted"].into_iter().enumerate() {
            if round == 0 {
                users::deactivate(core, &operator, app, user, users::SetStatus::default()).await.expect(gone);
            } else {
                users::delete(core, &operator, app, user, house.platform.delete_user(user)).await.expect(gone);
            }
            let suspended = Some(Code::LicenseSuspended);
            assert_eq!(code(house.verify(&key, "one").await), suspended, "{gone}");
            assert_eq!(code(house.activate(&key, "two").await), suspended, "{gone}");
            let request = Checkout {
                which: house.which(&key),
                device_id: "one".to_owned(),
                ttl_seconds: None,
            };
            let file = licenses::checkout(core, &house.asker().await, request).await;
            assert_eq!(code(file), suspended, "{gone}");
            let (shown, _) = house.show(&key).await.expect("it is shown");
            assert_eq!(shown.state(house.now()), LicenseState::Suspended, "{gone}");
            assert!(shown.status_reason.is_some(), "{gone}");
            // Resuming it is not enough, and nobody else's rests.
            licenses::resume(core, &house.asker().await, house.which(&key)).await.expect("no error");
            assert_eq!(code(house.verify(&key, "one").await), suspended, "{gone}");
            house.verify(&others, "one").await.expect("it is nobody's");
            if round == 0 {
                users::reactivate(core, &operator, app, user, None).await.expect("back");
            } else {
                users::restore(core, &operator, app, user, None).await.expect("back");
            }
            house.verify(&key, "one").await.expect("as before");
        }
        users::erase(core, &operator, app, user, house.platform.delete_user(user)).await.expect("erased");
        assert_eq!(code(house.verify(&key, "one").await), Some(Code::LicenseRevoked));
    }
}
