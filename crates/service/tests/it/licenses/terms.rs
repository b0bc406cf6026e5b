//! What a licence grants: given, listed, changed.

use doorward_domain::entitlement::Entitlements;
use doorward_domain::license::LicenseState;
use doorward_domain::time::plus_seconds;
use doorward_domain::{Code, LicenseId, TenantId, UserId};
use doorward_service::licenses::{self, Asker, LicenseFilter, Patch, Terms, UpdateLicense, Which};
use doorward_service::organizations::{self, CreateOrganization};
use doorward_service::{Caller, FieldError};
use doorward_testkit::on_both_engines;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::house::{House, code};

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object,
        other => panic!("{other}"),
    }
}

fn entitlements(value: &Value) -> Entitlements {
    Entitlements::parse(value).expect("entitlements")
}

on_both_engines! {
    async fn a_batch_is_made_whole(db: TestDatabase) {
        let house = House::new(&db).await;
        let (core, asker) = (&house.platform.core, house.asker().await);
        let terms = Terms { label: Some("Order 7".to_owned()), ..Terms::default() };
        let made = licenses::generate(core, &asker, terms, 500).await.expect("500 are made");
        let keys: std::collections::BTreeSet<_> = made
            .iter()
            .map(|made| made.key.as_ref().expect("a key").expose().expose().to_owned())
            .collect();
        assert_eq!(keys.len(), 500);
        assert!(keys.iter().all(|key| key.starts_with("SHOP-")));
        let last = keys.last().expect("500");
        house.activate(last, "one").await.expect("it is good");
        let generated = house.actions().await;
        let generated = generated.iter().filter(|a| *a == "license.generated").count();
        assert_eq!(generated, 500, "each has its event");
        let found = licenses::list(core, &asker, LicenseFilter {
            label_prefix: Some("Order".to_owned()),
            limit: 501,
            ..LicenseFilter::default()
        })
        .await
        .expect("they are listed");
        assert_eq!(found.licenses.len(), 500);
        let refused = licenses::generate(core, &asker, Terms::default(), 501).await;
        assert_eq!(code(refused), Some(Code::ValidationError));
    }

    async fn terms_are_checked(db: TestDatabase) {
        let house = House::new(&db).await;
        let (core, asker) = (&house.platform.core, house.asker().await);
        let bad = Terms {
            max_activations: 0,
            expires_at: Some(house.now()),
            with_key: Some(false),
            ..Terms::default()
        };
        let error = licenses::generate(core, &asker, bad, 1).await.expect_err("it is refused");
        let fields: Vec<_> = error.details().iter().map(|f: &FieldError| f.field.as_ref()).collect();
        assert_eq!(fields, ["max_activations", "expires_at", "with_key"]);
        for (terms, expected) in [
            (
                Terms { tenant_id: Some(TenantId::from_uuid(Uuid::nil())), ..Terms::default() },
                Code::TenantNotFound,
            ),
            (
                Terms { user_id: Some(UserId::from_uuid(Uuid::nil())), ..Terms::default() },
                Code::UserNotFound,
            ),
        ] {
            assert_eq!(code(licenses::generate(core, &asker, terms, 1).await), Some(expected));
        }
        let other = House::beside(&house, "other").await;
        let (foreigner, _) = house.platform.sign_in(&other.app, "ada@example.com").await;
        let terms = Terms { user_id: Some(foreigner), ..Terms::default() };
        assert_eq!(code(licenses::generate(core, &asker, terms, 1).await), Some(Code::UserNotFound));
        let context = house.platform.authenticate(&other.app).await;
        let request = CreateOrganization { name: "Acme".to_owned(), owner: None };
        let tenant = organizations::create(core, Caller::App(&context), request).await.expect("made");
        let terms = Terms { tenant_id: Some(tenant.id), ..Terms::default() };
        let refused = licenses::generate(core, &asker, terms.clone(), 1).await;
        assert_eq!(code(refused), Some(Code::TenantNotFound));
        let made = licenses::generate(core, &other.asker().await, terms, 1).await.expect("its own");
        assert_eq!(made[0].license.tenant_id, Some(tenant.id));
    }

    async fn verifying_returns_what_was_bought(db: TestDatabase) {
        let house = House::new(&db).await;
        let terms = Terms {
            entitlements: entitlements(&json!({"export": true, "seats": 20})),
            metadata: object(json!({"order": 7})),
            expires_at: Some(plus_seconds(house.now(), 60)),
            ..Terms::default()
        };
        let key = house.generate(terms.clone()).await;
        house.activate(&key, "one").await.expect("there is a slot");
        let good = house.verify(&key, "one").await.expect("it is good");
        assert_eq!(good.entitlements, terms.entitlements);
        assert_eq!(good.metadata, terms.metadata);
        assert_eq!(good.expires_at, terms.expires_at);
        house.platform.advance(60);
        assert_eq!(code(house.verify(&key, "one").await), Some(Code::LicenseExpired));
        house.renew(&key, Some(60)).await.expect("an expired one can be renewed");
        house.verify(&key, "one").await.expect("it is good again");
        house.renew(&key, None).await.expect("it can be made to last");
        house.platform.advance(1_000_000);
        house.verify(&key, "one").await.expect("it lasts");
    }

    async fn an_update_is_a_merge_patch(db: TestDatabase) {
        let house = House::new(&db).await;
        let key = house.generate(Terms {
            label: Some("old".to_owned()),
            issued_to: Some("Ada".to_owned()),
            max_activations: 3,
            entitlements: entitlements(&json!({"export": true, "seats": 20})),
            metadata: object(json!({"order": {"id": 7, "paid": false}})),
            ..Terms::default()
        }).await;
        let none = house.update(&key, UpdateLicense::default()).await.expect("nothing to do");
        assert_eq!((none.version, none.label.as_deref()), (1, Some("old")));
        let change = UpdateLicense {
            label: Patch::Clear,
            entitlements: Patch::Set(object(json!({"seats": 5, "export": null, "sso": true}))),
            metadata: Patch::Set(object(json!({"order": {"paid": true}}))),
            ..UpdateLicense::default()
        };
        let after = house.update(&key, change).await.expect("it is changed");
        assert_eq!((after.version, after.label, after.issued_to.as_deref()), (2, None, Some("Ada")));
        assert_eq!(after.entitlements, entitlements(&json!({"seats": 5, "sso": true})));
        assert_eq!(Value::Object(after.metadata), json!({"order": {"id": 7, "paid": true}}));
        let event = house.events().await.into_iter().find(|e| e.action == "license.updated");
        let details = event.expect("it is noted").details.expect("what changed");
        assert_eq!(details["changed"], json!(["label", "entitlements", "metadata"]));
        let bad = UpdateLicense {
            expires_at: Patch::Set(house.now()),
            max_activations: Some(100_001),
            entitlements: Patch::Set(object(json!({"seats": "many"}))),
            metadata: Patch::Set(object(json!({"long": "x".repeat(9_000)}))),
            ..UpdateLicense::default()
        };
        let error = house.update(&key, bad).await.expect_err("it is refused");
        let fields: Vec<_> = error.details().iter().map(|f| f.field.as_ref()).collect();
        assert_eq!(fields, ["expires_at", "max_activations", "entitlements", "metadata"]);
    }

    async fn a_change_against_an_old_version_is_a_conflict(db: TestDatabase) {
        let house = House::new(&db).await;
        let key = house.generate(Terms::default()).await;
        let change = |label: &str, version| UpdateLicense {
            label: Patch::Set(label.to_owned()),
            expected_version: Some(version),
            ..UpdateLicense::default()
        };
        let first = house.update(&key, change("one", 1)).await.expect("it is the version");
        assert_eq!(first.version, 2);
        let (one, other) = tokio::join!(house.update(&key, change("a", 2)), house.update(&key, change("b", 2)));
        let seen = [code(one), code(other)];
        assert!(seen.contains(&None) && seen.contains(&Some(Code::Conflict)), "{seen:?}");
        for stale in [0, 1, 2, 99] {
            assert_eq!(code(house.update(&key, change("c", stale)).await), Some(Code::Conflict));
        }
    }

    async fn slots_in_use_cannot_be_cut_off(db: TestDatabase) {
        let house = House::new(&db).await;
        let key = house.generate(Terms { max_activations: 3, ..Terms::default() }).await;
        house.activate(&key, "one").await.expect("there is a slot");
        house.activate(&key, "two").await.expect("there is a slot");
        let to = |max| UpdateLicense { max_activations: Some(max), ..UpdateLicense::default() };
        let error = house.update(&key, to(1)).await.expect_err("two are in use");
        assert_eq!(error.code(), Code::Conflict);
        assert!(error.message().starts_with("2 slots are in use"), "{}", error.message());
        house.update(&key, to(2)).await.expect("as many as are in use");
        assert_eq!(code(house.activate(&key, "three").await), Some(Code::LicenseMaxActivations));
        house.update(&key, to(4)).await.expect("more");
        house.activate(&key, "three").await.expect("there is a slot");
    }

    async fn an_operator_does_the_same_for_any_app(db: TestDatabase) {
        let house = House::new(&db).await;
        let (core, operator) = (&house.platform.core, house.platform.operator());
        let asker = Asker::Operator(operator.clone(), house.app.id);
        let made = licenses::generate(core, &asker, Terms::default(), 1).await.expect("made");
        let id = made[0].license.id;
        licenses::suspend(core, &asker, Which::Id(id), Some("late".to_owned())).await.expect("done");
        let found = licenses::list(core, &asker, LicenseFilter {
            state: Some(LicenseState::Suspended),
            limit: 10,
            ..LicenseFilter::default()
        })
        .await
        .expect("listed");
        assert_eq!(found.licenses.len(), 1);
        assert_eq!(found.licenses[0].status_reason.as_deref(), Some("late"));
        let unknown = Asker::Operator(operator, doorward_domain::AppId::from_uuid(Uuid::nil()));
        let show = licenses::show(core, &unknown, Which::Id(id), House::DEVICES).await;
        assert_eq!(code(show), Some(Code::AppNotFound));
        let made = licenses::generate(core, &unknown, Terms::default(), 1).await;
        assert_eq!(code(made), Some(Code::AppNotFound));
        let nobody = Which::Id(LicenseId::from_uuid(Uuid::nil()));
        assert_eq!(code(licenses::resume(core, &asker, nobody).await), Some(Code::LicenseNotFound));
    }
}
