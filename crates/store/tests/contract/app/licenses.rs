//! Licences.

use doorward_domain::entitlement::Entitlements;
use doorward_domain::license::{License, LicenseState, LicenseStatus};
use doorward_domain::user::UserStatus;
use doorward_domain::{LicenseId, TenantId, UserId};
use doorward_store::StoreError;
use doorward_store::app::{LicenseChange, LicenseFilter, NewLicense};
use doorward_testkit::database::TestDatabase;
use serde_json::json;

use crate::support::{
    Raw, Scope, at, claim, email, fresh, hash, micros, new_license, seed_app, seed_license,
    seed_organization, seed_user,
};

contract! {
    a_licence_is_found_as_it_was_written:
        AppWrite::insert_license, AppRead::license, AppRead::license_by_key,
        AppRead::sealed_license_key;
    a_key_is_there_once_per_app: AppWrite::insert_license;
    a_device_is_looked_up_with_its_licence: AppRead::license_on_device;
    a_licence_counts_as_its_user_does:
        AppRead::license, AppRead::license_by_key, AppRead::license_on_device, AppRead::licenses;
    licences_of_a_user_are_counted: AppRead::count_licenses_of_user;
    a_licence_is_held: AppWrite::hold_license;
    terms_are_changed_at_their_version: AppWrite::update_license;
    nothing_undoes_a_revocation: AppWrite::set_license_status;
    a_key_is_hashed_anew_once: AppWrite::rekey_license;
    a_tenant_is_there_until_it_is_archived: AppRead::has_tenant;
}

fn entitlements(value: &serde_json::Value) -> Entitlements {
    Entitlements::parse(value).expect("entitlements")
}

async fn a_licence_is_found_as_it_was_written(db: TestDatabase) {
    let app = seed_app(&db).await;
    let user = seed_user(&app, email("ada@example.com")).await;
    let tenant = seed_organization(&app).await;
    let full = NewLicense {
        label: Some("Ünïcode 🦀".to_owned()),
        issued_to: Some("ada@example.com".to_owned()),
        tenant_id: Some(tenant),
        user_id: Some(user),
        max_activations: 100_000,
        expires_at: Some(micros(60, 1)),
        entitlements: entitlements(&json!({"export": true, "seats": 9_007_199_254_740_991_i64})),
        metadata: json!({"order": {"id": 7, "note": "\u{0}ß"}})
            .as_object()
            .expect("an object")
            .clone(),
        ..new_license()
    };
    let bare = NewLicense {
        key: None,
        user_id: Some(user),
        ..new_license()
    };
    for new in [full, bare, new_license()] {
        let (written, id) = (new.clone(), new.id);
        app.write(move |app| app.insert_license(&written)).await;
        let found = app.read(move |app| app.license(id, at(1))).await;
        let found = found.expect("it is there");
        let (sealed, hint) = match &new.key {
            Some((_, sealed, hint)) => (Some(sealed.clone()), Some(hint.clone())),
            None => (None, None),
        };
        assert_eq!(
            (found.id, &found.key_hint, &found.label, &found.issued_to),
            (new.id, &hint, &new.label, &new.issued_to)
        );
        assert_eq!(
            (found.tenant_id, found.user_id, found.expires_at),
            (new.tenant_id, new.user_id, new.expires_at)
        );
        assert_eq!(
            (&found.entitlements, &found.metadata),
            (&new.entitlements, &new.metadata)
        );
        assert_eq!(
            (found.max_activations, found.activations_used, found.version),
            (new.max_activations, 0, 1)
        );
        assert_eq!((found.created_at, found.updated_at), (at(0), at(0)));
        assert_eq!(found.state(at(1)), LicenseState::Issued);
        assert_eq!(
            app.read(move |app| app.sealed_license_key(id)).await,
            sealed
        );
        if let Some((hash, ..)) = new.key {
            let by_key = app.read(move |app| app.license_by_key(&hash, at(1))).await;
            assert_eq!(by_key.as_ref(), Some(&found));
        }
    }
    let unknown = LicenseId::from_uuid(fresh());
    assert_eq!(app.read(move |app| app.license(unknown, at(1))).await, None);
    let unknown_key = app.read(|app| app.license_by_key(&hash(99), at(1))).await;
    assert_eq!(unknown_key, None);
    let sealed = app.read(move |app| app.sealed_license_key(unknown)).await;
    assert_eq!(sealed, None);
}

async fn a_key_is_there_once_per_app(db: TestDatabase) {
    let (app, other) = (seed_app(&db).await, seed_app(&db).await);
    let new = new_license();
    for (scope, ok) in [(&app, true), (&app, false), (&other, true)] {
        let again = NewLicense {
            id: LicenseId::from_uuid(fresh()),
            ..new.clone()
        };
        let answer = scope.try_write(move |app| app.insert_license(&again)).await;
        match answer {
            Ok(()) => assert!(ok),
            Err(StoreError::Constraint { .. }) => assert!(!ok),
            Err(other) => panic!("{other}"),
        }
    }
    // Neither a key nor a user: nobody could ever use it.
    let nobodys = NewLicense {
        key: None,
        ..new_license()
    };
    let answer = app.try_write(move |app| app.insert_license(&nobodys)).await;
    assert!(matches!(answer, Err(StoreError::Constraint { .. })));
}

async fn a_device_is_looked_up_with_its_licence(db: TestDatabase) {
    let app = seed_app(&db).await;
    let (license, key) = seed_license(&app, 2).await;
    let look = async |device: u8| {
        app.read(move |app| app.license_on_device(&key, &hash(device)))
            .await
            .expect("the licence is there")
    };
    assert_eq!(look(1).await.activation, None);
    let claim = claim(license, 1, at(5));
    let id = claim.activation_id;
    app.write(move |app| app.claim_seat(&claim)).await;
    let found = look(1).await;
    assert_eq!(found.activation, Some((id, at(5))));
    assert_eq!((found.id, found.status), (license, LicenseStatus::Active));
    assert_eq!(found.entitlements, new_license().entitlements);
    assert_eq!(found.metadata, new_license().metadata);
    assert_eq!(look(2).await.activation, None, "another device");
    let unknown = app
        .read(|app| app.license_on_device(&hash(99), &hash(1)))
        .await;
    assert_eq!(unknown, None);
}

async fn licences_of_a_user_are_counted(db: TestDatabase) {
    let app = seed_app(&db).await;
    let ada = seed_user(&app, email("ada@example.com")).await;
    let bob = seed_user(&app, email("bob@example.com")).await;
    let count = async |user: UserId| app.read(move |app| app.count_licenses_of_user(user)).await;
    let mut ids = Vec::new();
    for end in [None, Some(at(100)), None] {
        assert_eq!(count(ada).await, i64::try_from(ids.len()).expect("few"));
        let new = NewLicense {
            key: None,
            user_id: Some(ada),
            expires_at: end,
            ..new_license()
        };
        ids.push(new.id);
        app.write(move |app| app.insert_license(&new)).await;
    }
    for (id, status, left) in [
        (ids[0], LicenseStatus::Suspended, 3),
        (ids[2], LicenseStatus::Revoked, 2),
    ] {
        app.write(move |app| app.set_license_status(id, status, None, at(1)))
            .await;
        assert_eq!(count(ada).await, left, "{status:?}");
    }
    assert_eq!(count(bob).await, 0);
}

async fn a_licence_is_held(db: TestDatabase) {
    let app = seed_app(&db).await;
    let (license, _) = seed_license(&app, 1).await;
    assert!(app.write(move |app| app.hold_license(license)).await);
    let unknown = LicenseId::from_uuid(fresh());
    assert!(!app.write(move |app| app.hold_license(unknown)).await);
}

fn change(id: LicenseId, expected_version: i64) -> LicenseChange {
    LicenseChange {
        id,
        expected_version,
        label: Some("new".to_owned()),
        issued_to: Some("somebody".to_owned()),
        max_activations: 1,
        expires_at: Some(at(50)),
        entitlements: entitlements(&json!({"n": 1})),
        metadata: json!({"k": "v"}).as_object().expect("an object").clone(),
        now: at(2),
    }
}

async fn update(app: &Scope, change: LicenseChange) -> bool {
    app.write(move |app| app.update_license(&change)).await
}

async fn terms_are_changed_at_their_version(db: TestDatabase) {
    let app = seed_app(&db).await;
    let (license, _) = seed_license(&app, 3).await;
    for device in 1..=2 {
        let claim = claim(license, device, at(1));
        app.write(move |app| app.claim_seat(&claim)).await;
    }
    let raw = Raw::open(&db).await;
    let before = raw.table("licenses").await;
    assert!(!update(&app, change(license, 2)).await, "another version");
    assert!(
        !update(&app, change(license, 1)).await,
        "two slots are taken"
    );
    assert!(!update(&app, change(LicenseId::from_uuid(fresh()), 1)).await);
    assert_eq!(raw.table("licenses").await, before);
    let fits = LicenseChange {
        max_activations: 2,
        ..change(license, 1)
    };
    assert!(update(&app, fits).await);
    let found = app.read(move |app| app.license(license, at(3))).await;
    let found = found.expect("it is there");
    assert_eq!((found.version, found.max_activations), (2, 2));
    assert_eq!(found.label.as_deref(), Some("new"));
    assert_eq!(found.issued_to.as_deref(), Some("somebody"));
    assert_eq!(found.expires_at, Some(at(50)));
    assert_eq!(found.entitlements, entitlements(&json!({"n": 1})));
    assert_eq!(found.metadata["k"], "v");
    assert_eq!((found.created_at, found.updated_at), (at(0), at(2)));
}

async fn nothing_undoes_a_revocation(db: TestDatabase) {
    use LicenseStatus::{Active, Revoked, Suspended};
    let app = seed_app(&db).await;
    let (license, _) = seed_license(&app, 1).await;
    let set = async |id: LicenseId, status: LicenseStatus, seconds: i64| {
        app.write(move |app| app.set_license_status(id, status, Some("why"), at(seconds)))
            .await
    };
    assert!(!set(license, Active, 1).await, "it is");
    assert!(set(license, Suspended, 2).await);
    assert!(!set(license, Suspended, 3).await, "it is");
    assert!(set(license, Active, 4).await);
    assert!(set(license, Revoked, 5).await);
    for status in [Active, Suspended, Revoked] {
        assert!(!set(license, status, 6).await, "{status:?}");
    }
    assert!(!set(LicenseId::from_uuid(fresh()), Revoked, 6).await);
    let found = app.read(move |app| app.license(license, at(7))).await;
    let found = found.expect("it is there");
    assert_eq!(found.status, Revoked);
    assert_eq!(found.status_reason.as_deref(), Some("why"));
    assert_eq!(found.status_changed_at, Some(at(5)));
    assert_eq!((found.version, found.updated_at), (4, at(5)));
}

async fn a_key_is_hashed_anew_once(db: TestDatabase) {
    let app = seed_app(&db).await;
    let (license, key) = seed_license(&app, 1).await;
    let rekey = async |former: [u8; 32]| {
        app.write(move |app| app.rekey_license(license, &former, &hash(77), b"sealed anew"))
            .await
    };
    assert!(!rekey(hash(99)).await);
    assert!(rekey(key).await);
    assert!(!rekey(key).await);
    let found = app.read(|app| app.license_by_key(&hash(77), at(1))).await;
    assert_eq!(found.map(|license| license.id), Some(license));
    let sealed = app.read(move |app| app.sealed_license_key(license)).await;
    assert_eq!(sealed.as_deref(), Some(b"sealed anew".as_slice()));
}

async fn a_tenant_is_there_until_it_is_archived(db: TestDatabase) {
    let app = seed_app(&db).await;
    let raw = Raw::open(&db).await;
    let tenant = seed_organization(&app).await;
    let unknown = TenantId::from_uuid(fresh());
    assert!(app.read(move |app| app.has_tenant(tenant)).await);
    assert!(!app.read(move |app| app.has_tenant(unknown)).await);
    raw.execute("UPDATE organizations SET archived_at = updated_at")
        .await;
    assert!(!app.read(move |app| app.has_tenant(tenant)).await);
}

/// A licence of a user counts as long as the user does; what was decided about it stays.
async fn a_licence_counts_as_its_user_does(db: TestDatabase) {
    let app = seed_app(&db).await;
    let ada = seed_user(&app, email("ada@example.com")).await;
    let new = NewLicense {
        user_id: Some(ada),
        ..new_license()
    };
    let (id, key) = (new.id, new.key.clone().expect("it has a key").0);
    app.write(move |app| app.insert_license(&new)).await;
    let stands = async || {
        app.read(move |app| {
            let by_id = app.license(id, at(1))?.expect("it is there");
            let by_key = app.license_by_key(&key, at(1))?.expect("it is there");
            let on_device = app.license_on_device(&key, &hash(1))?.expect("it is there");
            let filter = LicenseFilter {
                user_id: Some(ada),
                state: Some(by_id.state(at(1))),
                limit: 10,
                ..LicenseFilter::default()
            };
            let found = app.licenses(&filter, at(1))?.licenses;
            assert_eq!(
                found,
                std::slice::from_ref(&by_id),
                "it is found as it is shown"
            );
            assert_eq!(by_id, by_key);
            assert_eq!(by_id.status, on_device.status);
            Ok((by_id.status, by_id.status_reason))
        })
        .await
    };
    let active = (LicenseStatus::Active, None);
    let held = (
        LicenseStatus::Suspended,
        Some(License::USER_INACTIVE.to_owned()),
    );
    assert_eq!(stands().await, active);
    app.write(move |app| app.set_user_status(ada, UserStatus::Deactivated, at(1)))
        .await;
    assert_eq!(stands().await, held);
    app.write(move |app| app.set_user_status(ada, UserStatus::Active, at(1)))
        .await;
    assert_eq!(stands().await, active);
    app.write(move |app| app.delete_user(ada, at(100), at(2)))
        .await;
    assert_eq!(stands().await, held);
    // What was decided weighs more, and outlives it.
    app.write(move |app| {
        app.set_license_status(id, LicenseStatus::Revoked, Some("refunded"), at(3))
    })
    .await;
    let revoked = (LicenseStatus::Revoked, Some("refunded".to_owned()));
    assert_eq!(stands().await, revoked);
    app.write(move |app| app.restore_user(ada, at(4))).await;
    assert_eq!(stands().await, revoked);
}
