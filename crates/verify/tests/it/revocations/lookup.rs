//! The lists hold what was put in, and nothing else, whatever it is.

use std::collections::{BTreeMap, BTreeSet};

use doorward_verify::{Reason, VerifyError, WhenStale};
use proptest::prelude::*;

use super::*;

/// Few ids, so that they meet.
fn id() -> impl Strategy<Value = Uuid> {
    (0..24_u128).prop_map(Uuid::from_u128)
}

fn second() -> impl Strategy<Value = i64> {
    IAT - 3..=IAT + 3
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Against a model that does not hash, sort or encode.
    #[test]
    fn says_what_a_plain_set_would(
        sessions in prop::collection::vec(id(), 0..12),
        users in prop::collection::vec((id(), second()), 0..12),
        tokens in prop::collection::vec((id(), id(), second()), 1..8),
    ) {
        let document = feed_at(NOW, |feed| {
            for session in &sessions {
                feed.session(*session);
            }
            for (user, until) in &users {
                feed.user(*user, at(*until));
            }
        });
        let held = holding(&document);
        let mut model = BTreeMap::new();
        for (user, until) in users {
            let known = model.entry(user).or_insert(until);
            *known = until.max(*known);
        }
        let model_sessions: BTreeSet<_> = sessions.into_iter().collect();
        prop_assert_eq!(held.list().unwrap().len(), model.len() + model_sessions.len());
        for (session, user, iat) in tokens {
            let token = claims()
                .set("sid", text(&session.to_string()))
                .set("sub", text(&user.to_string()))
                .set("iat", iat.to_string());
            let expected = if model_sessions.contains(&session) {
                Err(VerifyError::Revoked(Reason::SessionRevoked))
            } else if model.get(&user).is_some_and(|until| iat <= *until) {
                Err(VerifyError::Revoked(Reason::UserRevoked))
            } else {
                Ok(())
            };
            prop_assert_eq!(verdict(&held, WhenStale::Refuse, &token, NOW), expected);
        }
    }

    /// Any bytes for lists are either refused or a list that looks up without a panic.
    #[test]
    fn any_bytes(sessions in prop::collection::vec(any::<u8>(), 0..64),
                 users in prop::collection::vec(any::<u8>(), 0..64)) {
        let claims_of_feed = feed_claims()
            .set("sessions", text(&encode(&sessions)))
            .set("users", text(&encode(&users)));
        let held = empty();
        let whole = sessions.len() % 12 == 0 && users.len() % 16 == 0;
        let ordered = sessions.chunks_exact(12).is_sorted_by(|a, b| a < b)
            && users.chunks_exact(16).is_sorted_by(|a, b| a[..12] < b[..12]);
        let taken = held.take(&signed(&claims_of_feed.json()), None, &KEYS, at(NOW));
        prop_assert_eq!(taken.is_ok(), whole && ordered);
        if whole && ordered {
            let _ = verdict(&held, WhenStale::Refuse, &claims(), NOW);
        }
    }
}

/// As many as a large app has, in the form that goes over the wire.
#[test]
fn a_large_feed() {
    let document = feed_at(NOW, |feed| {
        for id in 0..100_000 {
            feed.session(Uuid::from_u128(id));
        }
        feed.session(SESSION);
    });
    assert!(document.len() < 2_200_000, "{}", document.len());
    let held = holding(&document);
    assert_eq!(held.list().unwrap().len(), 100_001);
    let outcome = verdict(&held, WhenStale::Refuse, &claims(), NOW);
    assert_eq!(outcome, Err(VerifyError::Revoked(Reason::SessionRevoked)));
    let other = claims().set("sid", text("018f2e60-0000-7000-8000-0000000000ff"));
    assert_eq!(verdict(&held, WhenStale::Refuse, &other, NOW), Ok(()));
}

/// The document shows no id, and the same session is another entry in another app.
#[test]
fn ids_are_blinded() {
    let of = |app| {
        let mut builder = RevocationsBuilder::new(ISSUER, app, at(NOW), at(NOW + 1));
        builder.session(SESSION).user(USER, at(NOW));
        let json = String::from_utf8(builder.payload_json()).unwrap();
        let value: serde_json::Value = serde_json::from_str(&json).unwrap();
        (value["sessions"].clone(), value["users"].clone(), json)
    };
    let (ours, theirs) = (of(APP), of(Uuid::from_u128(1)));
    assert_ne!(ours.0, theirs.0);
    assert_ne!(ours.1, theirs.1);
    for id in [SESSION, USER] {
        assert!(!ours.2.contains(&id.to_string()));
        assert!(!ours.2.contains(&encode(id.as_bytes())[..16]));
    }
}
