//! `sdk/vectors/`: one set of good and hostile tokens, and of what else a consumer is given, for the
//! SDKs of every language. It is written from here and compared here; `DOORWARD_WRITE_VECTORS=1` writes it anew.
//! What each token must yield is stated by hand, never taken from this crate's own verdict.

mod cases;
mod licenses;
mod revocations;

use std::fs;
use std::path::{Path, PathBuf};

use doorward_crypto::signing::jwks_json;
use doorward_verify::{Algorithm, Audience, JwksSet, Verifier};
use serde_json::Value;

use crate::support::*;

const FILE: &str = "access-tokens.json";

fn path(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../sdk/vectors")
        .join(file)
}

/// A file of vectors: its head, and its lists of cases with one case in a line.
fn lines(head: &Fields, lists: &[(&str, Vec<Fields>)]) -> String {
    let head = head
        .0
        .iter()
        .map(|(name, json)| format!("  {}: {json}", text(name)));
    let lists = lists.iter().map(|(name, cases)| {
        let cases: Vec<_> = cases
            .iter()
            .map(|case| format!("    {}", case.json()))
            .collect();
        format!("  {}: [\n{}\n  ]", text(name), cases.join(",\n"))
    });
    let members: Vec<_> = head.chain(lists).collect();
    format!("{{\n{}\n}}\n", members.join(",\n"))
}

fn kept(file: &str) -> Value {
    serde_json::from_str(&fs::read_to_string(path(file)).unwrap()).unwrap()
}

#[expect(
    clippy::disallowed_methods,
    reason = "asks whether to write the file instead of comparing"
)]
fn compare(file: &str, made: &str) {
    if std::env::var("DOORWARD_WRITE_VECTORS").is_ok() {
        fs::create_dir_all(path(file).parent().unwrap()).unwrap();
        fs::write(path(file), made).unwrap();
    }
    let kept = fs::read_to_string(path(file)).unwrap();
    for (made, kept) in made.lines().zip(kept.lines()) {
        assert_eq!(
            made, kept,
            "run this test with DOORWARD_WRITE_VECTORS=1 if this is meant"
        );
    }
    assert_eq!(made.len(), kept.len());
}

fn document() -> String {
    let about = "Access tokens and what a verifier must make of them. A case overrides the \
                 expectations at the top. 'ok': accept; 'TOKEN_EXPIRED', 'TOKEN_INVALID': refuse \
                 with 401 and this code. Written by crates/verify/tests/it/vectors.rs; the keys \
                 are for tests only.";
    let head = Fields::default()
        .set("about", text(about))
        .set("issuer", text(ISSUER))
        .set("app_id", text(&APP.to_string()))
        .set("app_slug", text(SLUG))
        .set("audience", text("service_url"))
        .set("algorithms", r#"["RS256"]"#)
        .set("clock_tolerance_seconds", "30")
        .set("now", NOW.to_string())
        .set("jwt_public_key", text(&RS256.public.base64_pem()))
        .set(
            "jwks",
            jwks_json([&RS256.public, &ES256.public, &EDDSA.public]),
        );
    lines(&head, &[("cases", cases::all())])
}

#[test]
fn the_file_is_what_the_generator_makes() {
    compare(FILE, &document());
}

/// Reads the file as another SDK's test would.
#[test]
fn every_case_yields_what_the_file_says() {
    let document = kept(FILE);
    let jwks = JwksSet::from_json(&document["jwks"].to_string()).unwrap();
    let pem = JwksSet::from_jwt_public_key(document["jwt_public_key"].as_str().unwrap()).unwrap();
    let mut seen = std::collections::BTreeMap::<String, usize>::new();
    for case in document["cases"].as_array().unwrap() {
        let field = |name: &str| case.get(name).unwrap_or(&document[name]);
        let string = |name: &str| field(name).as_str().unwrap();
        let slug = string("app_slug").to_owned();
        let audience = match string("audience") {
            "service_url" => Audience::ServiceUrl,
            "slug" => Audience::Slug(slug),
            "service_url_and_slug" => Audience::ServiceUrlAndSlug(slug),
            other => panic!("{other}"),
        };
        let algorithms: Vec<_> = field("algorithms")
            .as_array()
            .unwrap()
            .iter()
            .map(|name| Algorithm::parse(name.as_str().unwrap()).unwrap())
            .collect();
        let tolerance = field("clock_tolerance_seconds").as_u64().unwrap();
        let verifier = Verifier::builder(
            string("issuer"),
            string("app_id").parse().unwrap(),
            audience,
        )
        .algorithms(&algorithms)
        .clock_tolerance_seconds(u32::try_from(tolerance).unwrap())
        .build()
        .unwrap();
        let now = at(field("now").as_i64().unwrap());
        let outcome = |keys: &JwksSet| match verifier.verify(string("token"), keys, now) {
            Ok(_) => "ok",
            Err(error) => error.code(),
        };
        assert_eq!(outcome(&jwks), string("expect"), "{}", string("name"));
        if algorithms == [Algorithm::Rs256] {
            assert_eq!(
                outcome(&pem),
                string("expect"),
                "{} with the PEM",
                string("name")
            );
        }
        *seen.entry(string("expect").to_owned()).or_default() += 1;
    }
    let count = |expect: &str| seen.get(expect).copied().unwrap_or(0);
    assert!(count("ok") >= 10 && count("TOKEN_EXPIRED") >= 2 && count("TOKEN_INVALID") >= 100);
}

#[test]
fn names_are_unique() {
    let mut names: Vec<_> = cases::all()
        .into_iter()
        .map(|case| case.0[0].1.clone())
        .collect();
    let count = names.len();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), count);
}
