//! Times, to the second. The tolerance is the only slack there is.

use doorward_verify::{Audience, Reason, Verifier, VerifyError};

use crate::support::*;

fn outcome(claims: &Fields, tolerance: u32, now: i64) -> Result<(), VerifyError> {
    Verifier::builder(ISSUER, APP, Audience::ServiceUrl)
        .clock_tolerance_seconds(tolerance)
        .build()
        .unwrap()
        .verify(&RS256.with_claims(claims), &KEYS, at(now))
        .map(|_| ())
}

#[test]
fn expiry_to_the_second() {
    for tolerance in [0, 1, 30, 60] {
        let last = EXP + i64::from(tolerance) - 1;
        assert_eq!(outcome(&claims(), tolerance, last), Ok(()));
        assert_eq!(
            outcome(&claims(), tolerance, last + 1),
            Err(VerifyError::Expired)
        );
        assert_eq!(
            outcome(&claims(), tolerance, last + 1_000_000),
            Err(VerifyError::Expired)
        );
    }
}

#[test]
fn the_default_tolerance_is_thirty_seconds() {
    let token = RS256.with_claims(&claims());
    verifier().verify(&token, &KEYS, at(EXP + 29)).unwrap();
    let refused = verifier().verify(&token, &KEYS, at(EXP + 30)).unwrap_err();
    assert_eq!(refused, VerifyError::Expired);
    assert_eq!(
        (refused.code(), refused.to_string().as_str()),
        ("TOKEN_EXPIRED", "TOKEN_EXPIRED")
    );
}

#[test]
fn fractions_of_a_second_do_not_prolong() {
    let token = RS256.with_claims(&claims());
    let strict = Verifier::builder(ISSUER, APP, Audience::ServiceUrl)
        .clock_tolerance_seconds(0)
        .build()
        .unwrap();
    let at_micros = |micros| jiff::Timestamp::from_microsecond(micros).unwrap();
    assert!(
        strict
            .verify(&token, &KEYS, at_micros(EXP * 1_000_000 - 1))
            .is_ok()
    );
    assert!(
        strict
            .verify(&token, &KEYS, at_micros(EXP * 1_000_000))
            .is_err()
    );
    assert!(
        strict
            .verify(&token, &KEYS, at_micros(IAT * 1_000_000))
            .is_ok()
    );
    assert!(
        strict
            .verify(&token, &KEYS, at_micros(IAT * 1_000_000 - 1))
            .is_err()
    );
}

#[test]
fn not_before_and_issued_at_to_the_second() {
    for tolerance in [0, 30, 60] {
        let ahead = NOW + i64::from(tolerance);
        for (name, reason) in [
            ("nbf", Reason::NotYetValid),
            ("iat", Reason::IssuedInFuture),
            ("auth_time", Reason::IssuedInFuture),
        ] {
            let set = |second: i64| claims().set(name, second.to_string());
            assert_eq!(outcome(&set(ahead), tolerance, NOW), Ok(()), "{name}");
            let refused = outcome(&set(ahead + 1), tolerance, NOW);
            assert_eq!(refused, Err(VerifyError::Invalid(reason)), "{name}");
        }
    }
}

#[test]
fn times_that_contradict_each_other() {
    let contradictions = [
        claims().set("exp", IAT.to_string()),
        claims().set("exp", (IAT - 1).to_string()),
        claims().set("exp", "0"),
        claims().set("iat", EXP.to_string()),
        claims().set("nbf", EXP.to_string()),
    ];
    for claims in contradictions {
        for now in [0, NOW, EXP + 3600] {
            let refused = outcome(&claims, 60, now);
            assert_eq!(refused, Err(VerifyError::Invalid(Reason::Times)), "{now}");
        }
    }
}

/// "Expired" tells a client to refresh: it is said only when nothing else is wrong.
#[test]
fn an_expired_token_with_another_fault_is_invalid() {
    let faults = [
        (RS256_OTHER.with_claims(&claims()), Reason::UnknownKey),
        (
            RS256.with_claims(&claims().set("iss", text("https://x"))),
            Reason::Issuer,
        ),
        (
            RS256.with_claims(&claims().set("aud", "[]")),
            Reason::Audience,
        ),
        (
            RS256.with_claims(&claims().without("jti")),
            Reason::Claim("jti"),
        ),
        (
            RS256.token(
                RS256.header().set("typ", text("JWT")).json(),
                claims().json(),
            ),
            Reason::Type,
        ),
    ];
    for (token, reason) in faults {
        let refused = verifier()
            .verify(&token, &KEYS, at(EXP + 3600))
            .unwrap_err();
        assert_eq!(refused, VerifyError::Invalid(reason));
        assert_eq!(
            (refused.code(), refused.to_string().as_str()),
            ("TOKEN_INVALID", "TOKEN_INVALID")
        );
    }
}

#[test]
fn extreme_clocks_do_not_overflow() {
    let token = RS256.with_claims(&claims());
    for now in [jiff::Timestamp::MIN, jiff::Timestamp::MAX] {
        assert!(verifier().verify(&token, &KEYS, now).is_err());
    }
    let eternal = claims().set("exp", "253402207200");
    assert_eq!(outcome(&eternal, 60, NOW), Ok(()));
}
