//! Rollback, entity tags, and many at once.

use doorward_verify::revocations::{RevocationsError, Taken};
use doorward_verify::{Reason, VerifyError, WhenStale};

use super::*;

#[test]
fn an_older_document_does_not_replace_a_newer_one() {
    let quiet = feed_at(NOW, |_| {});
    let loud = feed_at(NOW + 1, |feed| {
        feed.session(SESSION);
    });
    let held = empty();
    let take =
        |document: &str, etag: &str| held.take(document, Some(etag.to_owned()), &KEYS, at(NOW + 1));
    assert_eq!(take(&quiet, "\"1\""), Ok(Taken::Newer));
    assert_eq!(take(&loud, "\"2\""), Ok(Taken::Newer));
    assert_eq!(take(&quiet, "\"1\""), Err(RevocationsError::Older));
    assert_eq!(held.etag(at(NOW + 1)).as_deref(), Some("\"2\""));
    assert_eq!(
        verdict(&held, WhenStale::Refuse, &claims(), NOW + 1),
        Err(VerifyError::Revoked(Reason::SessionRevoked))
    );
    // Made in the same second, perhaps with more in it: taken.
    assert_eq!(take(&loud, "\"3\""), Ok(Taken::Again));
    assert_eq!(held.etag(at(NOW + 1)).as_deref(), Some("\"3\""));
}

/// Two nodes made them in one second, each before it had heard of what the other knew. Whichever
/// comes last, nothing is taken back.
#[test]
fn of_two_documents_of_one_second_both_count() {
    let by_session = feed_at(NOW, |feed| {
        feed.session(SESSION);
    });
    let by_user = feed_at(NOW, |feed| {
        feed.user(USER, at(IAT));
    });
    let other = feed_at(NOW, |feed| {
        feed.session(Uuid::from_u128(77));
        feed.user(USER, at(IAT - 1));
    });
    for (document, reason, entries) in [
        (&by_session, Reason::SessionRevoked, 3),
        (&by_user, Reason::UserRevoked, 2),
    ] {
        for (first, second) in [(document, &other), (&other, document)] {
            let held = holding(first);
            let take = |document: &str| held.take(document, None, &KEYS, at(NOW));
            assert_eq!(take(second), Ok(Taken::Again));
            assert_eq!(held.list().unwrap().len(), entries);
            let verdict = verdict(&held, WhenStale::Refuse, &claims(), NOW);
            assert_eq!(verdict, Err(VerifyError::Revoked(reason)));
            // A document of the next second says all by itself.
            let later = feed_at(NOW + 1, |_| {});
            assert_eq!(take(&later), Ok(Taken::Newer));
            assert!(held.list().unwrap().is_empty());
        }
    }
}

/// What is refused changes nothing, also not the entity tag.
#[test]
fn a_refused_document_leaves_what_was_held() {
    let held = empty();
    let loud = feed_at(NOW, |feed| {
        feed.session(SESSION);
    });
    held.take(&loud, Some("\"1\"".to_owned()), &KEYS, at(NOW))
        .unwrap();
    let before = held.list().unwrap();
    let foreign = signed(&feed_claims().set("iss", text("https://x")).json());
    for bad in [foreign.as_str(), "", &RS256.with_claims(&claims())] {
        assert!(
            held.take(bad, Some("\"2\"".to_owned()), &KEYS, at(NOW))
                .is_err()
        );
    }
    assert_eq!(held.list().unwrap(), before);
    assert_eq!(held.etag(at(NOW)).as_deref(), Some("\"1\""));
}

#[test]
fn the_entity_tag_of_a_stale_document_is_not_used() {
    let held = empty();
    assert_eq!(held.etag(at(NOW)), None);
    let document = feed_at(NOW, |_| {});
    held.take(&document, Some("\"1\"".to_owned()), &KEYS, at(NOW))
        .unwrap();
    let stale_from = NOW + FEED_LIFE + 30;
    assert!(held.etag(at(stale_from - 1)).is_some() && !held.is_stale(at(stale_from - 1)));
    assert!(held.etag(at(stale_from)).is_none() && held.is_stale(at(stale_from)));
}

/// Whoever comes last, the newest document stays.
#[test]
fn many_threads() {
    let documents: Vec<_> = (0..8).map(|second| feed_at(NOW + second, |_| {})).collect();
    let held = empty();
    std::thread::scope(|scope| {
        for document in &documents {
            let held = &held;
            scope.spawn(move || held.take(document, None, &KEYS, at(NOW + 8)));
        }
    });
    assert_eq!(held.list().unwrap().issued_at(), at(NOW + 7));
}
