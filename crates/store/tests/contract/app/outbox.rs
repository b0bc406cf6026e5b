//! Messages of an app.

use doorward_domain::contact::Channel;
use doorward_domain::otp::Purpose;
use doorward_domain::outbox::{OutboxMessage, OutboxState, Reported};
use doorward_domain::{AppId, NodeId, OtpRequestId, OutboxId};
use doorward_store::app::{MessageStanding, Report};
use doorward_store::platform::Handover;
use doorward_store::{Engine, StoreError};
use doorward_testkit::database::TestDatabase;
use tokio::task::JoinSet;

use crate::support::{
    Raw, Scope, at, fresh, hash, lease_request, new_handover, new_message, new_otp, new_report,
    phone, platform, seed_app,
};

contract! {
    a_message_is_leased_as_it_was_written: AppWrite::enqueue;
    a_message_of_another_app_is_refused: AppWrite::enqueue;
    the_first_report_of_who_has_it_counts: AppWrite::note_report, AppRead::message_standing;
    what_did_not_arrive_goes_to_another_once: AppWrite::resend_message;
    a_dead_code_is_not_sent_again: AppWrite::resend_message;
    of_simultaneous_reports_one_counts: AppWrite::note_report, AppWrite::resend_message;
    what_waits_arrives_once: AppWrite::note_arrival;
}

async fn a_message_is_leased_as_it_was_written(db: TestDatabase) {
    let app = seed_app(&db).await;
    let email = OutboxMessage {
        channel: Channel::Email,
        template: "otp/EMAIL_VERIFY".to_owned(),
        sealed: (0..=255).collect(),
        ..new_message(app.id)
    };
    let sms = new_message(app.id);
    let decoy = new_message(app.id);
    let written = [email.clone(), sms.clone()];
    app.write(move |app| {
        app.enqueue(&email, false)?;
        app.enqueue(&sms, false)?;
        app.enqueue(&decoy, true)
    })
    .await;
    let node = NodeId::from_uuid(fresh());
    let mut leased = Vec::new();
    for channel in Channel::ALL {
        let request = lease_request(channel, node, at(0), 10);
        let taken = platform(&db)
            .write(move |p| p.lease_messages(&request))
            .await;
        assert_eq!(taken.len(), 1, "of this channel only");
        leased.extend(taken);
    }
    leased.sort_by_key(|leased| leased.message.id);
    assert_eq!(leased.len(), 2, "a suppressed one is never sent");
    for (leased, written) in leased.iter().zip(&written) {
        assert_eq!(format!("{:?}", leased.message), format!("{written:?}"));
        assert_eq!(leased.attempt, 1);
    }
    let twice = written[0].clone();
    let answer = app.try_write(move |app| app.enqueue(&twice, false)).await;
    assert!(
        matches!(answer, Err(StoreError::Constraint { .. })),
        "{answer:?}"
    );
}

async fn a_message_of_another_app_is_refused(db: TestDatabase) {
    let app = seed_app(&db).await;
    let raw = Raw::open(&db).await;
    let foreign = new_message(AppId::from_uuid(fresh()));
    let answer = app.try_write(move |app| app.enqueue(&foreign, false)).await;
    assert!(matches!(answer, Err(StoreError::Internal(_))), "{answer:?}");
    assert!(raw.table("outbox").await.is_empty());
}

/// A message with a live code that `first` has.
async fn sent(db: &TestDatabase, app: &Scope, to: Handover) -> (OutboxId, OtpRequestId) {
    let otp = new_otp(phone("+919876543210"));
    let otp_id = otp.id;
    let message = OutboxMessage {
        otp_request_id: Some(otp.id),
        sms_prefix: Some("+91".to_owned()),
        ..new_message(app.id)
    };
    let id = message.id;
    app.write(move |app| {
        app.insert_otp_request(&otp)?;
        app.enqueue(&message, false)
    })
    .await;
    let node = NodeId::from_uuid(fresh());
    let request = lease_request(Channel::Sms, node, at(0), 10);
    let platform = platform(db);
    platform
        .write(move |p| p.lease_messages(&request))
        .await
        .iter()
        .find(|leased| leased.message.id == id)
        .expect("it is due");
    assert!(
        platform
            .write(move |p| p.message_sent(id, node, at(1), &to))
            .await
    );
    (id, otp_id)
}

async fn standing(app: &Scope, id: OutboxId) -> MessageStanding {
    app.read(move |app| app.message_standing(id))
        .await
        .expect("a message")
}

async fn note(app: &Scope, id: OutboxId, report: Report) -> bool {
    app.write(move |app| app.note_report(id, &report)).await
}

async fn resend(app: &Scope, id: OutboxId, report: Report) -> bool {
    app.write(move |app| app.resend_message(id, &report, 8))
        .await
}

async fn the_first_report_of_who_has_it_counts(db: TestDatabase) {
    let app = seed_app(&db).await;
    let (id, otp) = sent(&db, &app, new_handover()).await;
    let stands = standing(&app, id).await;
    assert_eq!(
        stands,
        MessageStanding {
            state: OutboxState::Sent,
            leased: false,
            not_before: at(30),
            provider: Some("first".to_owned()),
            provider_ref: Some("SM1".to_owned()),
            reported: None,
            tried: Vec::new(),
            attempts: 1,
            kept: true,
            otp_request_id: Some(otp),
            sms_prefix: Some("+91".to_owned()),
            template: "otp/LOGIN".to_owned(),
            created_at: at(0),
            expires_at: at(300),
        }
    );
    let delivered = new_report(Reported::Delivered);
    for other in [
        Report {
            provider: "second".to_owned(),
            ..delivered.clone()
        },
        Report {
            provider_ref: Some("SM2".to_owned()),
            ..delivered.clone()
        },
    ] {
        assert!(!note(&app, id, other).await, "not what it has");
    }
    assert!(!note(&app, OutboxId::from_uuid(fresh()), delivered.clone()).await);
    assert_eq!(standing(&app, id).await, stands);
    assert!(note(&app, id, delivered.clone()).await);
    let after = standing(&app, id).await;
    assert_eq!(
        (after.reported, after.kept),
        (Some(Reported::Delivered), false)
    );
    // Whatever comes later.
    assert!(!note(&app, id, delivered).await);
    assert!(!note(&app, id, new_report(Reported::Failed)).await);
    assert!(!resend(&app, id, new_report(Reported::Failed)).await);
    assert_eq!(standing(&app, id).await, after);

    // Without the provider's name for it, who has it is enough.
    for (has, says) in [(Some("SM1"), None), (None, Some("SM9"))] {
        let to = Handover {
            provider_ref: has.map(str::to_owned),
            ..new_handover()
        };
        let (id, _) = sent(&db, &app, to).await;
        let report = Report {
            provider_ref: says.map(str::to_owned),
            reason: Some("30008 \u{2709}".to_owned()),
            ..new_report(Reported::Failed)
        };
        assert!(note(&app, id, report).await, "{has:?} {says:?}");
        assert_eq!(standing(&app, id).await.reported, Some(Reported::Failed));
    }
    let raw = Raw::open(&db).await;
    let sealed = match db.engine() {
        Engine::Sqlite => "Blob([0, 255, 1])",
        Engine::Postgres => r"\x00ff01",
    };
    let rows = raw.table("outbox").await;
    assert!(!rows.iter().any(|row| row.contains(sealed)), "{rows:?}");
    assert!(rows.iter().any(|row| row.contains("30008 \u{2709}")));
}

async fn what_did_not_arrive_goes_to_another_once(db: TestDatabase) {
    let app = seed_app(&db).await;
    let (id, _) = sent(&db, &app, new_handover()).await;
    let failed = new_report(Reported::Failed);
    let second = Report {
        provider: "second".to_owned(),
        ..failed.clone()
    };
    assert!(!resend(&app, id, second.clone()).await, "it has it not");
    assert!(resend(&app, id, failed.clone()).await);
    assert!(!resend(&app, id, failed.clone()).await, "it has it no more");
    assert!(!note(&app, id, failed.clone()).await);
    let stands = standing(&app, id).await;
    assert_eq!(
        (stands.state, stands.provider, stands.reported),
        (OutboxState::Queued, None, None)
    );
    let node = NodeId::from_uuid(fresh());
    let request = lease_request(Channel::Sms, node, at(10), 10);
    let platform = platform(&db);
    let leased = platform.write(move |p| p.lease_messages(&request)).await;
    let leased = &leased[0];
    assert_eq!((leased.message.id, leased.attempt), (id, 2));
    assert_eq!(leased.tried, ["first"]);
    assert_eq!(leased.message.sealed, [0, 255, 1]);
    assert_eq!(leased.message.sms_prefix.as_deref(), Some("+91"));
    assert!(standing(&app, id).await.leased);
    let to = Handover {
        provider: "second".to_owned(),
        ..new_handover()
    };
    assert!(
        platform
            .write(move |p| p.message_sent(id, node, at(11), &to))
            .await
    );
    assert!(
        !app.write(move |app| app.resend_message(id, &failed, 2))
            .await,
        "not the one that has it, and too many attempts"
    );
    let last = second.clone();
    assert!(!app.write(move |app| app.resend_message(id, &last, 2)).await);
    assert!(resend(&app, id, second).await);
    assert_eq!(standing(&app, id).await.tried, ["first", "second"]);
}

async fn a_dead_code_is_not_sent_again(db: TestDatabase) {
    let app = seed_app(&db).await;
    let failed = new_report(Reported::Failed);
    let refused = async |id| !resend(&app, id, new_report(Reported::Failed)).await;
    let (used, otp) = sent(&db, &app, new_handover()).await;
    app.write(move |app| app.consume_otp(otp, Purpose::Login, &[hash(9), hash(9)], at(2)))
        .await
        .expect("it is right");
    assert!(refused(used).await, "used");
    let (locked, otp) = sent(&db, &app, new_handover()).await;
    for _ in 0..3 {
        app.write(move |app| app.count_wrong_otp(otp, Purpose::Login, &[hash(1), hash(1)], at(2)))
            .await
            .expect("it is wrong");
    }
    assert!(refused(locked).await, "locked");
    let (void, _) = sent(&db, &app, new_handover()).await;
    // Another code for the same number.
    let (alive, _) = sent(&db, &app, new_handover()).await;
    assert!(refused(void).await, "void");
    let late = Report {
        at: at(300),
        ..failed
    };
    assert!(!resend(&app, alive, late).await, "dead");
    assert!(!refused(alive).await);
    let to = Handover {
        keep: false,
        ..new_handover()
    };
    let (gone, _) = sent(&db, &app, to).await;
    assert!(refused(gone).await, "what it carried is gone");
}

async fn of_simultaneous_reports_one_counts(db: TestDatabase) {
    let app = seed_app(&db).await;
    let (id, _) = sent(&db, &app, new_handover()).await;
    let mut callers = JoinSet::new();
    for n in 0..12 {
        let app = app.clone();
        callers.spawn(async move {
            match n % 3 {
                0 => note(&app, id, new_report(Reported::Delivered)).await,
                1 => note(&app, id, new_report(Reported::Failed)).await,
                _ => resend(&app, id, new_report(Reported::Failed)).await,
            }
        });
    }
    let counted = callers.join_all().await;
    assert_eq!(counted.iter().filter(|counted| **counted).count(), 1);
}

async fn what_waits_arrives_once(db: TestDatabase) {
    let app = seed_app(&db).await;
    let platform = platform(&db);
    let node = NodeId::from_uuid(fresh());
    let delivered = new_report(Reported::Delivered);
    let arrives = async |id: OutboxId, report: &Report, tried: &'static [&'static str]| {
        let report = report.clone();
        let tried: Vec<String> = tried.iter().map(|id| (*id).to_owned()).collect();
        app.write(move |app| app.note_arrival(id, &report, &tried))
            .await
    };
    let written = async || {
        let message = new_message(app.id);
        let id = message.id;
        app.write(move |app| app.enqueue(&message, false)).await;
        id
    };
    let lease = async |now: i64| {
        let request = lease_request(Channel::Sms, node, at(now), 10);
        platform.write(move |p| p.lease_messages(&request)).await
    };

    let id = written().await;
    assert!(!arrives(id, &delivered, &[]).await, "nobody was asked yet");
    assert_eq!(lease(0).await.len(), 1);
    assert!(!arrives(id, &delivered, &[]).await, "a worker has it");
    let retried = platform.write(move |p| p.message_retry(id, node, at(20), "broke off"));
    assert!(retried.await);
    assert!(
        !arrives(id, &delivered, &["first"]).await,
        "not what it knows"
    );
    assert!(!arrives(OutboxId::from_uuid(fresh()), &delivered, &[]).await);
    assert!(arrives(id, &delivered, &[]).await);
    assert!(!arrives(id, &delivered, &[]).await, "once");
    let stands = standing(&app, id).await;
    assert_eq!(
        (stands.state, stands.reported, stands.kept, stands.leased),
        (OutboxState::Sent, Some(Reported::Delivered), false, false)
    );
    assert_eq!(stands.provider.as_deref(), Some("first"));
    assert_eq!(stands.provider_ref.as_deref(), Some("SM1"));
    assert!(lease(50).await.is_empty(), "it is not sent once more");

    // Of a worker that died: when its lease has run out, and another has not taken it.
    let id = written().await;
    assert_eq!(lease(0).await.len(), 1);
    let late = Report {
        at: at(30),
        ..delivered.clone()
    };
    let early = Report {
        at: at(29),
        ..delivered.clone()
    };
    assert!(!arrives(id, &early, &[]).await);
    assert!(arrives(id, &late, &[]).await);
    let sent_late = platform.write(move |p| p.message_sent(id, node, at(31), &new_handover()));
    assert!(!sent_late.await, "who held it has lost it");

    // Taken back from the first, and broken off with the second.
    let (id, _) = sent(&db, &app, new_handover()).await;
    assert!(resend(&app, id, new_report(Reported::Failed)).await);
    let second = Report {
        provider: "second".to_owned(),
        provider_ref: None,
        ..delivered
    };
    assert!(
        !arrives(id, &second, &[]).await,
        "it was taken back meanwhile"
    );
    assert!(arrives(id, &second, &["first"]).await);
    assert_eq!(standing(&app, id).await.provider.as_deref(), Some("second"));
}
