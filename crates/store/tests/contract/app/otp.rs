//! Requests for one-time codes.

use doorward_domain::contact::Contact;
use doorward_domain::otp::{Purpose, Standing};
use doorward_domain::{OtpRequestId, Timestamp, UserId};
use doorward_store::StoreError;
use doorward_store::app::{ConsumedOtp, FailedAttempt};
use doorward_testkit::database::TestDatabase;

use crate::support::{
    Raw, Scope, at, email, fresh, hash, micros, new_otp, phone, seed_app, seed_otp,
};

contract! {
    a_request_stands_as_it_was_written: AppRead::otp_standing, AppWrite::insert_otp_request;
    a_newer_request_voids_the_older_ones: AppWrite::insert_otp_request;
    a_right_code_is_consumed_once: AppWrite::consume_otp;
    either_hash_makes_a_code_right: AppWrite::consume_otp, AppWrite::count_wrong_otp;
    what_is_not_live_is_not_consumed: AppWrite::consume_otp;
    wrong_attempts_are_counted_up_to_the_lock: AppWrite::count_wrong_otp;
    what_is_not_live_is_not_counted: AppWrite::count_wrong_otp;
    the_live_requests_of_a_user_are_voided: AppWrite::void_codes_of_user;
    the_live_requests_to_an_address_are_voided: AppWrite::void_codes_to;
    another_apps_request_is_recognised_as_such: AppRead::otp_belongs_to_another_app;
}

const PHONE: &str = "+919876543210";

async fn standing(app: &Scope, id: OtpRequestId) -> Option<Standing> {
    let found = app.read(move |app| app.otp_standing(id)).await;
    found.map(|found| found.standing)
}

async fn consume(
    app: &Scope,
    id: OtpRequestId,
    purpose: Purpose,
    code: u8,
    now: Timestamp,
) -> Option<ConsumedOtp> {
    app.write(move |app| app.consume_otp(id, purpose, &[hash(code); 2], now))
        .await
}

async fn miss(
    app: &Scope,
    id: OtpRequestId,
    purpose: Purpose,
    code: u8,
    now: Timestamp,
) -> Option<FailedAttempt> {
    app.write(move |app| app.count_wrong_otp(id, purpose, &[hash(code); 2], now))
        .await
}

async fn a_request_stands_as_it_was_written(db: TestDatabase) {
    let app = seed_app(&db).await;
    for purpose in Purpose::ALL {
        let mut new = new_otp(email("Ada@example.com"));
        new.purpose = purpose;
        let id = new.id;
        app.write(move |app| app.insert_otp_request(&new)).await;
        let found = app
            .read(move |app| app.otp_standing(id))
            .await
            .expect("it is there");
        assert_eq!(found.contact.canonical(), "ada@example.com");
        let expected = Standing {
            used: false,
            locked: false,
            voided: false,
            expires_at: at(300),
            purpose,
        };
        assert_eq!(found.standing, expected);
    }
    assert_eq!(standing(&app, OtpRequestId::from_uuid(fresh())).await, None);

    let mut twice = new_otp(phone(PHONE));
    twice.id = seed_otp(&app, phone(PHONE)).await;
    let answer = app
        .try_write(move |app| app.insert_otp_request(&twice))
        .await;
    assert!(
        matches!(answer, Err(StoreError::Constraint { .. })),
        "{answer:?}"
    );
}

async fn a_newer_request_voids_the_older_ones(db: TestDatabase) {
    let app = seed_app(&db).await;
    let ada = || email("ada@example.com");
    let used = seed_otp(&app, ada()).await;
    assert!(
        consume(&app, used, Purpose::Login, 9, at(1))
            .await
            .is_some()
    );
    let locked = seed_otp(&app, ada()).await;
    for _ in 0..3 {
        miss(&app, locked, Purpose::Login, 8, at(1)).await;
    }
    let mut other_purpose = new_otp(ada());
    other_purpose.purpose = Purpose::PasswordReset;
    let other_purpose_id = other_purpose.id;
    app.write(move |app| app.insert_otp_request(&other_purpose))
        .await;
    let other_contact = seed_otp(&app, email("eve@example.com")).await;

    let newest = seed_otp(&app, email("ADA@example.com")).await;
    let voided = async |id| standing(&app, id).await.expect("it is there").voided;
    assert!(voided(locked).await);
    for untouched in [used, other_purpose_id, other_contact, newest] {
        assert!(!voided(untouched).await);
    }

    // A later one voids that one, and leaves the others as they are to the bit.
    let raw = Raw::open(&db).await;
    let before = raw.table("otp_requests").await;
    let mut later = new_otp(ada());
    later.created_at = at(50);
    let later_id = later.id;
    app.write(move |app| app.insert_otp_request(&later)).await;
    assert!(voided(newest).await);
    assert!(!voided(later_id).await);
    let after = raw.table("otp_requests").await;
    let same = before.iter().filter(|row| after.contains(row)).count();
    assert_eq!((same, after.len()), (before.len() - 1, before.len() + 1));
}

async fn a_right_code_is_consumed_once(db: TestDatabase) {
    let app = seed_app(&db).await;
    let user = UserId::from_uuid(fresh());
    for (contact, user_id) in [
        (email("Jörg.Müller@bücher.example"), Some(user)),
        (phone(PHONE), None),
    ] {
        let mut new = new_otp(contact.clone());
        new.user_id = user_id;
        let id = new.id;
        app.write(move |app| app.insert_otp_request(&new)).await;
        let consumed = consume(&app, id, Purpose::Login, 9, micros(300, -1)).await;
        let consumed = consumed.expect("it is live to its last microsecond");
        assert_eq!(
            original(&consumed.contact),
            original(&contact),
            "as given, for sending"
        );
        assert!(consumed.contact == contact);
        assert_eq!(consumed.user_id, user_id);
        assert!(standing(&app, id).await.expect("it is there").used);
        assert!(
            consume(&app, id, Purpose::Login, 9, at(2)).await.is_none(),
            "only once"
        );
    }
}

async fn either_hash_makes_a_code_right(db: TestDatabase) {
    let app = seed_app(&db).await;
    for right in [[hash(9), hash(8)], [hash(8), hash(9)]] {
        let id = seed_otp(&app, email("ada@example.com")).await;
        let wrong = [hash(7), hash(8)];
        let count = async |hashes: [[u8; 32]; 2]| {
            app.write(move |app| app.count_wrong_otp(id, Purpose::Login, &hashes, at(1)))
                .await
        };
        let consume = async |hashes: [[u8; 32]; 2]| {
            app.write(move |app| app.consume_otp(id, Purpose::Login, &hashes, at(1)))
                .await
                .is_some()
        };
        assert!(!consume(wrong).await);
        assert!(count(right).await.is_none(), "it is right after all");
        assert_eq!(count(wrong).await.map(|failed| failed.attempts), Some(1));
        assert!(consume(right).await);
        assert!(!consume(right).await, "only once");
    }
}

fn original(contact: &Contact) -> String {
    contact.original().to_owned()
}

/// Requests that are used, locked, voided and expired.
async fn dead(app: &Scope) -> [OtpRequestId; 4] {
    let used = seed_otp(app, email("used@example.com")).await;
    consume(app, used, Purpose::Login, 9, at(1))
        .await
        .expect("live");
    let locked = seed_otp(app, email("locked@example.com")).await;
    for _ in 0..3 {
        miss(app, locked, Purpose::Login, 8, at(1))
            .await
            .expect("live");
    }
    let voided = seed_otp(app, email("voided@example.com")).await;
    seed_otp(app, email("voided@example.com")).await;
    let mut expired = new_otp(email("expired@example.com"));
    expired.expires_at = at(2);
    let expired_id = expired.id;
    app.write(move |app| app.insert_otp_request(&expired)).await;
    [used, locked, voided, expired_id]
}

async fn what_is_not_live_is_not_consumed(db: TestDatabase) {
    let app = seed_app(&db).await;
    let raw = Raw::open(&db).await;
    let dead = dead(&app).await;
    let live = seed_otp(&app, email("live@example.com")).await;
    let before = raw.table("otp_requests").await;
    for id in dead {
        assert!(consume(&app, id, Purpose::Login, 9, at(2)).await.is_none());
    }
    assert!(
        consume(&app, live, Purpose::Login, 8, at(2))
            .await
            .is_none(),
        "wrong code"
    );
    assert!(
        consume(&app, live, Purpose::EmailVerify, 9, at(2))
            .await
            .is_none(),
        "wrong purpose"
    );
    assert!(
        consume(&app, live, Purpose::Login, 9, at(300))
            .await
            .is_none(),
        "dead exactly then"
    );
    let unknown = OtpRequestId::from_uuid(fresh());
    assert!(
        consume(&app, unknown, Purpose::Login, 9, at(2))
            .await
            .is_none()
    );
    assert_eq!(raw.table("otp_requests").await, before);
}

async fn wrong_attempts_are_counted_up_to_the_lock(db: TestDatabase) {
    let app = seed_app(&db).await;
    for max_attempts in [1, 3] {
        let mut new = new_otp(email("Ada@example.com"));
        new.max_attempts = max_attempts;
        let id = new.id;
        app.write(move |app| app.insert_otp_request(&new)).await;
        for attempts in 1..=max_attempts {
            assert_eq!(
                miss(&app, id, Purpose::Login, 8, at(attempts)).await,
                Some(FailedAttempt {
                    attempts,
                    locked: attempts == max_attempts,
                    contact: "ada@example.com".to_owned(),
                })
            );
            let standing = standing(&app, id).await.expect("it is there");
            assert_eq!(standing.locked, attempts == max_attempts);
        }
        assert_eq!(
            miss(&app, id, Purpose::Login, 8, at(9)).await,
            None,
            "locked for good"
        );
        assert!(
            consume(&app, id, Purpose::Login, 9, at(9)).await.is_none(),
            "even for the right"
        );
    }
    // An attempt that did not lock it leaves the right code good.
    let id = seed_otp(&app, email("eve@example.com")).await;
    miss(&app, id, Purpose::Login, 8, at(1)).await;
    miss(&app, id, Purpose::Login, 7, at(1)).await;
    assert!(consume(&app, id, Purpose::Login, 9, at(2)).await.is_some());
}

async fn what_is_not_live_is_not_counted(db: TestDatabase) {
    let app = seed_app(&db).await;
    let raw = Raw::open(&db).await;
    let dead = dead(&app).await;
    let live = seed_otp(&app, email("live@example.com")).await;
    let before = raw.table("otp_requests").await;
    for id in dead {
        assert_eq!(miss(&app, id, Purpose::Login, 8, at(2)).await, None);
    }
    assert_eq!(
        miss(&app, live, Purpose::Login, 9, at(2)).await,
        None,
        "the right code"
    );
    assert_eq!(
        miss(&app, live, Purpose::PhoneChange, 8, at(2)).await,
        None,
        "wrong purpose"
    );
    assert_eq!(
        miss(&app, live, Purpose::Login, 8, at(300)).await,
        None,
        "dead exactly then"
    );
    let unknown = OtpRequestId::from_uuid(fresh());
    assert_eq!(miss(&app, unknown, Purpose::Login, 8, at(2)).await, None);
    assert_eq!(raw.table("otp_requests").await, before);
    assert!(
        miss(&app, live, Purpose::Login, 8, micros(300, -1))
            .await
            .is_some()
    );
}

async fn another_apps_request_is_recognised_as_such(db: TestDatabase) {
    let (app, other) = (seed_app(&db).await, seed_app(&db).await);
    let id = seed_otp(&app, email("ada@example.com")).await;
    let foreign = async |scope: &Scope, id| {
        scope
            .read(move |app| app.otp_belongs_to_another_app(id))
            .await
    };
    assert!(foreign(&other, id).await);
    assert!(!foreign(&app, id).await);
    let unknown = OtpRequestId::from_uuid(fresh());
    assert!(!foreign(&app, unknown).await);
}

async fn the_live_requests_of_a_user_are_voided(db: TestDatabase) {
    let app = seed_app(&db).await;
    let (ada, eve) = (UserId::from_uuid(fresh()), UserId::from_uuid(fresh()));
    let mut ids = Vec::new();
    for (contact, user_id, expires_at) in [
        ("a@example.com", Some(ada), at(300)),
        ("b@example.com", Some(ada), at(300)),
        ("used@example.com", Some(ada), at(300)),
        ("over@example.com", Some(ada), at(10)),
        ("eve@example.com", Some(eve), at(300)),
        ("nobody@example.com", None, at(300)),
    ] {
        let mut new = new_otp(email(contact));
        new.user_id = user_id;
        new.expires_at = expires_at;
        ids.push(new.id);
        app.write(move |app| app.insert_otp_request(&new)).await;
    }
    let used = consume(&app, ids[2], Purpose::Login, 9, at(1)).await;
    assert!(used.is_some());
    let void = async || {
        app.write(move |app| app.void_codes_of_user(ada, at(10)))
            .await
    };
    assert_eq!(void().await, 2);
    assert_eq!(void().await, 0);
    for (id, voided) in ids
        .into_iter()
        .zip([true, true, false, false, false, false])
    {
        assert_eq!(
            standing(&app, id).await.expect("it is there").voided,
            voided
        );
    }
}

async fn the_live_requests_to_an_address_are_voided(db: TestDatabase) {
    let app = seed_app(&db).await;
    let ada = UserId::from_uuid(fresh());
    let mut ids = Vec::new();
    for (contact, purpose, user_id, expires_at) in [
        ("Ada@example.com", Purpose::Login, None, at(300)),
        ("ada@example.com", Purpose::PasswordReset, None, at(300)),
        ("ada@example.com", Purpose::EmailVerify, Some(ada), at(300)),
        ("eve@example.com", Purpose::Login, None, at(300)),
    ] {
        let mut new = new_otp(email(contact));
        new.purpose = purpose;
        new.user_id = user_id;
        new.expires_at = expires_at;
        ids.push(new.id);
        app.write(move |app| app.insert_otp_request(&new)).await;
    }
    let used = consume(&app, ids[1], Purpose::PasswordReset, 9, at(1)).await;
    assert!(used.is_some());
    let void = async |seconds: i64| {
        let contact = email("ADA@example.com");
        app.write(move |app| app.void_codes_to(&contact, at(seconds)))
            .await
    };
    assert_eq!(void(300).await, 0, "they are over");
    assert_eq!(void(10).await, 2);
    assert_eq!(void(10).await, 0);
    for (id, voided) in ids.into_iter().zip([true, false, true, false]) {
        let found = standing(&app, id).await.expect("it is there");
        assert_eq!(found.voided, voided);
    }
}
