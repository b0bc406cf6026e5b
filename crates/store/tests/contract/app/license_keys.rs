//! The keys of an app's licence files.

use doorward_domain::signing::SigningAlg;
use doorward_store::app::StoredLicenseKey;
use doorward_testkit::database::TestDatabase;

use crate::support::{Scope, at, new_license_key, seed_app};

contract! {
    a_key_is_read_as_it_was_written: AppRead::license_keys, AppWrite::insert_license_key;
    one_key_is_active: AppWrite::insert_license_key;
    a_key_is_sealed_anew_once: AppWrite::reseal_license_key;
    a_retired_key_stays_without_its_private_part: AppWrite::retire_license_key;
}

/// Everything a key has (it has no `Debug` of its own: it holds a private key, if a sealed one).
fn fields(key: &StoredLicenseKey) -> String {
    format!(
        "{} {:?} {:?} {:?} {} {:?}",
        key.kid, key.alg, key.public_der, key.sealed_private, key.created_at, key.retired_at
    )
}

async fn insert(app: &Scope, key: &StoredLicenseKey) -> bool {
    let key = key.clone();
    app.write(move |app| app.insert_license_key(&key)).await
}

async fn retire(app: &Scope, kid: &'static str, seconds: i64) -> bool {
    app.write(move |app| app.retire_license_key(kid, at(seconds)))
        .await
}

async fn keys(app: &Scope) -> Vec<String> {
    let keys = app.read(|app| app.license_keys()).await;
    keys.iter().map(fields).collect()
}

async fn a_key_is_read_as_it_was_written(db: TestDatabase) {
    let app = seed_app(&db).await;
    assert!(keys(&app).await.is_empty());
    let first = StoredLicenseKey {
        alg: SigningAlg::Es256,
        ..new_license_key("b")
    };
    assert!(insert(&app, &first).await);
    assert_eq!(keys(&app).await, [fields(&first)]);
    assert!(retire(&app, "b", 5).await);
    let second = StoredLicenseKey {
        created_at: at(5),
        ..new_license_key("a")
    };
    assert!(insert(&app, &second).await);
    let retired = StoredLicenseKey {
        sealed_private: None,
        retired_at: Some(at(5)),
        ..first
    };
    assert_eq!(keys(&app).await, [fields(&second), fields(&retired)]);
}

async fn one_key_is_active(db: TestDatabase) {
    let (app, other) = (seed_app(&db).await, seed_app(&db).await);
    assert!(insert(&app, &new_license_key("a")).await);
    assert!(!insert(&app, &new_license_key("b")).await);
    // Each app has its own, even under one id.
    assert!(insert(&other, &new_license_key("a")).await);
    assert_eq!(keys(&app).await, [fields(&new_license_key("a"))]);
}

async fn a_key_is_sealed_anew_once(db: TestDatabase) {
    let app = seed_app(&db).await;
    let key = new_license_key("a");
    assert!(insert(&app, &key).await);
    let former = key.sealed_private.clone().expect("it is active");
    let reseal = async |kid: &'static str, anew: &'static [u8]| {
        let former = former.clone();
        app.write(move |app| app.reseal_license_key(kid, &former, anew))
            .await
    };
    assert!(!reseal("b", b"anew").await);
    assert!(reseal("a", b"anew").await);
    assert!(
        !reseal("a", b"other").await,
        "it is not the former any more"
    );
    let resealed = StoredLicenseKey {
        sealed_private: Some(b"anew".to_vec()),
        ..key
    };
    assert_eq!(keys(&app).await, [fields(&resealed)]);
    assert!(retire(&app, "a", 1).await);
    let again = app
        .write(|app| app.reseal_license_key("a", b"anew", b"x"))
        .await;
    assert!(!again, "a retired key has no private part");
}

async fn a_retired_key_stays_without_its_private_part(db: TestDatabase) {
    let app = seed_app(&db).await;
    let key = new_license_key("a");
    assert!(insert(&app, &key).await);
    assert!(!retire(&app, "b", 1).await);
    assert!(retire(&app, "a", 2).await);
    assert!(!retire(&app, "a", 3).await, "only once");
    let retired = StoredLicenseKey {
        sealed_private: None,
        retired_at: Some(at(2)),
        ..key.clone()
    };
    assert_eq!(keys(&app).await, [fields(&retired)]);
    assert!(!insert(&app, &key).await, "a retired key does not return");
}
