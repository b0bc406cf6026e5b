//! The cache of keys: renewed when needed, never more often than allowed, never used too long.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use doorward_crypto::signing::jwks_json;
use doorward_verify::{
    FetchError, FetchJwks, Reason, RefreshError, RefreshTiming, RotatingKeys, VerifyError,
};
use jiff::SignedDuration;

use crate::support::*;

/// An issuer whose answer can be changed, counted, delayed and withheld.
#[derive(Clone, Default)]
struct Issuer {
    answer: Arc<Mutex<Option<String>>>,
    fetches: Arc<AtomicUsize>,
    slow: Arc<Mutex<Duration>>,
}

impl Issuer {
    fn publishing(forges: &[&Forge]) -> Self {
        let issuer = Self::default();
        issuer.publish(forges);
        issuer
    }

    fn publish(&self, forges: &[&Forge]) {
        self.answer(Some(jwks_json(forges.iter().map(|forge| &forge.public))));
    }

    fn answer(&self, answer: Option<String>) {
        *self.answer.lock().unwrap() = answer;
    }

    fn fetches(&self) -> usize {
        self.fetches.load(Ordering::SeqCst)
    }

    fn cache(&self) -> RotatingKeys<Self> {
        let seconds = SignedDuration::from_secs;
        let timing = RefreshTiming {
            min_interval: seconds(30),
            max_age: seconds(300),
            hard_limit: seconds(3600),
        };
        RotatingKeys::new(self.clone(), timing)
    }
}

impl FetchJwks for Issuer {
    async fn fetch(&self) -> Result<String, FetchError> {
        self.fetches.fetch_add(1, Ordering::SeqCst);
        let slow = *self.slow.lock().unwrap();
        tokio::time::sleep(slow).await;
        let answer = self.answer.lock().unwrap().clone();
        answer.ok_or_else(|| "unreachable".into())
    }
}

/// A token that stays young for hours, so that only the keys decide.
fn token(forge: &Forge) -> String {
    forge.with_claims(&claims().set("exp", (IAT + 1_000_000).to_string()))
}

async fn outcome(keys: &RotatingKeys<Issuer>, forge: &Forge, now: i64) -> Result<(), VerifyError> {
    verifier()
        .verify_with(&token(forge), keys, at(now))
        .await
        .map(|_| ())
}

const UNKNOWN: Result<(), VerifyError> = Err(VerifyError::Invalid(Reason::UnknownKey));
const UNAVAILABLE: Result<(), VerifyError> = Err(VerifyError::Unavailable(Reason::KeysUnavailable));

#[tokio::test]
async fn fetches_once_and_remembers() {
    let issuer = Issuer::publishing(&[&RS256]);
    let keys = issuer.cache();
    for second in 0..300 {
        assert_eq!(outcome(&keys, &RS256, NOW + second).await, Ok(()));
    }
    assert_eq!(issuer.fetches(), 1);
    assert_eq!(outcome(&keys, &RS256, NOW + 300).await, Ok(()));
    assert_eq!(issuer.fetches(), 2);
}

#[tokio::test]
async fn a_new_key_is_found_at_once() {
    let issuer = Issuer::publishing(&[&RS256]);
    let keys = issuer.cache();
    assert_eq!(outcome(&keys, &RS256, NOW).await, Ok(()));
    issuer.publish(&[&RS256, &RS256_OTHER]);
    assert_eq!(outcome(&keys, &RS256_OTHER, NOW + 30).await, Ok(()));
    assert_eq!(issuer.fetches(), 2);
}

#[tokio::test]
async fn a_withdrawn_key_is_gone_after_the_next_renewal() {
    let issuer = Issuer::publishing(&[&RS256, &RS256_OTHER]);
    let keys = issuer.cache();
    assert_eq!(outcome(&keys, &RS256_OTHER, NOW).await, Ok(()));
    issuer.publish(&[&RS256]);
    assert_eq!(outcome(&keys, &RS256_OTHER, NOW + 299).await, Ok(()));
    assert_eq!(outcome(&keys, &RS256_OTHER, NOW + 300).await, UNKNOWN);
}

/// Key ids are free to invent: they cost the issuer one fetch per interval, whatever their number.
#[tokio::test]
async fn unknown_ids_cannot_hammer_the_issuer() {
    let issuer = Issuer::publishing(&[&RS256]);
    let keys = issuer.cache();
    for second in 0..60 {
        for _ in 0..20 {
            assert_eq!(outcome(&keys, &RS256_OTHER, NOW + second).await, UNKNOWN);
        }
        assert_eq!(outcome(&keys, &RS256, NOW + second).await, Ok(()));
    }
    assert_eq!(issuer.fetches(), 2);
}

#[tokio::test]
async fn what_is_refused_anyway_fetches_nothing() {
    let issuer = Issuer::publishing(&[&RS256]);
    let keys = issuer.cache();
    let forbidden = RS256.header().set("jku", text("https://evil.example"));
    let wrong_type = RS256.header().set("typ", text("JWT"));
    let none = RS256.header().set("alg", text("none"));
    for header in [forbidden, wrong_type, none] {
        let token = RS256.token(header.json(), claims().json());
        assert!(
            verifier()
                .verify_with(&token, &keys, at(NOW))
                .await
                .is_err()
        );
    }
    for garbage in ["", "a.b.c", "..", &"x".repeat(100_000)] {
        assert!(
            verifier()
                .verify_with(garbage, &keys, at(NOW))
                .await
                .is_err()
        );
    }
    assert_eq!(issuer.fetches(), 0);
}

#[tokio::test]
async fn old_keys_bridge_an_outage_but_not_for_ever() {
    let issuer = Issuer::publishing(&[&RS256]);
    let keys = issuer.cache();
    assert_eq!(outcome(&keys, &RS256, NOW).await, Ok(()));
    for answer in [
        None,
        Some("<html>".to_owned()),
        Some(r#"{"keys":[]}"#.to_owned()),
    ] {
        issuer.answer(answer);
        for second in [300, 1000, 2000, 3599] {
            assert_eq!(outcome(&keys, &RS256, NOW + second).await, Ok(()));
        }
        assert_eq!(outcome(&keys, &RS256, NOW + 3600).await, UNAVAILABLE);
        assert_eq!(outcome(&keys, &RS256, NOW + 90_000).await, UNAVAILABLE);
    }
    issuer.publish(&[&RS256]);
    assert_eq!(outcome(&keys, &RS256, NOW + 90_030).await, Ok(()));
}

#[tokio::test]
async fn an_outage_is_not_answered_with_a_storm() {
    let issuer = Issuer::default();
    let keys = issuer.cache();
    for second in 0..60 {
        for _ in 0..20 {
            assert_eq!(outcome(&keys, &RS256, NOW + second).await, UNAVAILABLE);
        }
    }
    assert_eq!(issuer.fetches(), 2);
}

#[tokio::test]
async fn refresh_says_why_it_failed() {
    let issuer = Issuer::default();
    let keys = issuer.cache();
    assert!(matches!(
        keys.refresh(at(NOW)).await,
        Err(RefreshError::Fetch(_))
    ));
    issuer.answer(Some("{}".to_owned()));
    assert!(matches!(
        keys.refresh(at(NOW)).await,
        Err(RefreshError::Keys(_))
    ));
    issuer.publish(&[&RS256]);
    keys.refresh(at(NOW)).await.unwrap();
    assert_eq!(outcome(&keys, &RS256, NOW).await, Ok(()));
    assert_eq!(issuer.fetches(), 3);
}

#[tokio::test]
async fn many_at_once_share_one_fetch() {
    let issuer = Issuer::publishing(&[&RS256]);
    *issuer.slow.lock().unwrap() = Duration::from_millis(50);
    let keys = Arc::new(issuer.cache());
    let tasks: Vec<_> = (0..32)
        .map(|_| {
            let keys = Arc::clone(&keys);
            tokio::spawn(async move { outcome(&keys, &RS256, NOW).await })
        })
        .collect();
    for task in tasks {
        assert_eq!(task.await.unwrap(), Ok(()));
    }
    assert_eq!(issuer.fetches(), 1);
}

/// Who already has the key does not wait for somebody else's fetch.
#[tokio::test]
async fn known_keys_do_not_wait() {
    let issuer = Issuer::publishing(&[&RS256]);
    let keys = Arc::new(issuer.cache());
    keys.refresh(at(NOW)).await.unwrap();
    *issuer.slow.lock().unwrap() = Duration::from_secs(3600);
    let stuck = {
        let keys = Arc::clone(&keys);
        tokio::spawn(async move { outcome(&keys, &RS256_OTHER, NOW + 31).await })
    };
    while issuer.fetches() < 2 {
        tokio::task::yield_now().await;
    }
    assert_eq!(outcome(&keys, &RS256, NOW + 400).await, Ok(()));
    assert!(!stuck.is_finished());
    stuck.abort();
}

/// A request that goes away in the middle of a fetch neither opens the gate nor shuts it.
#[tokio::test]
async fn an_abandoned_fetch_delays_the_next_by_a_second() {
    let issuer = Issuer::publishing(&[&RS256]);
    *issuer.slow.lock().unwrap() = Duration::from_secs(3600);
    let keys = issuer.cache();
    let abandoned =
        tokio::time::timeout(Duration::from_millis(10), outcome(&keys, &RS256, NOW)).await;
    assert!(abandoned.is_err());
    *issuer.slow.lock().unwrap() = Duration::ZERO;
    assert_eq!(outcome(&keys, &RS256, NOW).await, UNAVAILABLE);
    assert_eq!(issuer.fetches(), 1);
    assert_eq!(outcome(&keys, &RS256, NOW + 1).await, Ok(()));
    assert_eq!(issuer.fetches(), 2);
}

#[tokio::test]
async fn a_clock_set_back_does_not_freeze_the_keys() {
    let issuer = Issuer::publishing(&[&RS256]);
    let keys = issuer.cache();
    keys.refresh(at(NOW + 86_400)).await.unwrap();
    issuer.publish(&[&RS256_OTHER]);
    // Keys from the future are not fresh, and a wait until the future is void.
    assert_eq!(outcome(&keys, &RS256, NOW).await, UNKNOWN);
    assert_eq!(outcome(&keys, &RS256_OTHER, NOW).await, Ok(()));
    assert_eq!(issuer.fetches(), 2);
}

#[tokio::test]
async fn a_closure_can_fetch() {
    let jwks = jwks_json([&RS256.public]);
    let fetch = move || {
        let jwks = jwks.clone();
        async move { Ok::<_, FetchError>(jwks) }
    };
    let keys = RotatingKeys::new(fetch, RefreshTiming::default());
    verifier()
        .verify_with(&token(&RS256), &keys, at(NOW))
        .await
        .unwrap();
}
