//! Documents that are not this app's feed, or not in its form.

use doorward_verify::revocations::{MAX_REVOCATIONS_LEN, RevocationsError};
use doorward_verify::{Algorithm, Audience, Reason, Verifier, VerifyError};

use super::*;

fn taken(document: &str) -> Result<(), RevocationsError> {
    let held = empty();
    let outcome = held.take(document, None, &KEYS, at(NOW)).map(|_| ());
    assert_eq!(held.list().is_some(), outcome.is_ok());
    outcome
}

#[track_caller]
fn refused(document: &str, reason: Reason) {
    assert_eq!(taken(document), Err(RevocationsError::Invalid(reason)));
}

fn with(name: &str, json: impl Into<String>) -> String {
    signed(&feed_claims().set(name, json).json())
}

#[test]
fn good_ones() {
    taken(&signed(&feed_claims().json())).unwrap();
    taken(&with("later", "1")).unwrap();
    for forge in [&ES256, &EDDSA] {
        let header = forge
            .header()
            .set("typ", text("application/Revocations+JWT"));
        taken(&forge.token(header.json(), feed_claims().json())).unwrap();
    }
}

/// Both are signed with the same keys: the type alone keeps them apart.
#[test]
fn an_access_token_is_no_feed_and_a_feed_no_access_token() {
    refused(&RS256.with_claims(&claims()), Reason::Type);
    for typ in ["JWT", "at+jwt", "license+jwt", "", "revocations"] {
        let header = feed_header().set("typ", text(typ));
        refused(
            &RS256.token(header.json(), feed_claims().json()),
            Reason::Type,
        );
    }
    let without = feed_header().without("typ");
    refused(
        &RS256.token(without.json(), feed_claims().json()),
        Reason::Type,
    );

    // A feed with all the claims of a token beside its own.
    let both = Fields([claims().0, feed_claims().0[4..].to_vec()].concat());
    let verifier = Verifier::builder(ISSUER, APP, Audience::ServiceUrl)
        .algorithms(&[Algorithm::Rs256, Algorithm::Es256, Algorithm::EdDsa])
        .build()
        .unwrap();
    let outcome = verifier.verify(&signed(&both.json()), &KEYS, at(NOW));
    assert_eq!(outcome.unwrap_err(), VerifyError::Invalid(Reason::Type));
    refused(&RS256.with_claims(&both), Reason::Type);
    taken(&signed(&both.set("sessions", text("")).json())).unwrap();
}

#[test]
fn signatures_and_headers() {
    let header = feed_header().set("kid", text(RS256_OTHER.public.kid()));
    let document = RS256_OTHER.token(header.json(), feed_claims().json());
    refused(&document, Reason::UnknownKey);
    let document = RS256_OTHER.token(feed_header().json(), feed_claims().json());
    refused(&document, Reason::Signature);
    let good = signed(&feed_claims().json());
    let (signed_part, signature) = good.rsplit_once('.').unwrap();
    refused(&format!("{signed_part}."), Reason::NotCompact);
    let (header, _) = signed_part.split_once('.').unwrap();
    let other = encode(
        feed_claims()
            .set("sessions", text("AAAAAAAAAAAAAAAA"))
            .json(),
    );
    refused(&format!("{header}.{other}.{signature}"), Reason::Signature);
    for (name, json, reason) in [
        ("alg", text("none"), Reason::Algorithm),
        ("alg", text("HS256"), Reason::Algorithm),
        ("alg", text("EdDSA"), Reason::Algorithm),
        ("jku", text("https://evil.example"), Reason::ForbiddenHeader),
        ("crit", r#"["exp"]"#.to_owned(), Reason::ForbiddenHeader),
    ] {
        let header = feed_header().set(name, json);
        refused(&RS256.token(header.json(), feed_claims().json()), reason);
    }
    refused("", Reason::NotCompact);
    refused("<html>", Reason::NotCompact);
    refused(&"x".repeat(MAX_REVOCATIONS_LEN + 1), Reason::TooLarge);
}

#[test]
fn another_issuer_or_app() {
    for iss in [
        "https://auth.example.com/",
        "http://auth.example.com",
        "https://x",
    ] {
        refused(&with("iss", text(iss)), Reason::Issuer);
    }
    let foreign = "018f2e60-0000-7000-8000-00000000000c";
    refused(&with("app_id", text(foreign)), Reason::App);
    // Even where the attacker's app is called what ours is.
    let mut theirs = RevocationsBuilder::new(ISSUER, USER, at(NOW), at(NOW + 60));
    theirs.session(SESSION);
    refused(
        &signed(&String::from_utf8(theirs.payload_json()).unwrap()),
        Reason::App,
    );
}

#[test]
fn each_claim_missing_or_malformed() {
    let wrong: &[&str] = &["{}", "[]", "true", "1.5", "-1", r#""é""#];
    for (name, _) in feed_claims().0 {
        let known = [
            "iss",
            "app_id",
            "iat",
            "exp",
            "sessions",
            "users",
            "issued_until",
        ]
        .into_iter()
        .find(|known| *known == name)
        .unwrap();
        refused(
            &signed(&feed_claims().without(known).json()),
            Reason::Claim(known),
        );
        for json in wrong {
            if name != "iss" || !json.starts_with('"') {
                refused(&with(known, *json), Reason::Claim(known));
            }
        }
        let mut twice = feed_claims();
        twice.0.push((name, "null".to_owned()));
        refused(&signed(&twice.json()), Reason::ClaimsJson);
    }
    for list in ["sessions", "users"] {
        refused(&with(list, "null"), Reason::Claim(list));
    }
}

#[test]
fn lists_that_are_not_whole_or_not_in_order() {
    let entry = |byte: u8, len: usize| vec![byte; len];
    let cases: [(&'static str, Vec<Vec<u8>>); 7] = [
        ("sessions", vec![entry(1, 11)]),
        ("sessions", vec![entry(1, 12), entry(2, 1)]),
        ("sessions", vec![entry(2, 12), entry(1, 12)]),
        ("sessions", vec![entry(1, 12), entry(1, 12)]),
        ("users", vec![entry(1, 12)]),
        ("users", vec![entry(2, 16), entry(1, 16)]),
        // One user twice, with two seconds: which one counts?
        (
            "users",
            vec![entry(1, 16), [entry(1, 12), entry(2, 4)].concat()],
        ),
    ];
    for (name, entries) in cases {
        let document = with(name, text(&encode(entries.concat())));
        refused(&document, Reason::Claim(name));
    }
    for (name, json) in [
        ("sessions", text(&format!("{}=", encode(entry(1, 12))))),
        ("sessions", text(&format!(" {}", encode(entry(1, 12))))),
        ("users", text("AAAAAAAAAAAAAAAAAAAA+/")),
    ] {
        refused(&with(name, json), Reason::Claim(name));
    }
    taken(&with(
        "sessions",
        text(&encode([entry(1, 12), entry(2, 12)].concat())),
    ))
    .unwrap();
}

#[test]
fn times() {
    let made = |iat: i64, exp: i64| {
        taken(&signed(
            &feed_claims()
                .set("iat", iat.to_string())
                .set("exp", exp.to_string())
                .json(),
        ))
    };
    assert_eq!(made(NOW + 30, NOW + 31), Ok(()));
    assert_eq!(made(NOW - 100, NOW - 29), Ok(()));
    assert_eq!(made(NOW - 100, NOW - 30), Err(RevocationsError::Expired));
    for (iat, exp, reason) in [
        (NOW + 31, NOW + 60, Reason::IssuedInFuture),
        (NOW, NOW, Reason::Times),
        (NOW, NOW - 1, Reason::Times),
    ] {
        assert_eq!(made(iat, exp), Err(RevocationsError::Invalid(reason)));
    }
}
