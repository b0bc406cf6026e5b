//! `sdk/vectors/revocations.json`: feeds, good and hostile, and what tokens are worth beside them.

use doorward_verify::{Audience, JwksSet, Revocations, RevocationsError, Verifier, WhenStale};
use serde_json::Value;
use uuid::Uuid;

use super::{compare, kept, lines};
use crate::revocations::{FEED_LIFE, SESSION, USER, feed_at, feed_claims, feed_header, signed};
use crate::support::*;

const FILE: &str = "revocations.json";

fn document() -> String {
    let about = "The revocation feed and what a consumer must make of it. A case of 'feeds' is \
                 shown to a holder that holds nothing, or 'after' another feed: 'taken', \
                 'expired', 'older' or 'invalid'. A case of 'tokens' is verified with the feed of \
                 that name, or with none (null), and with stale feeds refused or accepted. Written \
                 by crates/verify/tests/it/vectors/revocations.rs; the keys are for tests only.";
    let head = Fields::default()
        .set("about", text(about))
        .set("issuer", text(ISSUER))
        .set("app_id", text(&APP.to_string()))
        .set("clock_tolerance_seconds", "30")
        .set("now", NOW.to_string())
        .set(
            "jwks",
            doorward_crypto::signing::jwks_json([&RS256.public, &EDDSA.public]),
        );
    lines(&head, &[("feeds", feeds()), ("tokens", tokens())])
}

fn feed(name: &str, expect: &str, document: &str) -> Fields {
    Fields::default()
        .set("name", text(name))
        .set("expect", text(expect))
        .set("document", text(document))
}

fn feeds() -> Vec<Fields> {
    let bytes = |list: &[u8]| text(&encode(list));
    let with = |name: &str, json: &str| signed(&feed_claims().set(name, json).json());
    let eddsa = EDDSA.header().set("typ", text("revocations+jwt"));
    let other_key = RS256_OTHER.header().set("kid", text(RS256.public.kid()));
    let other_key = other_key.set("typ", text("revocations+jwt"));
    let mut out = vec![
        feed("empty", "taken", &feed_at(NOW, |_| {})),
        feed(
            "the session",
            "taken",
            &feed_at(NOW, |feed| {
                feed.session(SESSION).session(USER).session(Uuid::nil());
            }),
        ),
        feed(
            "the user",
            "taken",
            &feed_at(NOW, |feed| {
                feed.user(USER, at(IAT))
                    .user(SESSION, at(NOW))
                    .session(Uuid::nil());
            }),
        ),
        feed(
            "the user, a second too early",
            "taken",
            &feed_at(NOW, |feed| {
                feed.user(USER, at(IAT - 1));
            }),
        ),
        feed(
            "all of the app",
            "taken",
            &feed_at(NOW, |feed| {
                feed.everything(at(IAT));
            }),
        ),
        feed(
            "all of the app, a second too early",
            "taken",
            &feed_at(NOW, |feed| {
                feed.everything(at(IAT - 1));
            }),
        ),
        feed("made earlier", "taken", &feed_at(NOW - 1, |_| {})),
        feed(
            "made earlier, after the empty one",
            "older",
            &feed_at(NOW - 1, |_| {}),
        )
        .set("after", text("empty")),
        feed("made in the same second", "taken", &feed_at(NOW, |_| {}))
            .set("after", text("the session")),
        feed(
            "last second",
            "taken",
            &feed_at(NOW - FEED_LIFE - 29, |_| {}),
        ),
        feed("expired", "expired", &feed_at(NOW - FEED_LIFE - 30, |_| {})),
        feed("a little ahead", "taken", &feed_at(NOW + 30, |_| {})),
        feed("of the future", "invalid", &feed_at(NOW + 31, |_| {})),
        feed(
            "EdDSA",
            "taken",
            &EDDSA.token(eddsa.json(), feed_claims().json()),
        ),
        feed("an access token", "invalid", &RS256.with_claims(&claims())),
        feed(
            "an access token's type",
            "invalid",
            &RS256.token(RS256.header().json(), feed_claims().json()),
        ),
        feed(
            "without a type",
            "invalid",
            &RS256.token(feed_header().without("typ").json(), feed_claims().json()),
        ),
        feed(
            "another key under our kid",
            "invalid",
            &RS256_OTHER.token(other_key.json(), feed_claims().json()),
        ),
        feed("another issuer", "invalid", &with("iss", r#""https://x""#)),
        feed(
            "another app",
            "invalid",
            &with("app_id", &text(&USER.to_string())),
        ),
        feed(
            "sessions cut off",
            "invalid",
            &with("sessions", &bytes(&[1; 13])),
        ),
        feed(
            "sessions out of order",
            "invalid",
            &with("sessions", &bytes(&[[2; 12], [1; 12]].concat())),
        ),
        feed(
            "a session twice",
            "invalid",
            &with("sessions", &bytes(&[[1; 12], [1; 12]].concat())),
        ),
        feed("users cut off", "invalid", &with("users", &bytes(&[1; 12]))),
        feed(
            "users out of order",
            "invalid",
            &with("users", &bytes(&[[2; 16], [1; 16]].concat())),
        ),
        feed(
            "sessions with padding",
            "invalid",
            &with("sessions", r#""AQEBAQEBAQEBAQEB=""#),
        ),
    ];
    for name in [
        "iss",
        "app_id",
        "iat",
        "exp",
        "sessions",
        "users",
        "issued_until",
    ] {
        let document = signed(&feed_claims().without(name).json());
        out.push(feed(&format!("no {name}"), "invalid", &document));
    }
    out
}

fn tokens() -> Vec<Fields> {
    let good = RS256.with_claims(&claims());
    let case = |feed: Option<&str>, now: i64, stale: &str, expect: &str| {
        Fields::default()
            .set("feed", feed.map_or("null".to_owned(), text))
            .set("now", now.to_string())
            .set("when_stale", text(stale))
            .set("expect", text(expect))
            .set("token", text(&good))
    };
    let stale = NOW + FEED_LIFE + 30;
    vec![
        case(Some("empty"), NOW, "refuse", "ok"),
        case(Some("the session"), NOW, "refuse", "TOKEN_REVOKED"),
        case(Some("the session"), stale, "refuse", "TOKEN_REVOKED"),
        case(Some("the session"), stale, "accept", "TOKEN_REVOKED"),
        case(Some("the session"), EXP + 30, "accept", "TOKEN_REVOKED"),
        case(Some("the user"), NOW, "refuse", "TOKEN_REVOKED"),
        case(Some("the user, a second too early"), NOW, "refuse", "ok"),
        case(Some("all of the app"), NOW, "refuse", "TOKEN_REVOKED"),
        case(
            Some("all of the app, a second too early"),
            NOW,
            "refuse",
            "ok",
        ),
        case(Some("empty"), stale - 1, "refuse", "ok"),
        case(Some("empty"), stale, "refuse", "SERVICE_UNAVAILABLE"),
        case(Some("empty"), stale, "accept", "ok"),
        case(Some("empty"), EXP + 30, "refuse", "TOKEN_EXPIRED"),
        case(None, NOW, "refuse", "SERVICE_UNAVAILABLE"),
        case(None, NOW, "accept", "ok"),
        case(None, EXP + 30, "refuse", "TOKEN_EXPIRED"),
    ]
}

#[test]
fn the_file_is_what_the_generator_makes() {
    compare(FILE, &document());
}

fn array<'a>(file: &'a Value, name: &str) -> &'a [Value] {
    file[name].as_array().unwrap()
}

/// Reads the file as another SDK's test would.
#[test]
fn every_case_yields_what_the_file_says() {
    let file = kept(FILE);
    let jwks = JwksSet::from_json(&file["jwks"].to_string()).unwrap();
    let app = file["app_id"].as_str().unwrap().parse().unwrap();
    let issuer = file["issuer"].as_str().unwrap();
    let now = at(file["now"].as_i64().unwrap());
    let named = |name: &Value| {
        let found = array(&file, "feeds")
            .iter()
            .find(|feed| feed["name"] == *name);
        found.unwrap()["document"].as_str().unwrap()
    };
    let empty = || std::sync::Arc::new(Revocations::new(issuer, app));
    for case in array(&file, "feeds") {
        let held = empty();
        if let Some(before) = case.get("after") {
            held.take(named(before), None, &jwks, now).unwrap();
        }
        let outcome = match held.take(case["document"].as_str().unwrap(), None, &jwks, now) {
            Ok(_) => "taken",
            Err(RevocationsError::Expired) => "expired",
            Err(RevocationsError::Older) => "older",
            Err(_) => "invalid",
        };
        assert_eq!(case["expect"], outcome, "{}", case["name"]);
    }
    for case in array(&file, "tokens") {
        let held = empty();
        if !case["feed"].is_null() {
            held.take(named(&case["feed"]), None, &jwks, now).unwrap();
        }
        let when_stale = match case["when_stale"].as_str() {
            Some("refuse") => WhenStale::Refuse,
            _ => WhenStale::Accept,
        };
        let verifier = Verifier::builder(issuer, app, Audience::ServiceUrl)
            .revocations(held, when_stale)
            .build()
            .unwrap();
        let now = at(case["now"].as_i64().unwrap());
        let outcome = match verifier.verify(case["token"].as_str().unwrap(), &jwks, now) {
            Ok(_) => "ok",
            Err(error) => error.code(),
        };
        assert_eq!(case["expect"], outcome, "{case}");
    }
    assert!(array(&file, "feeds").len() >= 30 && array(&file, "tokens").len() >= 16);
}
