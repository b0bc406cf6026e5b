//! Organizations.

use doorward_domain::TenantId;
use doorward_domain::organization::Organization;
use doorward_testkit::database::TestDatabase;

use crate::support::{Scope, at, fresh, seed_app};

contract! {
    an_organization_is_read_as_it_was_written: AppWrite::insert_organization,
        AppRead::organization;
    organizations_come_in_pages: AppRead::organizations;
    a_name_changes_against_its_version: AppWrite::rename_organization;
    an_organization_is_archived_once_and_restored: AppWrite::set_organization_archived;
    an_organization_is_held_unchanged: AppWrite::hold_organization;
}

async fn seed(app: &Scope, name: &'static str) -> TenantId {
    let id = TenantId::from_uuid(fresh());
    app.write(move |app| app.insert_organization(id, name, at(1)))
        .await;
    id
}

async fn read(app: &Scope, id: TenantId) -> Option<Organization> {
    app.read(move |app| app.organization(id)).await
}

async fn an_organization_is_read_as_it_was_written(db: TestDatabase) {
    let app = seed_app(&db).await;
    let id = seed(&app, "Ünï & Co").await;
    let expected = Organization {
        id,
        name: "Ünï & Co".to_owned(),
        version: 1,
        created_at: at(1),
        updated_at: at(1),
        archived_at: None,
    };
    assert_eq!(read(&app, id).await, Some(expected));
    assert_eq!(read(&app, TenantId::from_uuid(fresh())).await, None);
    // The id is the app's own: another app may have the same.
    let other = seed_app(&db).await;
    other
        .write(move |app| app.insert_organization(id, "Other", at(2)))
        .await;
    assert_eq!(read(&app, id).await.expect("it is there").name, "Ünï & Co");
    let again = app
        .try_write(move |app| app.insert_organization(id, "Twice", at(2)))
        .await;
    assert!(again.is_err());
}

async fn organizations_come_in_pages(db: TestDatabase) {
    let app = seed_app(&db).await;
    let other = seed_app(&db).await;
    seed(&other, "Foreign").await;
    let mut ids = [
        seed(&app, "A").await,
        seed(&app, "B").await,
        seed(&app, "C").await,
    ];
    ids.sort();
    let page = async |after: Option<TenantId>, limit| -> Vec<TenantId> {
        let found = app.read(move |app| app.organizations(after, limit)).await;
        found.iter().map(|organization| organization.id).collect()
    };
    assert_eq!(page(None, 2).await, ids[..2]);
    assert_eq!(page(Some(ids[1]), 2).await, ids[2..]);
    assert!(page(Some(ids[2]), 2).await.is_empty());
}

async fn a_name_changes_against_its_version(db: TestDatabase) {
    let app = seed_app(&db).await;
    let id = seed(&app, "Old").await;
    let rename = async |id, version, name: &'static str| {
        app.write(move |app| app.rename_organization(id, version, name, at(5)))
            .await
    };
    assert!(!rename(id, 2, "Wrong").await);
    assert!(!rename(TenantId::from_uuid(fresh()), 1, "Unknown").await);
    assert!(rename(id, 1, "New").await);
    assert!(!rename(id, 1, "Late").await);
    let found = read(&app, id).await.expect("it is there");
    assert_eq!(
        (found.name.as_str(), found.version, found.updated_at),
        ("New", 2, at(5))
    );
}

async fn an_organization_is_archived_once_and_restored(db: TestDatabase) {
    let app = seed_app(&db).await;
    let id = seed(&app, "A").await;
    let set = async |archived, seconds| {
        app.write(move |app| app.set_organization_archived(id, archived, at(seconds)))
            .await
    };
    assert!(!set(false, 2).await);
    assert!(set(true, 3).await);
    assert!(!set(true, 4).await);
    let found = read(&app, id).await.expect("it is there");
    assert_eq!((found.archived_at, found.version), (Some(at(3)), 2));
    assert!(set(false, 5).await);
    let found = read(&app, id).await.expect("it is there");
    assert_eq!((found.archived_at, found.version), (None, 3));
    let unknown = TenantId::from_uuid(fresh());
    assert!(
        !app.write(move |app| app.set_organization_archived(unknown, true, at(6)))
            .await
    );
}

async fn an_organization_is_held_unchanged(db: TestDatabase) {
    let app = seed_app(&db).await;
    let id = seed(&app, "A").await;
    let before = read(&app, id).await;
    let hold = async |id, even_archived| {
        app.write(move |app| app.hold_organization(id, even_archived))
            .await
    };
    assert!(hold(id, false).await && hold(id, true).await);
    assert_eq!(read(&app, id).await, before);
    assert!(!hold(TenantId::from_uuid(fresh()), true).await);
    app.write(move |app| app.set_organization_archived(id, true, at(3)))
        .await;
    assert!(!hold(id, false).await);
    assert!(hold(id, true).await);
}
