//! Deletion of what is dead.

use std::sync::Arc;
use std::time::Duration;

use doorward_domain::audit::{Action, Actor, AuditEvent, Personal};
use doorward_domain::contact::Channel;
use doorward_domain::limit::LimitRule;
use doorward_domain::sms::{SmsCounts, UsageUnit};
use doorward_domain::stats::{Counted, Sketch};
use doorward_domain::time::plus_seconds;
use doorward_domain::{NodeId, OneTimeSecretId, SessionId, Timestamp, UserId};
use doorward_store::app::{DayPart, Hit, HitOutcome, NewOneTimeSecret, Rotation, SmsPeriod};
use doorward_store::platform::Purged;
use doorward_testkit::database::TestDatabase;
use tokio::sync::Notify;

use crate::support::{
    Platform, Raw, Scope, at, email, first_token, fresh, hash, lease_request, micros, new_event,
    new_handover, new_message, new_otp, new_revocation, new_session, platform, rotation, seed_app,
    seed_user,
};

contract! {
    what_is_dead_is_deleted_and_nothing_else: PlatformWrite::purge;
    what_came_to_life_again_is_kept: PlatformWrite::purge;
    what_comes_to_life_meanwhile_is_kept: PlatformWrite::purge;
    what_is_said_of_strangers_goes: PlatformWrite::purge_strangers;
    statistics_are_kept_for_400_days: PlatformWrite::purge;
    what_was_sent_is_forgotten_when_it_is_dead: PlatformWrite::purge;
    a_batch_is_bounded: PlatformWrite::purge, Purged::total, Purged::add;
}

const ONE_EACH: Purged = Purged {
    otp_requests: 1,
    one_time_secrets: 1,
    sessions: 1,
    refresh_replays: 1,
    rate_limits: 1,
    outbox: 1,
    outbox_contents: 0,
    revocations: 1,
    audit_personal: 0,
    idempotency_keys: 1,
    app_stats: 0,
    sms_usage: 1,
    users: 0,
};

const DAY: i64 = 86_400;

async fn purge(platform: &Platform, now: Timestamp, keep_until: Timestamp, limit: u32) -> Purged {
    platform
        .write(move |p| p.purge(now, keep_until, limit))
        .await
}

/// One row of each kind that ends at `end`.
async fn seed(app: &Scope, end: Timestamp) {
    let user = seed_user(app, email(&format!("u{}@example.com", fresh().simple()))).await;
    let mut otp = new_otp(email("ada@example.com"));
    otp.expires_at = end;
    let secret = NewOneTimeSecret {
        id: OneTimeSecretId::from_uuid(fresh()),
        purpose: "password_reset",
        secret_hash: hash(4),
        user_id: Some(user),
        details: None,
        created_at: at(0),
        expires_at: end,
    };
    let mut session = new_session(user);
    session.expires_at = end;
    let answered = SessionId::from_uuid(fresh());
    let limit = Hit {
        key: *fresh().as_bytes(),
        rule: LimitRule {
            max: 3,
            seconds: 10,
        },
    };
    let hit_at = end
        .checked_sub(Duration::from_secs(10))
        .expect("within the calendar");
    let mut message = new_message(app.id);
    message.expires_at = end;
    let counted = SmsPeriod {
        unit: UsageUnit::Slot,
        prefix: fresh().simple().to_string(),
        starts_at: plus_seconds(end, -UsageUnit::Slot.kept_seconds()),
    };
    app.write(move |app| {
        app.insert_otp_request(&otp)?;
        app.insert_secret(&secret)?;
        app.insert_session(&session)?;
        app.insert_replay(answered, 1, &hash(7), b"sealed", end)?;
        app.hit_limits(&[limit], hit_at)?;
        app.insert_revocation(&new_revocation(at(0), end))?;
        app.count_sms(&counted, 0, SmsCounts::SENT)?;
        app.enqueue(&message, true)
    })
    .await;
    let key = hash_of(fresh());
    Platform(app.store.clone())
        .write(move |p| p.claim_idempotency_key(&key, at(0), end))
        .await;
}

/// Of something fresh.
fn hash_of(id: uuid::Uuid) -> [u8; 32] {
    let mut hash = [0; 32];
    hash[..16].copy_from_slice(id.as_bytes());
    hash
}

async fn what_is_dead_is_deleted_and_nothing_else(db: TestDatabase) {
    let (app, other, platform) = (seed_app(&db).await, seed_app(&db).await, platform(&db));
    let raw = Raw::open(&db).await;
    let end = at(3 * DAY);
    seed(&other, at(30 * DAY)).await;
    let others = raw.rows_of(other.id).await;
    let bare = raw.rows_of(app.id).await;
    seed(&app, end).await;

    let seeded = raw.rows_of(app.id).await;
    assert_eq!(
        purge(&platform, end, end, 100).await,
        Purged::default(),
        "dead exactly then"
    );
    assert_eq!(raw.rows_of(app.id).await, seeded);

    // A moment later: what has to be kept for a precise answer stays, and a session its whole day.
    let purged = purge(&platform, micros(3 * DAY, 1), end, 100).await;
    let expected = Purged {
        refresh_replays: 1,
        rate_limits: 1,
        revocations: 1,
        idempotency_keys: 1,
        sms_usage: 1,
        ..Purged::default()
    };
    assert_eq!(purged, expected);
    let purged = purge(&platform, micros(3 * DAY, 1), micros(3 * DAY, 1), 100).await;
    let expected = Purged {
        otp_requests: 1,
        one_time_secrets: 1,
        outbox: 1,
        ..Purged::default()
    };
    assert_eq!(purged, expected);
    let purged = purge(&platform, at(4 * DAY), end, 100).await;
    assert_eq!(
        purged,
        Purged {
            sessions: 1,
            ..Purged::default()
        }
    );

    let mut left = raw.rows_of(app.id).await;
    let users = left.insert("users", Vec::new()).expect("a table");
    assert_eq!(users.len(), 1, "a user never goes");
    assert_eq!(left, bare);
    assert_eq!(raw.rows_of(other.id).await, others);

    // A message that waits is never deleted: its worker has to say what became of it.
    // Nor does it keep the batch from those behind it.
    let waiting = new_message(app.id);
    let mut done = new_message(app.id);
    done.expires_at = at(DAY);
    app.write(move |app| {
        app.enqueue(&waiting, false)?;
        app.enqueue(&done, true)
    })
    .await;
    for expected in [1, 0] {
        let purged = purge(&platform, at(9 * DAY), at(9 * DAY), 1).await;
        assert_eq!(purged.outbox, expected);
    }
    assert_eq!(raw.rows_of(app.id).await["outbox"].len(), 1);
}

async fn what_came_to_life_again_is_kept(db: TestDatabase) {
    let (app, platform) = (seed_app(&db).await, platform(&db));
    let user = seed_user(&app, email("ada@example.com")).await;
    let mut new = new_session(user);
    new.absolute_expires_at = at(30 * DAY);
    let id = new.id;
    app.write(move |app| app.insert_session(&new)).await;
    let refresh = Rotation {
        expires_at: at(5 * DAY),
        ..rotation(first_token(id), at(50))
    };
    assert!(
        app.write(move |app| app.rotate_session(&refresh))
            .await
            .is_some()
    );
    let contact = once_in(10);
    for seconds in [0, 2 * DAY] {
        app.write(move |app| app.hit_limits(&[contact], at(seconds)))
            .await;
    }
    let purged = purge(&platform, at(2 * DAY), at(2 * DAY), 100).await;
    assert_eq!(purged, Purged::default());
    let purged = purge(&platform, at(6 * DAY), at(6 * DAY), 100).await;
    assert_eq!((purged.sessions, purged.rate_limits), (1, 1));
}

/// A batch chooses its rows, then waits for the transaction that holds one of them. What that one
/// has written decides.
async fn what_comes_to_life_meanwhile_is_kept(db: TestDatabase) {
    let (app, platform) = (seed_app(&db).await, platform(&db));
    let contact = once_in(10);
    app.write(move |app| app.hit_limits(&[contact], at(0)))
        .await;

    let held = Arc::new(Notify::new());
    let (hitter, hold) = (app.clone(), Arc::clone(&held));
    let hit = tokio::spawn(async move {
        hitter
            .write(move |app| {
                let outcome = app.hit_limits(&[contact], at(20))?;
                hold.notify_one();
                std::thread::sleep(Duration::from_millis(300));
                Ok(outcome)
            })
            .await
    });
    held.notified().await;
    let purged = purge(&platform, at(20), at(20), 100).await;
    let outcome = hit.await.expect("the hit is counted");
    assert!(matches!(outcome, HitOutcome::Allowed { .. }));
    assert_eq!(purged.rate_limits, 0);
    let wait = app.read(move |app| app.limit_wait(&contact, at(20))).await;
    assert_eq!(wait, 10, "the hit was not forgotten");
}

fn once_in(seconds: u32) -> Hit {
    Hit {
        key: *fresh().as_bytes(),
        rule: LimitRule { max: 1, seconds },
    }
}

async fn a_batch_is_bounded(db: TestDatabase) {
    let (app, other, platform) = (seed_app(&db).await, seed_app(&db).await, platform(&db));
    let raw = Raw::open(&db).await;
    let bare = raw.rows_of(other.id).await;
    for (scope, days) in [(&app, 1), (&other, 0), (&app, 2)] {
        seed(scope, at(days * DAY)).await;
    }
    let (now, mut sum) = (at(9 * DAY), Purged::default());
    for _ in 0..3 {
        let batch = purge(&platform, now, now, 1).await;
        assert_eq!((batch, batch.total()), (ONE_EACH, 9));
        sum.add(&batch);
        let mut left = raw.rows_of(other.id).await;
        left.insert("users", Vec::new());
        assert_eq!(left, bare, "the oldest went first");
    }
    assert_eq!(sum.total(), 27);
    assert_eq!(purge(&platform, now, now, 1).await, Purged::default());
    assert_eq!(purge(&platform, now, now, 0).await, Purged::default());

    let many: Vec<Hit> = (0..1_001).map(|_| once_in(10)).collect();
    app.write(move |app| app.hit_limits(&many, at(0))).await;
    for expected in [1_000, 1] {
        let purged = purge(&platform, now, now, 5_000).await;
        assert_eq!(purged.rate_limits, expected, "however many are asked for");
    }
}

async fn what_is_said_of_strangers_goes(db: TestDatabase) {
    let (app, platform) = (seed_app(&db).await, platform(&db));
    let raw = Raw::open(&db).await;
    let about = |user_id| AuditEvent {
        actor: Actor::System,
        target: None,
        personal: Some(Personal {
            user_id,
            contact: Some("a***@example.com".to_owned()),
            ..Personal::default()
        }),
        ..new_event(Some(app.id), Action::OtpSent)
    };
    let of_user = about(Some(UserId::from_uuid(fresh())));
    let events = [of_user, about(None), about(None), about(None)];
    // Their ids say when they were.
    let id = events[3].id.as_uuid();
    let (seconds, nanos) = id.get_timestamp().expect("a time").to_unix();
    let last = Timestamp::new(i64::try_from(seconds).expect("a time"), 0).expect("a time")
        + Duration::from_nanos(nanos.into());
    app.write(move |app| events.iter().try_for_each(|event| app.audit(event)))
        .await;
    let purge = async |before: Timestamp, limit: u32| {
        platform
            .write(move |p| p.purge_strangers(before, limit))
            .await
    };
    assert_eq!(purge(last, 10).await, 0, "not before their time");
    let after = last + Duration::from_millis(1);
    for expected in [2, 1, 0] {
        assert_eq!(purge(after, 2).await, expected);
    }
    assert_eq!(
        raw.table("audit_personal").await.len(),
        1,
        "the user's stays"
    );
    assert_eq!(raw.table("audit_events").await.len(), 4, "the events stay");
}

async fn statistics_are_kept_for_400_days(db: TestDatabase) {
    let (app, platform) = (seed_app(&db).await, platform(&db));
    let today = at(0).as_second().div_euclid(DAY);
    for day in [today - 402, today - 401, today - 400, today] {
        let part = DayPart {
            day,
            part_id: fresh(),
            counts: [1; Counted::COUNT],
            users: Sketch::default(),
        };
        app.write(move |app| app.put_stats(&part)).await;
    }
    for expected in [1, 1, 0] {
        let purged = purge(&platform, at(0), at(0), 1).await;
        assert_eq!((purged.app_stats, purged.total()), (expected, expected));
    }
    let left = app.read(move |app| app.stats(0, today)).await;
    assert_eq!(left.len(), 2);
}

async fn what_was_sent_is_forgotten_when_it_is_dead(db: TestDatabase) {
    let (app, platform) = (seed_app(&db).await, platform(&db));
    let node = NodeId::from_uuid(fresh());
    let mut ids = Vec::new();
    for _ in 0..3 {
        let message = new_message(app.id);
        ids.push(message.id);
        app.write(move |app| app.enqueue(&message, false)).await;
    }
    let request = lease_request(Channel::Sms, node, at(0), 10);
    platform.write(move |p| p.lease_messages(&request)).await;
    let sent = ids[..2].to_vec();
    platform
        .write(move |p| {
            for id in &sent {
                p.message_sent(*id, node, at(1), &new_handover())?;
            }
            Ok(())
        })
        .await;
    let kept = async |id| {
        app.read(move |app| app.message_standing(id))
            .await
            .expect("a message")
            .kept
    };
    for (seconds, contents) in [(300, 0), (301, 1), (301, 1), (301, 0)] {
        let purged = purge(&platform, at(seconds), at(0), 1).await;
        assert_eq!(
            (purged.outbox_contents, purged.total()),
            (contents, contents)
        );
    }
    assert!(!kept(ids[0]).await && !kept(ids[1]).await);
    assert!(kept(ids[2]).await, "it waits still");
}
