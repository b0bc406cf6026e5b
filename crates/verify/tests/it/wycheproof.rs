//! The vectors of Project Wycheproof: all of the JWS, JWK and combined sets, none left out.
//!
//! A vector is accepted here exactly when Wycheproof calls it valid and it is signed with an
//! algorithm that Doorward uses. The valid ones of other algorithms must be *refused*; they are
//! counted below by name. There are no EdDSA vectors among them. The two ROCA keys are refused for
//! their odd size of 2,049 bits; the structure of a modulus is not looked at.

use std::collections::BTreeMap;

use doorward_verify::{JwksSet, jws};
use serde_json::{Value, json};
use wycheproof_ng_kdf_jose::json_web::{Test, TestGroup, TestName, TestSet};

/// The keys of a group, if it has any that we would ever hold.
fn keys(group: &TestGroup) -> Option<JwksSet> {
    let key = group.public_key.as_ref().or(group.private_key.as_ref())?;
    let set = if key.get("keys").is_some() {
        key.clone()
    } else {
        json!({"keys": [key]})
    };
    JwksSet::from_json(&set.to_string()).ok()
}

fn text(test: &Test) -> String {
    match test.jws.as_ref().unwrap() {
        Value::String(compact) => compact.clone(),
        other => other.to_string(),
    }
}

fn accepted(group: &TestGroup, test: &Test) -> bool {
    keys(group).is_some_and(|keys| jws::verify_compact(&text(test), &keys).is_ok())
}

/// The `alg` of the key that a valid vector is meant for.
fn algorithm(group: &TestGroup) -> String {
    let key = group
        .public_key
        .as_ref()
        .or(group.private_key.as_ref())
        .unwrap();
    let first = key.get("keys").map_or(key, |keys| &keys[0]);
    first["alg"].as_str().unwrap().to_owned()
}

/// Runs a set. Gives the number of vectors and, by algorithm, the valid ones.
fn run(name: TestName) -> (usize, BTreeMap<String, usize>) {
    let (mut ran, mut valid) = (0, BTreeMap::new());
    for group in TestSet::load(name).unwrap().test_groups {
        // The combined set also has encrypted tokens (JWE), which nothing here reads.
        for test in group.tests.iter().filter(|test| test.jws.is_some()) {
            ran += 1;
            let mut expected = false;
            if !test.result.must_fail() {
                let alg = algorithm(&group);
                expected = ["RS256", "ES256", "EdDSA"].contains(&alg.as_str());
                *valid.entry(alg).or_default() += 1;
            }
            let context = format!("{} {}: {}", group.group_comment, test.tc_id, test.comment);
            assert_eq!(accepted(&group, test), expected, "{context}");
        }
    }
    (ran, valid)
}

fn counts<const N: usize>(counts: [(&str, usize); N]) -> BTreeMap<String, usize> {
    counts
        .into_iter()
        .map(|(name, count)| (name.to_owned(), count))
        .collect()
}

#[test]
fn json_web_signature() {
    let (ran, valid) = run(TestName::JsonWebSignature);
    assert_eq!(ran, 401);
    // Not ours and therefore refused: MACs (no shared secrets), PSS, the longer hashes, P-521.
    let expected = counts([
        ("RS256", 8),
        ("ES256", 2),
        ("ES521", 2),
        ("HS256", 10),
        ("PS256", 8),
        ("PS384", 4),
        ("PS512", 4),
        ("RS384", 4),
        ("RS512", 4),
    ]);
    assert_eq!(valid, expected);
}

#[test]
fn json_web_key() {
    let (ran, valid) = run(TestName::JsonWebKey);
    assert_eq!(ran, 26);
    assert_eq!(
        valid,
        counts([("RS256", 1), ("HS256", 2), ("HS384", 1), ("HS512", 1)])
    );
}

#[test]
fn json_web_crypto() {
    let (ran, valid) = run(TestName::JsonWebCrypto);
    assert_eq!(ran, 49);
    assert_eq!(valid, counts([("RS256", 1), ("ES256", 1), ("HS256", 2)]));
}
