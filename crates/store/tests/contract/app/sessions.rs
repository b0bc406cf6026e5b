//! Sessions: beginning, reading, ending.

use doorward_domain::session::{EndReason, Session};
use doorward_domain::user::UserStatus;
use doorward_domain::{SessionId, TenantId, UserId};
use doorward_store::StoreError;
use doorward_store::app::{EndedSessions, SessionWithUser};
use doorward_testkit::database::TestDatabase;

use crate::support::{
    Raw, Scope, at, email, fresh, hash, micros, new_session, phone, rotation, seed_app,
    seed_session, seed_user,
};

contract! {
    a_session_is_read_as_it_was_written: AppRead::session, AppWrite::insert_session;
    a_session_needs_a_user_and_an_id_of_its_own: AppWrite::insert_session;
    what_decides_about_a_refresh_is_read_off_a_session: SessionWithUser::state;
    a_session_ends_once: AppWrite::end_session;
    the_live_sessions_of_a_user_end_together: AppWrite::end_user_sessions;
    a_session_speaks_for_a_tenant: AppWrite::set_session_tenant;
}

async fn read(app: &Scope, id: SessionId) -> Option<SessionWithUser> {
    app.read(move |app| app.session(id)).await
}

async fn a_session_is_read_as_it_was_written(db: TestDatabase) {
    let app = seed_app(&db).await;
    let user = seed_user(&app, email("ada@example.com")).await;
    let mut new = new_session(user);
    new.tenant_id = Some(TenantId::from_uuid(fresh()));
    new.amr = "otp sms".to_owned();
    new.ip = Some("2001:db8::7".parse().expect("an address"));
    new.user_agent = Some("🦀".repeat(2_500));
    new.epoch = 7;
    let mut expected = Session {
        id: new.id,
        user_id: user,
        tenant_id: new.tenant_id,
        generation: 1,
        nonce_hash: hash(1),
        epoch: 7,
        auth_time: at(0),
        amr: "otp sms".to_owned(),
        created_at: at(0),
        last_used_at: at(0),
        expires_at: at(100),
        absolute_expires_at: at(1000),
        ended: None,
    };
    let insert = new.clone();
    app.write(move |app| app.insert_session(&insert)).await;
    let found = read(&app, new.id).await.expect("it is there");
    assert_eq!(
        (found.session, found.user_status),
        (expected.clone(), UserStatus::Active)
    );

    // Without what may be missing.
    let bare = new_session(user);
    expected = Session {
        id: bare.id,
        tenant_id: None,
        epoch: 1,
        amr: "otp".to_owned(),
        ..expected
    };
    app.write(move |app| app.insert_session(&bare)).await;
    let found = read(&app, expected.id).await.expect("it is there");
    assert_eq!(found.session, expected);
    assert!(read(&app, SessionId::from_uuid(fresh())).await.is_none());
}

async fn a_session_needs_a_user_and_an_id_of_its_own(db: TestDatabase) {
    let app = seed_app(&db).await;
    let user = seed_user(&app, email("ada@example.com")).await;
    let mut twice = new_session(user);
    twice.id = seed_session(&app, user).await.session_id;
    let orphan = new_session(UserId::from_uuid(fresh()));
    let raw = Raw::open(&db).await;
    let before = raw.table("sessions").await;
    for wrong in [twice, orphan] {
        let answer = app.try_write(move |app| app.insert_session(&wrong)).await;
        assert!(
            matches!(answer, Err(StoreError::Constraint { .. })),
            "{answer:?}"
        );
    }
    assert_eq!(raw.table("sessions").await, before);
}

async fn what_decides_about_a_refresh_is_read_off_a_session(db: TestDatabase) {
    let app = seed_app(&db).await;
    let user = seed_user(&app, email("ada@example.com")).await;
    let id = seed_session(&app, user).await.session_id;
    let state = read(&app, id).await.expect("it is there").state(1);
    assert_eq!((state.generation, state.nonce_hash), (1, hash(1)));
    assert_eq!((state.ended, state.user_active), (false, true));
    assert_eq!(state.expires_at, at(100), "the idle end comes first");
    assert!(
        read(&app, id).await.expect("it is there").state(2).ended,
        "of an older epoch"
    );

    let mut short = new_session(user);
    short.absolute_expires_at = at(50);
    let short_id = short.id;
    app.write(move |app| app.insert_session(&short)).await;
    let state = read(&app, short_id).await.expect("it is there").state(1);
    assert_eq!(state.expires_at, at(50), "the absolute end comes first");

    app.write(move |app| app.end_session(id, EndReason::Logout, at(5)))
        .await;
    assert!(read(&app, id).await.expect("it is there").state(1).ended);
    for status in [UserStatus::Deactivated, UserStatus::Deleted] {
        app.write(move |app| app.set_user_status(user, status, at(6)))
            .await;
        assert!(
            !read(&app, id)
                .await
                .expect("it is there")
                .state(1)
                .user_active
        );
    }
}

async fn a_session_ends_once(db: TestDatabase) {
    let app = seed_app(&db).await;
    let user = seed_user(&app, email("ada@example.com")).await;
    for reason in EndReason::ALL {
        let id = seed_session(&app, user).await.session_id;
        let end = async |reason: EndReason, seconds: i64| {
            app.write(move |app| app.end_session(id, reason, at(seconds)))
                .await
        };
        assert_eq!(end(reason, 5).await, Some(user));
        assert_eq!(end(EndReason::Operator, 6).await, None, "it has ended");
        let session = read(&app, id).await.expect("it is there").session;
        assert_eq!(
            session.ended,
            Some((at(5), reason)),
            "the first reason stays"
        );
    }
    let unknown = SessionId::from_uuid(fresh());
    let answer = app
        .write(move |app| app.end_session(unknown, EndReason::Logout, at(5)))
        .await;
    assert_eq!(answer, None);
}

async fn the_live_sessions_of_a_user_end_together(db: TestDatabase) {
    let app = seed_app(&db).await;
    let ada = seed_user(&app, email("ada@example.com")).await;
    let bob = seed_user(&app, phone("+919876543210")).await;
    let live = [seed_session(&app, ada).await, seed_session(&app, ada).await];
    let ended = seed_session(&app, ada).await.session_id;
    app.write(move |app| app.end_session(ended, EndReason::Logout, at(1)))
        .await;
    let bobs = seed_session(&app, bob).await;
    // Dead exactly then, dead for good exactly then, and of an older epoch: none of them counts.
    let mut others = [new_session(ada), new_session(ada), new_session(ada)];
    others[0].expires_at = at(50);
    others[1].absolute_expires_at = at(50);
    others[2].epoch = 0;
    let ids = others.clone().map(|session| session.id);
    app.write(move |app| {
        others
            .iter()
            .try_for_each(|session| app.insert_session(session))
    })
    .await;
    // One microsecond of life left.
    let mut last = new_session(ada);
    last.expires_at = micros(50, 1);
    last.absolute_expires_at = micros(50, 1);
    let last_id = last.id;
    app.write(move |app| app.insert_session(&last)).await;

    let end = async |user: UserId, seconds: i64| {
        app.write(move |app| app.end_user_sessions(user, EndReason::UserRevoked, 1, at(seconds)))
            .await
    };
    let ended = end(ada, 50).await;
    assert_eq!((ended.count, ended.last_issued_at), (3, Some(at(0))));
    for id in [live[0].session_id, live[1].session_id, last_id] {
        let session = read(&app, id).await.expect("it is there").session;
        assert_eq!(session.ended, Some((at(50), EndReason::UserRevoked)));
    }
    for id in ids {
        assert_eq!(
            read(&app, id).await.expect("it is there").session.ended,
            None
        );
    }
    let none = EndedSessions::default();
    assert_eq!(end(ada, 50).await, none, "nothing is left");
    let nobody = UserId::from_uuid(fresh());
    assert_eq!(end(nobody, 50).await, none, "unknown user");
    app.write(move |app| app.rotate_session(&rotation(bobs, at(40))))
        .await
        .expect("Bob refreshes");
    let ended = end(bob, 50).await;
    assert_eq!(
        (ended.count, ended.last_issued_at),
        (1, Some(at(40))),
        "Bob's was untouched"
    );
}

async fn a_session_speaks_for_a_tenant(db: TestDatabase) {
    let app = seed_app(&db).await;
    let user = seed_user(&app, email("ada@example.com")).await;
    let (id, beside) = (
        seed_session(&app, user).await.session_id,
        seed_session(&app, user).await.session_id,
    );
    for tenant in [Some(TenantId::from_uuid(fresh())), None] {
        app.write(move |app| app.set_session_tenant(id, tenant))
            .await;
        let session = read(&app, id).await.expect("it is there").session;
        assert_eq!(session.tenant_id, tenant);
        let other = read(&app, beside).await.expect("it is there").session;
        assert_eq!(other.tenant_id, None);
    }
}
