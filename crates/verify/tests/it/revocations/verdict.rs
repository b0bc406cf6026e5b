//! What the verifier says of a token with a feed at hand.

use doorward_verify::{Reason, VerifyError, WhenStale};
use uuid::Uuid;

use super::*;

fn refused(fill: impl FnOnce(&mut RevocationsBuilder)) -> Result<(), VerifyError> {
    let held = holding(&feed_at(NOW, fill));
    verdict(&held, WhenStale::Refuse, &claims(), NOW)
}

const fn revoked(reason: Reason) -> Result<(), VerifyError> {
    Err(VerifyError::Revoked(reason))
}

fn nothing(_: &mut RevocationsBuilder) {}

#[test]
fn what_is_named_and_nothing_else() {
    let other = Uuid::from_u128(9);
    assert_eq!(refused(nothing), Ok(()));
    assert_eq!(
        refused(|feed| {
            feed.session(SESSION);
        }),
        revoked(Reason::SessionRevoked)
    );
    // Neither another's session, nor a session id in the place of a user's and the reverse.
    assert_eq!(
        refused(|feed| {
            feed.session(other).session(USER);
            feed.user(other, at(NOW)).user(SESSION, at(NOW));
        }),
        Ok(())
    );
}

#[test]
fn a_users_tokens_up_to_the_second() {
    let until = |second| {
        refused(|feed| {
            feed.user(USER, at(second));
        })
    };
    assert_eq!(until(IAT - 1), Ok(()));
    for second in [IAT, IAT + 1, NOW, i64::from(u32::MAX) + 1] {
        assert_eq!(until(second), revoked(Reason::UserRevoked), "{second}");
    }
}

#[test]
fn all_of_the_app_up_to_the_second() {
    let until = |second| {
        refused(|feed| {
            feed.everything(at(second)).everything(at(0));
        })
    };
    assert_eq!(until(IAT - 1), Ok(()));
    assert_eq!(until(IAT), revoked(Reason::AppRevoked));
    assert_eq!(until(NOW), revoked(Reason::AppRevoked));
}

#[test]
fn codes_and_statuses() {
    for (error, code, status) in [
        (VerifyError::Expired, "TOKEN_EXPIRED", 401),
        (Reason::Issuer.into(), "TOKEN_INVALID", 401),
        (Reason::SessionRevoked.into(), "TOKEN_REVOKED", 401),
        (Reason::UserRevoked.into(), "TOKEN_REVOKED", 401),
        (Reason::AppRevoked.into(), "TOKEN_REVOKED", 401),
        (Reason::RevocationsStale.into(), "SERVICE_UNAVAILABLE", 503),
        (Reason::KeysUnavailable.into(), "SERVICE_UNAVAILABLE", 503),
    ] {
        assert_eq!((error.code(), error.status()), (code, status));
        assert_eq!(error.to_string(), code);
    }
}

#[test]
fn without_a_current_feed() {
    let stale = Err(VerifyError::Unavailable(Reason::RevocationsStale));
    let never = empty();
    assert_eq!(verdict(&never, WhenStale::Refuse, &claims(), NOW), stale);
    assert_eq!(verdict(&never, WhenStale::Accept, &claims(), NOW), Ok(()));

    let held = holding(&feed_at(NOW, nothing));
    let last = NOW + FEED_LIFE + 29;
    let outcome = |when_stale, now| verdict(&held, when_stale, &claims(), now);
    assert_eq!(outcome(WhenStale::Refuse, last), Ok(()));
    assert_eq!(outcome(WhenStale::Refuse, last + 1), stale);
    assert_eq!(outcome(WhenStale::Accept, last + 1), Ok(()));
    // The clock was set back: the feed looks new, and is not.
    assert_eq!(outcome(WhenStale::Refuse, NOW - 30), Ok(()));
    assert_eq!(outcome(WhenStale::Refuse, NOW - 31), stale);
}

/// A revocation is never taken back, so it counts however old the feed is.
#[test]
fn what_a_stale_feed_names_is_refused_all_the_same() {
    let held = holding(&feed_at(NOW, |feed| {
        feed.session(SESSION);
    }));
    for when_stale in [WhenStale::Refuse, WhenStale::Accept] {
        let outcome = verdict(&held, when_stale, &claims(), NOW + 1000);
        assert_eq!(outcome, revoked(Reason::SessionRevoked));
    }
}

#[test]
fn the_most_certain_refusal_is_given() {
    let held = holding(&feed_at(NOW, |feed| {
        feed.session(SESSION);
    }));
    // Whose session has ended must not be told to refresh.
    let outcome = verdict(&held, WhenStale::Refuse, &claims(), EXP + 30);
    assert_eq!(outcome, revoked(Reason::SessionRevoked));
    // Who is expired anyway need not wait for a feed.
    let outcome = verdict(&empty(), WhenStale::Refuse, &claims(), EXP + 30);
    assert_eq!(outcome, Err(VerifyError::Expired));
    // Whose token is no good learns nothing about sessions.
    let foreign = claims().set("aud", r#"["other"]"#);
    let outcome = verdict(&held, WhenStale::Refuse, &foreign, NOW);
    assert_eq!(outcome, Err(VerifyError::Invalid(Reason::Audience)));
}
