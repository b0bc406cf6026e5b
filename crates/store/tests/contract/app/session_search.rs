//! Sessions as operators see them.

use doorward_domain::session::{EndReason, SessionRecord};
use doorward_domain::{SessionId, UserId};
use doorward_testkit::database::TestDatabase;

use crate::support::{Scope, at, email, fresh, new_session, platform, seed_app, seed_user};

contract! {
    sessions_of_a_user_are_listed_newest_first: AppRead::sessions_of_user;
    a_session_is_shown_with_its_device: AppRead::session_record;
    with_the_app_every_session_has_ended: AppRead::session_record;
}

async fn begin(app: &Scope, user: UserId) -> SessionId {
    let session = new_session(user);
    let id = session.id;
    app.write(move |app| app.insert_session(&session)).await;
    id
}

async fn show(app: &Scope, id: SessionId) -> SessionRecord {
    let found = app.read(move |app| app.session_record(id)).await;
    found.expect("the session")
}

async fn sessions_of_a_user_are_listed_newest_first(db: TestDatabase) {
    let app = seed_app(&db).await;
    let ada = seed_user(&app, email("ada@example.com")).await;
    let bob = seed_user(&app, email("bob@example.com")).await;
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(begin(&app, ada).await);
        begin(&app, bob).await;
    }
    ids.sort();
    ids.reverse();
    let list = async |before: Option<SessionId>, limit: u32| {
        let found = app
            .read(move |app| app.sessions_of_user(ada, before, limit))
            .await;
        found
            .iter()
            .map(|found| found.session.id)
            .collect::<Vec<_>>()
    };
    assert_eq!(list(None, 10).await, ids);
    assert_eq!(list(None, 1).await, ids[..1]);
    assert_eq!(list(Some(ids[0]), 10).await, ids[1..]);
}

async fn a_session_is_shown_with_its_device(db: TestDatabase) {
    let app = seed_app(&db).await;
    let ada = seed_user(&app, email("ada@example.com")).await;
    let id = begin(&app, ada).await;
    let written = new_session(ada);
    let record = show(&app, id).await;
    assert_eq!(record.user_agent, written.user_agent);
    assert_eq!(record.ip, written.ip.map(|ip| ip.to_string()));
    let session = &record.session;
    assert_eq!(
        (session.user_id, session.created_at),
        (ada, written.created_at)
    );
    assert_eq!(
        (session.amr.as_str(), session.ended),
        (written.amr.as_str(), None)
    );
    app.write(move |app| app.end_session(id, EndReason::Operator, at(4)))
        .await;
    let ended = show(&app, id).await.session.ended;
    assert_eq!(ended, Some((at(4), EndReason::Operator)));
    let nobody = SessionId::from_uuid(fresh());
    assert!(
        app.read(move |app| app.session_record(nobody))
            .await
            .is_none()
    );
}

async fn with_the_app_every_session_has_ended(db: TestDatabase) {
    let (app, other) = (seed_app(&db).await, seed_app(&db).await);
    let ada = seed_user(&app, email("ada@example.com")).await;
    let eve = seed_user(&other, email("ada@example.com")).await;
    let (id, before, foreign) = (
        begin(&app, ada).await,
        begin(&app, ada).await,
        begin(&other, eve).await,
    );
    app.write(move |app| app.end_session(before, EndReason::Logout, at(4)))
        .await;
    let app_id = app.id;
    assert!(
        platform(&db)
            .write(move |p| p.end_app_sessions(app_id, at(9)))
            .await
    );
    let ended = show(&app, id).await.session.ended;
    assert_eq!(ended, Some((at(9), EndReason::AppRevoked)));
    let ended = show(&app, before).await.session.ended;
    assert_eq!(
        ended,
        Some((at(4), EndReason::Logout)),
        "it had ended before"
    );
    assert_eq!(show(&other, foreign).await.session.ended, None);
}
