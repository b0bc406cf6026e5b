//! Answers to operators' creating calls.

use doorward_domain::Timestamp;
use doorward_store::platform::IdempotentAnswer;
use doorward_testkit::database::TestDatabase;

use crate::support::{Platform, Raw, at, hash, micros, platform};

contract! {
    a_key_is_taken_once_in_its_day: PlatformWrite::claim_idempotency_key;
    an_answer_is_there_until_its_day_is_over:
        PlatformRead::idempotent_answer, PlatformWrite::store_idempotent_answer;
    a_key_is_given_back_only_without_an_answer: PlatformWrite::release_idempotency_key;
}

async fn claim(platform: &Platform, key: u8, now: Timestamp, until: Timestamp) -> bool {
    platform
        .write(move |p| p.claim_idempotency_key(&hash(key), now, until))
        .await
}

async fn store(platform: &Platform, key: u8, sealed: &'static [u8]) {
    platform
        .write(move |p| p.store_idempotent_answer(&hash(key), sealed))
        .await;
}

async fn answer(platform: &Platform, key: u8, now: Timestamp) -> Option<IdempotentAnswer> {
    platform
        .read(move |p| p.idempotent_answer(&hash(key), now))
        .await
}

fn sealed(bytes: &[u8]) -> Option<IdempotentAnswer> {
    Some(IdempotentAnswer {
        sealed: Some(bytes.to_vec()),
    })
}

async fn a_key_is_taken_once_in_its_day(db: TestDatabase) {
    let platform = platform(&db);
    assert!(claim(&platform, 1, at(0), at(10)).await);
    assert!(claim(&platform, 2, at(0), at(10)).await, "another key");
    assert!(!claim(&platform, 1, micros(10, -1), at(90)).await);
    store(&platform, 1, b"answer").await;
    assert!(
        claim(&platform, 1, at(10), at(20)).await,
        "over exactly then"
    );
    assert_eq!(
        answer(&platform, 1, at(10)).await,
        Some(IdempotentAnswer { sealed: None }),
        "the former answer is gone"
    );
    assert!(!claim(&platform, 1, at(19), at(90)).await, "it lives anew");
}

async fn an_answer_is_there_until_its_day_is_over(db: TestDatabase) {
    let platform = platform(&db);
    assert_eq!(answer(&platform, 1, at(0)).await, None);
    store(&platform, 1, b"of nobody").await;
    assert_eq!(
        answer(&platform, 1, at(0)).await,
        None,
        "nobody has claimed it"
    );
    for key in [1, 2] {
        claim(&platform, key, at(0), at(10)).await;
    }
    let at_work = Some(IdempotentAnswer { sealed: None });
    assert_eq!(answer(&platform, 1, at(1)).await, at_work);
    store(&platform, 1, b"answer").await;
    assert_eq!(
        answer(&platform, 1, micros(10, -1)).await,
        sealed(b"answer")
    );
    assert_eq!(answer(&platform, 1, at(10)).await, None);
    assert_eq!(
        answer(&platform, 2, at(1)).await,
        at_work,
        "the other's is not touched"
    );
}

async fn a_key_is_given_back_only_without_an_answer(db: TestDatabase) {
    let platform = platform(&db);
    let raw = Raw::open(&db).await;
    for key in [1, 2, 3] {
        claim(&platform, key, at(0), at(10)).await;
    }
    store(&platform, 1, b"answer").await;
    for key in [1, 2] {
        platform
            .write(move |p| p.release_idempotency_key(&hash(key)))
            .await;
    }
    assert_eq!(answer(&platform, 1, at(1)).await, sealed(b"answer"));
    assert_eq!(answer(&platform, 2, at(1)).await, None);
    assert_eq!(raw.table("idempotency_keys").await.len(), 2);
}
