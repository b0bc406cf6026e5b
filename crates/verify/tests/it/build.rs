//! A verifier cannot be built without something to expect.

use std::sync::Arc;

use doorward_verify::{Audience, BuildError, Revocations, Verifier, WhenStale};
use uuid::Uuid;

use crate::support::*;

#[test]
fn expectations_must_say_something() {
    let build = |issuer: &str, app, audience| Verifier::builder(issuer, app, audience).build();
    for issuer in [
        "",
        "auth.example.com",
        "https://",
        "http://",
        "ftp://x",
        " https://x",
        "https://x ",
    ] {
        assert_eq!(
            build(issuer, APP, Audience::ServiceUrl).unwrap_err(),
            BuildError::Issuer
        );
    }
    let nil = build(ISSUER, Uuid::nil(), Audience::ServiceUrl);
    assert_eq!(nil.unwrap_err(), BuildError::App);
    for audience in [
        Audience::Slug(String::new()),
        Audience::ServiceUrlAndSlug(String::new()),
    ] {
        assert_eq!(build(ISSUER, APP, audience).unwrap_err(), BuildError::Slug);
    }
}

#[test]
fn revocations_are_of_the_same_issuer_and_app() {
    let build = |issuer: &str, app| {
        Verifier::builder(ISSUER, APP, Audience::ServiceUrl)
            .revocations(Arc::new(Revocations::new(issuer, app)), WhenStale::Accept)
            .build()
    };
    build(ISSUER, APP).unwrap();
    for (issuer, app) in [("https://x", APP), (ISSUER, Uuid::from_u128(1))] {
        assert_eq!(build(issuer, app).unwrap_err(), BuildError::Revocations);
    }
}

#[test]
fn tolerance_and_algorithms_have_bounds() {
    let builder = || Verifier::builder(ISSUER, APP, Audience::ServiceUrl);
    for seconds in [0, 30, 60] {
        builder().clock_tolerance_seconds(seconds).build().unwrap();
    }
    for seconds in [61, u32::MAX] {
        let built = builder().clock_tolerance_seconds(seconds).build();
        assert_eq!(built.unwrap_err(), BuildError::Tolerance);
    }
    assert_eq!(
        builder().algorithms(&[]).build().unwrap_err(),
        BuildError::Algorithms
    );
}
