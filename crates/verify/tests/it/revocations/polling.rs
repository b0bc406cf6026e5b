//! The background task: what it asks for, and how long it sleeps.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, Ordering};

use doorward_crypto::signing::jwks_json;
use doorward_verify::revocations::{
    FeedAnswer, FeedRequest, FeedTiming, FetchRevocations, PollError, Polled, RevocationsError,
    Taken,
};
use doorward_verify::{FetchError, Reason, RefreshTiming, RotatingKeys, RotatingRevocations};
use jiff::SignedDuration;

use super::*;

/// An issuer that answers what it was told to, each after so many seconds.
#[derive(Default)]
struct Issuer {
    answers: Mutex<VecDeque<(i64, Option<FeedAnswer>)>>,
    asked: Mutex<Vec<FeedRequest>>,
    now: AtomicI64,
}

impl Issuer {
    fn clock(&self) -> jiff::Timestamp {
        at(self.now.load(Ordering::SeqCst))
    }

    fn answers(&self, after: i64, answer: Option<FeedAnswer>) {
        self.answers.lock().unwrap().push_back((after, answer));
    }

    fn asked(&self) -> FeedRequest {
        self.asked.lock().unwrap().last().unwrap().clone()
    }
}

impl FetchRevocations for &Issuer {
    async fn fetch(&self, request: FeedRequest) -> Result<FeedAnswer, FetchError> {
        self.asked.lock().unwrap().push(request);
        let (after, answer) = self.answers.lock().unwrap().pop_front().unwrap();
        self.now.fetch_add(after, Ordering::SeqCst);
        answer.ok_or_else(|| "unreachable".into())
    }
}

fn document(made: i64, etag: &str) -> Option<FeedAnswer> {
    Some(FeedAnswer::Document {
        text: feed_at(made, |_| {}),
        etag: Some(etag.to_owned()),
    })
}

fn keys() -> Arc<RotatingKeys<impl doorward_verify::FetchJwks>> {
    let jwks = jwks_json([&RS256.public]);
    let fetch = move || {
        let jwks = jwks.clone();
        async move { Ok::<_, FetchError>(jwks) }
    };
    Arc::new(RotatingKeys::new(fetch, RefreshTiming::default()))
}

const SECOND: SignedDuration = SignedDuration::from_secs(1);

struct Consumer {
    issuer: Issuer,
    held: Arc<Revocations>,
    timing: FeedTiming,
}

impl Consumer {
    fn new() -> Self {
        let issuer = Issuer::default();
        issuer.now.store(NOW, Ordering::SeqCst);
        Self {
            issuer,
            held: empty(),
            timing: FeedTiming::default(),
        }
    }

    /// Polls so often; each poll finds what the issuer was told to answer.
    async fn polls(&self, count: usize) -> Vec<Polled> {
        let feed =
            RotatingRevocations::new(&self.issuer, keys(), Arc::clone(&self.held), self.timing);
        let mut out = Vec::new();
        for _ in 0..count {
            out.push(feed.poll(|| self.issuer.clock()).await);
        }
        out
    }
}

#[tokio::test]
async fn first_at_once_then_waiting_for_news() {
    let consumer = Consumer::new();
    let issuer = &consumer.issuer;
    issuer.answers(0, document(NOW, "\"1\""));
    issuer.answers(25, Some(FeedAnswer::NotModified));
    issuer.answers(3, document(NOW + 28, "\"2\""));
    let polled = consumer.polls(3).await;
    let asked = issuer.asked.lock().unwrap().clone();
    let request = |etag: Option<&str>, wait_seconds| FeedRequest {
        etag: etag.map(str::to_owned),
        wait_seconds,
    };
    assert_eq!(
        asked,
        [
            request(None, 0),
            request(Some("\"1\""), 25),
            request(Some("\"1\""), 25)
        ]
    );
    let outcomes: Vec<_> = polled
        .iter()
        .map(|p| *p.outcome.as_ref().unwrap())
        .collect();
    assert_eq!(outcomes, [Some(Taken::Newer), None, Some(Taken::Newer)]);
    assert!(polled.iter().all(|polled| polled.pause == SECOND));
    assert_eq!(consumer.held.list().unwrap().issued_at(), at(NOW + 28));
}

/// The next document must come before this one is stale; when that is near, it is not waited for.
#[tokio::test]
async fn waits_no_longer_than_the_document_lives() {
    for (left, wait, etag) in [(120, 25, true), (20, 10, true), (2, 1, true), (1, 0, false)] {
        let consumer = Consumer::new();
        let made = NOW + left - FEED_LIFE;
        consumer.issuer.answers(0, document(made, "\"1\""));
        consumer.issuer.answers(0, document(NOW, "\"2\""));
        drop(consumer.polls(2).await);
        let asked = consumer.issuer.asked();
        assert_eq!(
            (asked.wait_seconds, asked.etag.is_some()),
            (wait, etag),
            "{left}"
        );
    }
}

/// The issuer would refuse a longer wait.
#[tokio::test]
async fn waits_no_longer_than_the_issuer_allows() {
    let mut consumer = Consumer::new();
    consumer.timing.wait = SignedDuration::from_secs(60);
    consumer.issuer.answers(0, document(NOW, "\"1\""));
    consumer.issuer.answers(25, Some(FeedAnswer::NotModified));
    drop(consumer.polls(2).await);
    assert_eq!(consumer.issuer.asked().wait_seconds, 25);
}

#[tokio::test]
async fn an_issuer_that_does_not_wait_is_asked_less_often() {
    let consumer = Consumer::new();
    consumer.issuer.answers(0, document(NOW, "\"1\""));
    consumer.issuer.answers(0, Some(FeedAnswer::NotModified));
    let polled = consumer.polls(2).await;
    assert_eq!(polled[1].pause, consumer.timing.max_pause);
}

#[tokio::test]
async fn without_waiting_it_asks_now_and_then() {
    let mut consumer = Consumer::new();
    consumer.timing.wait = SignedDuration::ZERO;
    consumer.issuer.answers(0, document(NOW, "\"1\""));
    consumer.issuer.answers(0, Some(FeedAnswer::NotModified));
    let polled = consumer.polls(2).await;
    assert!(
        polled
            .iter()
            .all(|polled| polled.pause == consumer.timing.max_pause)
    );
    let asked = consumer.issuer.asked();
    assert_eq!(
        (asked.wait_seconds, asked.etag.as_deref()),
        (0, Some("\"1\""))
    );
}

#[tokio::test]
async fn failures_are_answered_with_growing_pauses() {
    let consumer = Consumer::new();
    for _ in 0..40 {
        consumer.issuer.answers(0, None);
    }
    consumer.issuer.answers(0, document(NOW, "\"1\""));
    consumer.issuer.answers(0, None);
    let polled = consumer.polls(42).await;
    let pauses: Vec<_> = polled.iter().map(|polled| polled.pause.as_secs()).collect();
    assert_eq!(pauses[..6], [1, 2, 4, 8, 15, 15]);
    assert!(pauses[6..40].iter().all(|pause| *pause == 15));
    assert_eq!(pauses[40..], [1, 1]);
    assert!(matches!(polled[0].outcome, Err(PollError::Fetch(_))));
}

#[tokio::test]
async fn what_is_not_acceptable_is_said_and_not_held() {
    let consumer = Consumer::new();
    let answer = |text: String| Some(FeedAnswer::Document { text, etag: None });
    let unknown = RS256_OTHER.header().set("typ", text("revocations+jwt"));
    let unknown = RS256_OTHER.token(unknown.json(), feed_claims().json());
    for bad in ["<html>".to_owned(), RS256.with_claims(&claims()), unknown] {
        consumer.issuer.answers(0, answer(bad));
    }
    consumer
        .issuer
        .answers(0, document(NOW - FEED_LIFE - 30, "\"1\""));
    consumer.issuer.answers(0, document(NOW, "\"2\""));
    consumer.issuer.answers(0, document(NOW - 1, "\"1\""));
    let reasons: Vec<_> = consumer
        .polls(6)
        .await
        .into_iter()
        .map(|polled| match polled.outcome {
            Err(PollError::Refused(error)) => Some(error),
            _ => None,
        })
        .collect();
    let invalid = |reason| Some(RevocationsError::Invalid(reason));
    assert_eq!(
        reasons,
        [
            invalid(Reason::NotCompact),
            invalid(Reason::Type),
            invalid(Reason::UnknownKey),
            Some(RevocationsError::Expired),
            None,
            Some(RevocationsError::Older),
        ]
    );
    assert_eq!(consumer.held.list().unwrap().issued_at(), at(NOW));
}

#[tokio::test]
async fn without_keys_nothing_is_taken() {
    let fetch = || async { Err::<String, FetchError>("unreachable".into()) };
    let keys = Arc::new(RotatingKeys::new(fetch, RefreshTiming::default()));
    let answer = || async {
        let text = feed_at(NOW, |_| {});
        Ok(FeedAnswer::Document { text, etag: None })
    };
    let feed = RotatingRevocations::new(move |_| answer(), keys, empty(), FeedTiming::default());
    let polled = feed.poll(|| at(NOW)).await;
    let Err(PollError::Refused(error)) = polled.outcome else {
        panic!("taken");
    };
    assert_eq!(error, RevocationsError::KeysUnavailable);
}
