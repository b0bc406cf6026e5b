//! Audit events of an app.

use doorward_domain::audit::{Action, Actor, AuditEvent, Personal, Target};
use doorward_domain::{AppId, UserId};
use doorward_store::StoreError;
use doorward_store::platform::AuditFilter;
use doorward_testkit::database::TestDatabase;

use crate::support::{Raw, Scope, fresh, new_event, platform, seed_app};

contract! {
    an_event_is_written_with_its_transaction: AppWrite::audit;
    an_event_of_another_app_is_refused: AppWrite::audit;
    what_is_personal_is_kept_apart: AppWrite::audit;
    what_was_nobodys_is_claimed: AppWrite::claim_personal;
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
    let stored = platform(&db)
        .read(move |p| p.audit_events(&filter))
        .await
        .events;
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

fn about(app: &Scope, contact_ref: u8, user: Option<UserId>) -> AuditEvent {
    AuditEvent {
        actor: Actor::App(app.id),
        details: None,
        personal: Some(Personal {
            user_id: user,
            contact_ref: Some([contact_ref; 16]),
            contact: Some("a***@example.com".to_owned()),
            ip: Some("192.0.2.7".parse().expect("an address")),
        }),
        ..new_event(Some(app.id), Action::OtpSent)
    }
}

/// The append-only table says nothing of it; whoever reads the event sees it whole.
async fn what_is_personal_is_kept_apart(db: TestDatabase) {
    let app = seed_app(&db).await;
    let raw = Raw::open(&db).await;
    let user = UserId::from_uuid(fresh());
    let mut event = about(&app, 1, None);
    event.target = Some(Target::new("user", user));
    let written = event.clone();
    app.write(move |app| app.audit(&written)).await;

    let stays = raw.table("audit_events").await.concat();
    assert!(
        !stays.contains("example.com") && !stays.contains("192.0.2.7"),
        "{stays}"
    );
    let goes = raw.table("audit_personal").await.concat();
    assert!(
        goes.contains("a***@example.com") && goes.contains("192.0.2.7"),
        "{goes}"
    );
    let whose = raw.literal(user.as_uuid());
    let of_user = format!("SELECT 1 FROM audit_personal WHERE user_id = {whose}");
    assert_eq!(raw.count(&of_user).await, 1, "the target says whose it is");

    let filter = AuditFilter {
        limit: 10,
        ..AuditFilter::default()
    };
    let stored = platform(&db)
        .read(move |p| p.audit_events(&filter))
        .await
        .events;
    assert_eq!(stored[0].ip.as_deref(), Some("192.0.2.7"));
    let details = serde_json::json!({ "contact": "a***@example.com" });
    assert_eq!(stored[0].details, Some(details));

    event.id = new_event(None, Action::OtpSent).id;
    event.personal = Some(Personal::default());
    app.write(move |app| app.audit(&event)).await;
    assert_eq!(
        raw.table("audit_personal").await.len(),
        1,
        "nothing, no row"
    );
}

async fn what_was_nobodys_is_claimed(db: TestDatabase) {
    let app = seed_app(&db).await;
    let raw = Raw::open(&db).await;
    let (ada, eve) = (UserId::from_uuid(fresh()), UserId::from_uuid(fresh()));
    let events = [
        about(&app, 1, None),
        about(&app, 1, Some(eve)),
        about(&app, 2, None),
    ];
    app.write(move |app| events.iter().try_for_each(|event| app.audit(event)))
        .await;
    app.write(move |app| app.claim_personal(ada, &[1; 16]))
        .await;
    for (user, expected) in [(ada, 1), (eve, 1)] {
        let whose = raw.literal(user.as_uuid());
        let sql = format!("SELECT 1 FROM audit_personal WHERE user_id = {whose}");
        assert_eq!(raw.count(&sql).await, expected);
    }
}
