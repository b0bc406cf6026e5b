//! The handle itself.

use doorward_domain::app::AppStatus;
use doorward_testkit::database::TestDatabase;

use crate::support::{Platform, at, fresh, seed_app};

contract! {
    a_handle_knows_its_app: AppRead::app_id;
    an_app_is_current_at_its_version_while_active: AppRead::is_current;
}

async fn a_handle_knows_its_app(db: TestDatabase) {
    let app = seed_app(&db).await;
    assert_eq!(app.read(|app| Ok(app.app_id())).await, app.id);
    assert_eq!(app.write(|app| Ok(app.app_id())).await, app.id);
}

async fn an_app_is_current_at_its_version_while_active(db: TestDatabase) {
    let mut app = seed_app(&db).await;
    let platform = Platform(db.store());
    let id = app.id;
    let current = async |version: i64| app.read(move |app| app.is_current(version)).await;
    assert!(current(1).await);
    assert!(!current(0).await);
    assert!(!current(2).await);
    platform
        .write(move |p| p.set_app_status(id, AppStatus::Deactivated, at(1)))
        .await;
    for version in 1..=2 {
        assert!(!current(version).await, "switched off");
    }
    platform
        .write(move |p| p.set_app_status(id, AppStatus::Active, at(2)))
        .await;
    assert!(current(3).await);
    app.id = doorward_domain::AppId::from_uuid(fresh());
    assert!(!app.read(|app| app.is_current(1)).await, "unknown app");
}
