//! What an app's callers fight for.

use std::sync::Arc;
use std::time::Duration;

use doorward_domain::contact::Contact;
use doorward_domain::limit::LimitRule;
use doorward_domain::otp::Purpose;
use doorward_domain::session::EndReason;
use doorward_domain::user::UserStatus;
use doorward_domain::{OneTimeSecretId, UserId};
use doorward_store::app::{Erasure, Hit, HitOutcome, NewOneTimeSecret};
use doorward_store::{Constraint, Engine, StoreError};
use doorward_testkit::database::TestDatabase;
use tokio::sync::Notify;

use super::{race, winners};
use crate::support::{
    Raw, at, email, fresh, hash, new_message, new_session, new_user, phone, rotation, seed_app,
    seed_otp, seed_session, seed_user,
};

on_both_engines_by_name! {
    one_of_many_consumes_a_code
    wrong_codes_lock_after_exactly_three
    one_of_many_consumes_a_secret
    one_of_many_rotates_a_session
    one_of_many_ends_a_session
    one_of_many_gets_an_address
    one_of_many_users_changes_to_an_address
    an_address_that_is_just_being_taken_is_refused
    a_session_begun_for_a_held_user_is_seen_by_who_deactivates_it
    a_message_to_a_held_user_is_found_by_who_erases_it
    exactly_three_of_many_pass_a_limit
}

async fn one_of_many_consumes_a_code(db: TestDatabase) {
    let app = seed_app(&db).await;
    let id = seed_otp(&app, email("ada@example.com")).await;
    let answers = race(&db, |store, _| {
        let app = app.on(&store);
        async move {
            let found = app
                .write(move |app| app.consume_otp(id, Purpose::Login, &[hash(9); 2], at(1)))
                .await;
            found.is_some()
        }
    })
    .await;
    assert_eq!(winners(&answers), 1);
}

async fn wrong_codes_lock_after_exactly_three(db: TestDatabase) {
    let app = seed_app(&db).await;
    let id = seed_otp(&app, email("ada@example.com")).await;
    let answers = race(&db, |store, _| {
        let app = app.on(&store);
        async move {
            app.write(move |app| app.count_wrong_otp(id, Purpose::Login, &[hash(8); 2], at(1)))
                .await
        }
    })
    .await;
    let mut counted: Vec<_> = answers
        .into_iter()
        .flatten()
        .map(|failed| (failed.attempts, failed.locked))
        .collect();
    counted.sort_unstable();
    assert_eq!(counted, [(1, false), (2, false), (3, true)]);
}

async fn one_of_many_consumes_a_secret(db: TestDatabase) {
    let app = seed_app(&db).await;
    let id = OneTimeSecretId::from_uuid(fresh());
    let new = NewOneTimeSecret {
        id,
        purpose: "password_reset",
        secret_hash: hash(4),
        user_id: None,
        details: None,
        created_at: at(0),
        expires_at: at(60),
    };
    app.write(move |app| app.insert_secret(&new)).await;
    let answers = race(&db, |store, _| {
        let app = app.on(&store);
        async move {
            let found = app
                .write(move |app| app.consume_secret(id, "password_reset", &hash(4), at(1)))
                .await;
            found.is_some()
        }
    })
    .await;
    assert_eq!(winners(&answers), 1);
}

async fn one_of_many_rotates_a_session(db: TestDatabase) {
    let app = seed_app(&db).await;
    let user = seed_user(&app, email("ada@example.com")).await;
    let token = seed_session(&app, user).await;
    let answers = race(&db, |store, caller| {
        let app = app.on(&store);
        let mut rotation = rotation(token, at(10));
        rotation.new_nonce_hash = hash(u8::try_from(100 + caller).expect("few callers"));
        async move {
            app.write(move |app| app.rotate_session(&rotation))
                .await
                .is_some()
        }
    })
    .await;
    assert_eq!(winners(&answers), 1);
    let winner = answers.iter().position(|won| *won).expect("a winner");
    let id = token.session_id;
    let session = app
        .read(move |app| app.session(id))
        .await
        .expect("it is there")
        .session;
    let nonce = hash(u8::try_from(100 + winner).expect("few callers"));
    assert_eq!(
        (session.generation, session.nonce_hash),
        (2, nonce),
        "the winner's successor"
    );
}

async fn one_of_many_ends_a_session(db: TestDatabase) {
    let app = seed_app(&db).await;
    let user = seed_user(&app, email("ada@example.com")).await;
    let id = seed_session(&app, user).await.session_id;
    let answers = race(&db, |store, _| {
        let app = app.on(&store);
        async move {
            app.write(move |app| app.end_session(id, EndReason::Reuse, at(1)))
                .await
                .is_some()
        }
    })
    .await;
    assert_eq!(winners(&answers), 1);
}

async fn one_of_many_gets_an_address(db: TestDatabase) {
    let app = seed_app(&db).await;
    let contacts: [Contact; 2] = [email("ada@example.com"), phone("+919876543210")];
    for contact in contacts {
        let answers = race(&db, |store, _| {
            let (app, new) = (app.on(&store), new_user(contact.clone()));
            async move {
                // What sign-in does: the loser finds the winner's user in the same transaction.
                app.write(move |app| {
                    let inserted = app.insert_user(&new)?;
                    let found = app.user_by_contact(&new.contact)?;
                    Ok((inserted, found.map(|user| user.id)))
                })
                .await
            }
        })
        .await;
        let inserted: Vec<bool> = answers.iter().map(|answer| answer.0).collect();
        assert_eq!(winners(&inserted), 1);
        let users: std::collections::BTreeSet<_> = answers.iter().map(|answer| answer.1).collect();
        assert_eq!(users.len(), 1, "all see one user");
        assert!(!users.contains(&None));
    }
}

async fn one_of_many_users_changes_to_an_address(db: TestDatabase) {
    let app = seed_app(&db).await;
    let mut users: Vec<UserId> = Vec::new();
    for number in 0..super::CALLERS {
        users.push(seed_user(&app, email(&format!("u{number}@example.com"))).await);
    }
    for (contact, expected) in [
        (email("new@example.com"), Constraint::UserEmail),
        (phone("+919876543210"), Constraint::UserPhone),
    ] {
        let answers = race(&db, |store, caller| {
            let (app, user, contact) = (app.on(&store), users[caller], contact.clone());
            async move {
                app.try_write(move |app| app.set_contact(user, &contact, at(1)))
                    .await
            }
        })
        .await;
        let won: Vec<bool> = answers
            .iter()
            .map(|answer| matches!(answer, Ok(true)))
            .collect();
        assert_eq!(winners(&won), 1);
        for answer in answers {
            match answer {
                Ok(_) => {}
                Err(StoreError::Constraint { constraint, .. }) => assert_eq!(constraint, expected),
                Err(other) => panic!("{other}"),
            }
        }
    }
}

/// One that waits for another transaction, which then takes the address.
async fn an_address_that_is_just_being_taken_is_refused(db: TestDatabase) {
    let app = seed_app(&db).await;
    let ada = seed_user(&app, email("ada@example.com")).await;
    let bob = seed_user(&app, email("bob@example.com")).await;
    for (contact, expected) in [
        (email("new@example.com"), Constraint::UserEmail),
        (phone("+919876543210"), Constraint::UserPhone),
    ] {
        let taken = Arc::new(Notify::new());
        let (first, hold, wanted) = (app.clone(), Arc::clone(&taken), contact.clone());
        let first = tokio::spawn(async move {
            first
                .write(move |app| {
                    let set = app.set_contact(ada, &wanted, at(1))?;
                    hold.notify_one();
                    std::thread::sleep(Duration::from_millis(300));
                    Ok(set)
                })
                .await
        });
        taken.notified().await;
        let wanted = contact.clone();
        let second = app
            .try_write(move |app| app.set_contact(bob, &wanted, at(1)))
            .await;
        assert!(first.await.expect("the first comes back"));
        match (db.engine(), second) {
            // One writer at a time: the second begins when the first has ended.
            (Engine::Sqlite, Ok(false)) => {}
            (Engine::Postgres, Err(StoreError::Constraint { constraint, .. })) => {
                assert_eq!(constraint, expected);
            }
            (_, other) => panic!("{other:?}"),
        }
        let found = app.read(move |app| app.user_by_contact(&contact)).await;
        assert_eq!(found.map(|user| user.id), Some(ada));
    }
}

async fn a_session_begun_for_a_held_user_is_seen_by_who_deactivates_it(db: TestDatabase) {
    let app = seed_app(&db).await;
    let user = seed_user(&app, email("ada@example.com")).await;
    let held = Arc::new(Notify::new());
    let (beginner, hold, new) = (app.clone(), Arc::clone(&held), new_session(user));
    let id = new.id;
    let beginning = tokio::spawn(async move {
        beginner
            .write(move |app| {
                assert!(app.hold_active_user(new.user_id)?);
                hold.notify_one();
                std::thread::sleep(Duration::from_millis(300));
                app.insert_session(&new)
            })
            .await;
    });
    held.notified().await;
    let ended = app
        .write(move |app| {
            app.set_user_status(user, UserStatus::Deactivated, at(1))?;
            app.end_user_sessions(user, EndReason::UserInactive, 1, at(1))
        })
        .await;
    beginning.await.expect("the session begins");
    assert_eq!(ended.count, 1);
    let session = app.read(move |app| app.session(id)).await;
    let ended = session.expect("it is there").session.ended;
    assert_eq!(ended, Some((at(1), EndReason::UserInactive)));
}

/// A send on its way: the user is held, and the message is written a while later.
async fn a_message_to_a_held_user_is_found_by_who_erases_it(db: TestDatabase) {
    let app = seed_app(&db).await;
    let user = seed_user(&app, email("ada@example.com")).await;
    app.write(move |app| app.delete_user(user, at(0), at(0)))
        .await;
    let held = Arc::new(Notify::new());
    let (sender, hold, mut message) = (app.clone(), Arc::clone(&held), new_message(app.id));
    message.user_id = Some(user);
    let sending = tokio::spawn(async move {
        sender
            .write(move |app| {
                assert!(app.hold_user(user)?);
                hold.notify_one();
                std::thread::sleep(Duration::from_millis(300));
                app.enqueue(&message, false)
            })
            .await;
    });
    held.notified().await;
    let erasure = Erasure {
        user_id: user,
        contacts: Vec::new(),
        contact_refs: Vec::new(),
    };
    let finished = app
        .write(move |app| {
            assert!(app.hold_due_user(user, at(1))?);
            app.erase_traces(&erasure, at(1), 10)?;
            app.finish_erasure(user, at(1))
        })
        .await;
    sending.await.expect("the message is written");
    assert!(finished);
    let raw = Raw::open(&db).await;
    assert!(raw.table("outbox").await.is_empty());
    assert!(
        !app.write(move |app| app.hold_user(user)).await,
        "who comes later finds nobody"
    );
}

async fn exactly_three_of_many_pass_a_limit(db: TestDatabase) {
    let app = seed_app(&db).await;
    let rule = |max| LimitRule { max, seconds: 600 };
    let limits = [
        Hit {
            key: [1; 16],
            rule: rule(3),
        },
        Hit {
            key: [2; 16],
            rule: rule(1_000),
        },
    ];
    let answers = race(&db, |store, _| {
        let app = app.on(&store);
        async move { app.write(move |app| app.hit_limits(&limits, at(1))).await }
    })
    .await;
    let allowed: Vec<bool> = answers
        .iter()
        .map(|outcome| matches!(outcome, HitOutcome::Allowed { .. }))
        .collect();
    assert_eq!(winners(&allowed), 3);
    let refused = answers
        .iter()
        .all(|outcome| !matches!(outcome, HitOutcome::Refused { index, .. } if *index != 0));
    assert!(refused, "the first limit is the exhausted one");
    assert_eq!(Raw::open(&db).await.table("rate_limits").await.len(), 2);
}
