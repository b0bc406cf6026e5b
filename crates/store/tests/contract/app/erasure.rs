//! What is held of a person, removed.

use doorward_domain::UserId;
use doorward_domain::audit::{Action, Actor, AuditEvent, Personal};
use doorward_domain::role::RoleName;
use doorward_store::app::{Erasure, NewLicense, NewSession};
use doorward_testkit::database::TestDatabase;

use crate::support::{
    Raw, Scope, at, claim, email, new_event, new_license, new_message, new_otp, new_session,
    seed_app, seed_organization, seed_user,
};

contract! {
    every_trace_goes_and_nobody_elses: AppWrite::erase_traces;
    a_batch_is_bounded: AppWrite::erase_traces;
    an_erased_user_is_an_id: AppWrite::begin_erasure, AppWrite::finish_erasure;
    only_who_is_due_is_held_for_good: AppWrite::hold_due_user;
}

const ADA: &str = "ada@example.com";
const REF: [u8; 16] = [6; 16];

/// One of everything that is held of a person.
async fn seed(app: &Scope, address: &str, contact_ref: [u8; 16]) -> UserId {
    let user = seed_user(app, email(address)).await;
    let tenant = seed_organization(app).await;
    let session = NewSession {
        user_agent: Some(format!("of {address}")),
        ..new_session(user)
    };
    let mut code = new_otp(email(address));
    code.user_id = None;
    let mut message = new_message(app.id);
    message.contact_ref = Some(contact_ref);
    // To an address that the person had before, and nobody knows any more.
    let mut former = new_message(app.id);
    former.contact_ref = Some(contact_ref.map(|byte| byte + 100));
    former.user_id = Some(user);
    let license = NewLicense {
        user_id: Some(user),
        label: Some(format!("for {address}")),
        issued_to: Some(address.to_owned()),
        ..new_license()
    };
    let mut device = claim(license.id, 1, at(0));
    device.device_label = Some(format!("laptop of {address}"));
    let event = AuditEvent {
        actor: Actor::System,
        target: None,
        personal: Some(Personal {
            contact_ref: Some(contact_ref),
            contact: Some(address.to_owned()),
            ..Personal::default()
        }),
        ..new_event(Some(app.id), Action::OtpSent)
    };
    app.write(move |app| {
        app.insert_session(&session)?;
        app.insert_otp_request(&code)?;
        app.enqueue(&message, true)?;
        app.enqueue(&former, false)?;
        app.insert_license(&license)?;
        app.claim_seat(&device)?;
        app.assign_role(tenant, user, &RoleName::owner(), at(0))?;
        app.audit(&event)
    })
    .await;
    user
}

fn erasure(user_id: UserId) -> Erasure {
    Erasure {
        user_id,
        contacts: vec![ADA.to_owned()],
        contact_refs: vec![REF],
    }
}

async fn every_trace_goes_and_nobody_elses(db: TestDatabase) {
    let (app, other) = (seed_app(&db).await, seed_app(&db).await);
    let raw = Raw::open(&db).await;
    seed(&other, ADA, REF).await;
    let others = raw.rows_of(other.id).await;
    seed(&app, "bob@example.com", [7; 16]).await;
    let bobs = raw.rows_of(app.id).await;
    let ada = seed(&app, ADA, REF).await;

    let mut rounds = 0;
    while app
        .write(move |app| app.erase_traces(&erasure(ada), at(9), 10))
        .await
        > 0
    {
        rounds += 1;
        assert!(rounds < 5, "it ends");
    }
    assert!(
        app.write(move |app| app.delete_user(ada, at(9), at(9)))
            .await
    );
    assert!(app.write(move |app| app.finish_erasure(ada, at(9))).await);
    let left = raw.rows_of(app.id).await;
    let text = format!("{left:?}");
    assert!(!text.contains(ADA), "{text}");
    for (table, rows) in &bobs {
        for row in rows {
            assert!(left[table].contains(row), "{table}: {row}");
        }
        // What only an id ties to her: the user, her licence with its device, the organization, and
        // the event.
        let kept = usize::from(matches!(
            *table,
            "users" | "licenses" | "license_activations" | "organizations" | "audit_events"
        ));
        assert_eq!(left[table].len(), rows.len() + kept, "{table}");
    }
    assert_eq!(
        raw.rows_of(other.id).await,
        others,
        "the same address, another app"
    );
}

async fn a_batch_is_bounded(db: TestDatabase) {
    let app = seed_app(&db).await;
    let raw = Raw::open(&db).await;
    let ada = seed_user(&app, email(ADA)).await;
    for _ in 0..5 {
        let session = new_session(ada);
        app.write(move |app| app.insert_session(&session)).await;
    }
    for left in [3, 1, 0] {
        app.write(move |app| app.erase_traces(&erasure(ada), at(9), 2))
            .await;
        assert_eq!(raw.table("sessions").await.len(), left);
    }
}

async fn only_who_is_due_is_held_for_good(db: TestDatabase) {
    let app = seed_app(&db).await;
    let ada = seed_user(&app, email(ADA)).await;
    let hold = async |s: i64| app.write(move |app| app.hold_due_user(ada, at(s))).await;
    let delete = async |s: i64| {
        app.write(move |app| app.delete_user(ada, at(s + 100), at(s)))
            .await
    };
    let restore = async |s: i64| app.write(move |app| app.restore_user(ada, at(s))).await;
    assert!(!hold(1).await, "not deleted");
    delete(2).await;
    assert!(!hold(101).await, "not due");
    assert!(restore(101).await);
    assert!(!hold(103).await, "restored meanwhile");
    delete(103).await;
    assert!(
        !hold(202).await,
        "deleted anew meanwhile: it has its time again"
    );
    assert!(hold(203).await);
    // Nothing brings it back now, also where a clock is behind.
    assert!(!restore(110).await && hold(203).await);
    app.write(move |app| app.finish_erasure(ada, at(204))).await;
    assert!(!hold(205).await, "erased");
}

async fn an_erased_user_is_an_id(db: TestDatabase) {
    let app = seed_app(&db).await;
    let ada = seed_user(&app, email(ADA)).await;
    let begin = async |s: i64| app.write(move |app| app.begin_erasure(ada, at(s))).await;
    let finish = async |s: i64| app.write(move |app| app.finish_erasure(ada, at(s))).await;
    assert!(!begin(1).await && !finish(1).await, "not deleted");
    app.write(move |app| app.delete_user(ada, at(100), at(2)))
        .await;
    assert!(!finish(99).await, "not due");
    assert!(begin(3).await);
    assert!(
        !app.write(move |app| app.restore_user(ada, at(3))).await,
        "too late"
    );
    assert!(finish(4).await);
    assert!(!finish(5).await && !begin(5).await, "once");
    let user = app.read(move |app| app.user(ada)).await.expect("the id");
    assert_eq!(
        (user.email, user.phone, user.erased_at),
        (None, None, Some(at(4)))
    );
    // The address is free.
    assert_ne!(seed_user(&app, email(ADA)).await, ada);
}
