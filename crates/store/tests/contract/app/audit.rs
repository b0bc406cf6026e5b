//! Audit events of an app.

use doorward_domain::AppId;
use doorward_domain::audit::Action;
use doorward_store::StoreError;
use doorward_store::platform::AuditFilter;
use doorward_testkit::database::TestDatabase;

use crate::support::{Raw, fresh, new_event, platform, seed_app};

contract! {
    an_event_is_written_with_its_transaction: AppWrite::audit;
    an_event_of_another_app_is_refused: AppWrite::audit;
}

async fn an_event_is_written_with_its_transaction(db: TestDatabase) {
    let app = seed_app(&db).await;
    let event = new_event(Some(app.id), Action::SignedIn);
    let undone = event.clone();
    let answer = app
        .try_write(move |app| -> Result<(), _> {
            app.audit(&undone)?;
            Err(StoreError::Busy)
        })
        .await;
    assert!(matches!(answer, Err(StoreError::Busy)), "{answer:?}");
    assert!(
        Raw::open(&db).await.table("audit_events").await.is_empty(),
        "rolled back"
    );

    let id = event.id;
    app.write(move |app| app.audit(&event)).await;
    let filter = AuditFilter {
        app_id: Some(app.id),
        limit: 10,
        ..AuditFilter::default()
    };
    let stored = platform(&db).read(move |p| p.audit_events(&filter)).await;
    assert_eq!(
        stored.iter().map(|event| event.id).collect::<Vec<_>>(),
        [id]
    );
}

async fn an_event_of_another_app_is_refused(db: TestDatabase) {
    let app = seed_app(&db).await;
    for other in [Some(AppId::from_uuid(fresh())), None] {
        let event = new_event(other, Action::SignedIn);
        let answer = app.try_write(move |app| app.audit(&event)).await;
        assert!(matches!(answer, Err(StoreError::Internal(_))), "{answer:?}");
    }
    assert!(Raw::open(&db).await.table("audit_events").await.is_empty());
}
