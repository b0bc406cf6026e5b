//! One-time secrets other than codes.

use doorward_domain::{OneTimeSecretId, Timestamp, UserId};
use doorward_store::StoreError;
use doorward_store::app::{ConsumedSecret, NewOneTimeSecret};
use doorward_testkit::database::TestDatabase;

use crate::support::{Raw, Scope, at, fresh, hash, micros, seed_app};

contract! {
    a_secret_is_consumed_once: AppWrite::insert_secret, AppWrite::consume_secret;
    what_does_not_fit_or_live_is_not_consumed: AppWrite::consume_secret;
}

/// A secret made at `at(0)`, dead at `at(60)`, that hashes to `hash(4)`.
fn new_secret() -> NewOneTimeSecret {
    NewOneTimeSecret {
        id: OneTimeSecretId::from_uuid(fresh()),
        purpose: "password_reset",
        secret_hash: hash(4),
        user_id: None,
        details: None,
        created_at: at(0),
        expires_at: at(60),
    }
}

async fn consume(
    app: &Scope,
    id: OneTimeSecretId,
    purpose: &'static str,
    secret: u8,
    now: Timestamp,
) -> Option<ConsumedSecret> {
    app.write(move |app| app.consume_secret(id, purpose, &hash(secret), now))
        .await
}

async fn a_secret_is_consumed_once(db: TestDatabase) {
    let app = seed_app(&db).await;
    let full = NewOneTimeSecret {
        user_id: Some(UserId::from_uuid(fresh())),
        details: Some(format!("{{\"redirect\":\"{}\"}}", "ü🦀".repeat(2_000))),
        ..new_secret()
    };
    for new in [full, new_secret()] {
        let expected = ConsumedSecret {
            user_id: new.user_id,
            details: new.details.clone(),
        };
        let id = new.id;
        app.write(move |app| app.insert_secret(&new)).await;
        let consumed = consume(&app, id, "password_reset", 4, micros(60, -1)).await;
        assert_eq!(consumed, Some(expected));
        let again = consume(&app, id, "password_reset", 4, at(1)).await;
        assert_eq!(again, None, "only once");
    }
}

async fn what_does_not_fit_or_live_is_not_consumed(db: TestDatabase) {
    let app = seed_app(&db).await;
    let raw = Raw::open(&db).await;
    let new = new_secret();
    let id = new.id;
    let twice = new.clone();
    app.write(move |app| app.insert_secret(&new)).await;
    let before = raw.table("one_time_secrets").await;
    let answer = app.try_write(move |app| app.insert_secret(&twice)).await;
    assert!(
        matches!(answer, Err(StoreError::Constraint { .. })),
        "{answer:?}"
    );
    assert_eq!(
        consume(&app, id, "magic_link", 4, at(1)).await,
        None,
        "another purpose"
    );
    assert_eq!(
        consume(&app, id, "password_reset", 5, at(1)).await,
        None,
        "another secret"
    );
    assert_eq!(
        consume(&app, id, "password_reset", 4, at(60)).await,
        None,
        "dead exactly then"
    );
    let unknown = OneTimeSecretId::from_uuid(fresh());
    assert_eq!(
        consume(&app, unknown, "password_reset", 4, at(1)).await,
        None
    );
    assert_eq!(raw.table("one_time_secrets").await, before);
    assert!(
        consume(&app, id, "password_reset", 4, at(1))
            .await
            .is_some()
    );
}
