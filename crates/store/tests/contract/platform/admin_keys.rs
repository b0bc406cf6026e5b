//! Operators' API keys.

use doorward_domain::AdminKeyId;
use doorward_domain::scope::{Scope, Scopes};
use doorward_store::StoreError;
use doorward_store::platform::AdminKey;
use doorward_testkit::database::TestDatabase;

use crate::support::{Platform, Raw, at, fresh, hash, platform};

contract! {
    a_key_is_read_as_it_was_written: PlatformRead::admin_key, PlatformWrite::insert_admin_key;
    keys_are_listed_in_pages: PlatformRead::admin_keys;
    a_key_is_revoked_once: PlatformWrite::revoke_admin_key;
    a_key_that_can_manage_keys_is_counted: PlatformWrite::has_another_admin_key;
    the_day_of_use_only_moves_forward: PlatformWrite::admin_key_used;
}

fn new_key(name: &str) -> AdminKey {
    AdminKey {
        id: AdminKeyId::from_uuid(fresh()),
        name: name.to_owned(),
        key_hash: hash(5),
        scopes: Scopes::from_iter([Scope::AppsRead, Scope::KeysWrite]),
        created_at: at(0),
        expires_at: None,
        revoked_at: None,
        last_used_on: None,
    }
}

async fn seed(platform: &Platform, key: &AdminKey) {
    let key = key.clone();
    platform.write(move |p| p.insert_admin_key(&key)).await;
}

async fn read(platform: &Platform, id: AdminKeyId) -> AdminKey {
    platform
        .read(move |p| p.admin_key(id))
        .await
        .expect("it is there")
}

async fn a_key_is_read_as_it_was_written(db: TestDatabase) {
    let platform = platform(&db);
    let plain = new_key("deploy");
    let full = AdminKey {
        expires_at: Some(at(1)),
        scopes: Scopes::all(),
        ..new_key(&"Schlüssel 🔑 ".repeat(500))
    };
    let none = AdminKey {
        scopes: Scopes::default(),
        ..new_key("")
    };
    for key in [plain.clone(), full, none] {
        seed(&platform, &key).await;
        assert_eq!(
            format!("{:?}", read(&platform, key.id).await),
            format!("{key:?}")
        );
    }
    let unknown = AdminKeyId::from_uuid(fresh());
    assert!(platform.read(move |p| p.admin_key(unknown)).await.is_none());
    let answer = platform
        .try_write(move |p| p.insert_admin_key(&plain))
        .await;
    assert!(
        matches!(answer, Err(StoreError::Constraint { .. })),
        "{answer:?}"
    );
}

async fn keys_are_listed_in_pages(db: TestDatabase) {
    let platform = platform(&db);
    assert!(platform.read(|p| p.admin_keys(None, 10)).await.is_empty());
    let keys = [new_key("a"), new_key("b"), new_key("c")];
    for key in keys.iter().rev() {
        seed(&platform, key).await;
    }
    let ids = keys.map(|key| key.id);
    let page = async |after: Option<AdminKeyId>, limit: u32| {
        let keys = platform.read(move |p| p.admin_keys(after, limit)).await;
        keys.iter().map(|key| key.id).collect::<Vec<_>>()
    };
    assert_eq!(page(None, 2).await, ids[..2]);
    assert_eq!(page(Some(ids[1]), 2).await, ids[2..]);
    assert!(page(Some(ids[2]), 2).await.is_empty());
}

async fn a_key_is_revoked_once(db: TestDatabase) {
    let platform = platform(&db);
    let (key, other) = (new_key("a"), new_key("b"));
    seed(&platform, &key).await;
    seed(&platform, &other).await;
    let revoke = async |id: AdminKeyId, seconds: i64| {
        platform
            .write(move |p| p.revoke_admin_key(id, at(seconds)))
            .await
    };
    assert!(revoke(key.id, 5).await);
    assert!(!revoke(key.id, 6).await, "revoked already");
    assert_eq!(
        read(&platform, key.id).await.revoked_at,
        Some(at(5)),
        "the first time stays"
    );
    assert_eq!(read(&platform, other.id).await.revoked_at, None);
    assert!(!revoke(AdminKeyId::from_uuid(fresh()), 7).await);
}

async fn the_day_of_use_only_moves_forward(db: TestDatabase) {
    let platform = platform(&db);
    let (key, other) = (new_key("a"), new_key("b"));
    seed(&platform, &key).await;
    seed(&platform, &other).await;
    let id = key.id;
    for (seconds, expected) in [(100, 100), (50, 100), (100, 100), (200, 200)] {
        platform
            .write(move |p| p.admin_key_used(id, at(seconds)))
            .await;
        assert_eq!(read(&platform, id).await.last_used_on, Some(at(expected)));
    }
    assert_eq!(read(&platform, other.id).await.last_used_on, None);
    let before = Raw::open(&db).await.table("admin_keys").await;
    let unknown = AdminKeyId::from_uuid(fresh());
    platform
        .write(move |p| p.admin_key_used(unknown, at(300)))
        .await;
    assert_eq!(Raw::open(&db).await.table("admin_keys").await, before);
}

async fn a_key_that_can_manage_keys_is_counted(db: TestDatabase) {
    let platform = platform(&db);
    let manager = |name: &str| AdminKey {
        scopes: Scopes::from_iter([Scope::AdminKeysWrite, Scope::AppsRead]),
        ..new_key(name)
    };
    let (first, second) = (manager("a"), manager("b"));
    let (id, other) = (first.id, second.id);
    let another = async |scopes: &[Scope], seconds: i64| {
        let scopes = Scopes::from_iter(scopes.iter().copied());
        platform
            .write(move |p| p.has_another_admin_key(id, &scopes, at(seconds)))
            .await
    };
    seed(&platform, &first).await;
    let reader = AdminKey {
        scopes: Scopes::from_iter([Scope::AppsRead]),
        ..new_key("c")
    };
    seed(&platform, &reader).await;
    assert!(
        !another(&[Scope::AdminKeysWrite], 1).await,
        "itself does not count"
    );
    assert!(another(&[Scope::AppsRead], 1).await);
    assert!(
        !another(&[Scope::AdminKeysRead], 1).await,
        "nor does a scope that begins alike"
    );
    let ends = AdminKey {
        expires_at: Some(at(10)),
        ..second
    };
    seed(&platform, &ends).await;
    assert!(another(&[Scope::AdminKeysWrite], 9).await);
    assert!(another(&[Scope::AppsRead, Scope::AdminKeysWrite], 9).await);
    for more in [
        // `admin-keys:write` ends like `keys:write`, and is another one.
        vec![Scope::KeysWrite],
        vec![Scope::AppsRead, Scope::KeysWrite],
        vec![Scope::AppsRead, Scope::AdminKeysRead, Scope::AdminKeysWrite],
        Scope::ALL.to_vec(),
    ] {
        assert!(!another(&more, 1).await, "{more:?}");
    }
    let whole = AdminKey {
        scopes: Scopes::all(),
        expires_at: Some(at(5)),
        ..new_key("d")
    };
    seed(&platform, &whole).await;
    assert!(another(Scope::ALL, 4).await && another(&[Scope::KeysWrite], 4).await);
    assert!(!another(&[Scope::AdminKeysWrite], 10).await, "expired");
    platform
        .write(move |p| p.revoke_admin_key(other, at(2)))
        .await;
    assert!(!another(&[Scope::AdminKeysWrite], 9).await, "revoked");
}
