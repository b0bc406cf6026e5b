//! Files that are none, or not this app's. Each reason helps its owner: none is given for another.

use doorward_verify::license::MAX_LICENSE_FILE_LEN;
use doorward_verify::{LicenseReason as R, Reason};
use proptest::prelude::*;

use super::*;

/// Refused in both modes: it proves nothing.
#[track_caller]
fn refused(file: &str, reason: R) {
    assert_eq!(judged(file, NOW).map(|_| ()), Err(reason));
    let mut seen = MemoryLastSeen::default();
    let assessed = license_verifier().assess(file, DEVICE, at(NOW), &mut seen);
    assert_eq!(assessed.map(|_| ()), Err(reason));
    assert_eq!(seen.0, None, "what proves nothing is not remembered");
}

const fn none(reason: Reason) -> R {
    R::NotALicense(reason)
}

#[test]
fn other_documents() {
    refused("", none(Reason::NotCompact));
    refused("Dear customer,", none(Reason::NotCompact));
    refused("a.b.c", none(Reason::Encoding));
    refused(
        &"x".repeat(MAX_LICENSE_FILE_LEN + 1),
        none(Reason::TooLarge),
    );
    refused(&EDDSA.with_claims(&claims()), R::WrongType);
    for typ in ["JWT", "at+jwt", "revocations+jwt", "license"] {
        let header = license_header().set("typ", text(typ));
        refused(
            &EDDSA.token(header.json(), license_claims().json()),
            R::WrongType,
        );
    }
    let without = license_header().without("typ");
    refused(
        &EDDSA.token(without.json(), license_claims().json()),
        R::WrongType,
    );
}

#[test]
fn damaged_in_the_mail() {
    let file = good_file();
    let (first, rest) = file.split_at(file.len() / 2);
    for damaged in [
        first.to_owned(),
        format!("-----BEGIN DOORWARD LICENSE-----{rest}"),
        file.replace("-----END", ""),
        format!("{file}{file}"),
        file.replacen('.', "", 2),
    ] {
        let outcome = judged(&damaged, NOW).unwrap_err();
        assert!(
            matches!(outcome, R::NotALicense(_) | R::BadSignature),
            "{outcome:?}: {damaged}"
        );
    }
}

#[test]
fn keys_and_signatures() {
    let claims = license_claims().json();
    let unknown = license_header().set("kid", text("x"));
    refused(&EDDSA.token(unknown.json(), &claims), R::UnknownKey);
    // The service's own keys, with which it signs access tokens, make no licences.
    let service = RS256.header().set("typ", text("license+jwt"));
    refused(&RS256.token(service.json(), &claims), R::UnknownKey);
    // Another key of the same kind under our kid.
    let good = license(&license_claims());
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let (header, _) = signed.split_once('.').unwrap();
    let more = license_claims().set("max_activations", "1000").json();
    refused(
        &format!("{header}.{}.{signature}", encode(more)),
        R::BadSignature,
    );
    let zero = encode([0; 64]);
    refused(&format!("{signed}.{zero}"), R::BadSignature);
    for (alg, reason) in [
        ("none", Reason::Algorithm),
        ("HS256", Reason::Algorithm),
        ("RS256", Reason::Algorithm),
    ] {
        let header = license_header().set("alg", text(alg));
        refused(&EDDSA.token(header.json(), &claims), none(reason));
    }
    let jwk = license_header().set("jwk", EDDSA.public.jwk_json());
    refused(
        &EDDSA.token(jwk.json(), &claims),
        none(Reason::ForbiddenHeader),
    );
    let no_kid = license_header().without("kid");
    refused(&EDDSA.token(no_kid.json(), &claims), none(Reason::KeyId));
}

#[test]
fn another_app() {
    let other = "018f2e60-0000-7000-8000-00000000000c";
    let theirs = license_claims().set("app_id", text(other));
    refused(&license(&theirs), R::OtherApp);
}

#[test]
fn each_claim_missing_or_malformed() {
    let optional = ["entitlements", "metadata"];
    for (name, _) in license_claims().0 {
        let set = |json: &str| license(&license_claims().set(&name, json));
        let expect = |file: &str| match judged(file, NOW) {
            Err(R::NotALicense(Reason::Claim(claim))) => assert_eq!(claim, name),
            other => panic!("{name}: {other:?}"),
        };
        if !optional.contains(&name.as_str()) {
            expect(&license(&license_claims().without(&name)));
        }
        for json in ["[]", "true", "1.5", "-1", "\"\""] {
            expect(&set(json));
        }
        if name != "license_expires_at" {
            expect(&set("null"));
        }
        let mut twice = license_claims();
        twice.0.push((name.clone(), "null".to_owned()));
        refused(&license(&twice), none(Reason::ClaimsJson));
    }
    let zero = license_claims().set("max_activations", "0");
    refused(&license(&zero), none(Reason::Claim("max_activations")));
    for json in WRONG_ENTITLEMENTS {
        let file = license(&license_claims().set("entitlements", json));
        refused(&file, none(Reason::Claim("entitlements")));
    }
}

#[test]
fn times_that_contradict_each_other() {
    for (name, value) in [
        ("exp", IAT),
        ("nbf", LICENSE_EXP),
        ("iat", LICENSE_EXP),
        // A file does not outlive its licence.
        ("license_expires_at", LICENSE_EXP - 1),
    ] {
        let file = license(&license_claims().set(name, value.to_string()));
        refused(&file, none(Reason::Times));
    }
}

proptest! {
    /// No change of a byte makes another licence of it.
    #[test]
    fn any_change_is_noticed(index in any::<prop::sample::Index>(), byte in 0x21..0x7f_u8) {
        let mut bytes = license(&license_claims()).into_bytes();
        let index = index.index(bytes.len());
        prop_assume!(bytes[index] != byte);
        bytes[index] = byte;
        let changed = String::from_utf8(bytes).unwrap();
        prop_assert!(judged(&changed, NOW).is_err());
    }

    #[test]
    fn any_text(text in any::<String>()) {
        prop_assert!(judged(&text, NOW).is_err());
        let armour = format!("-----BEGIN DOORWARD LICENSE-----{text}-----END DOORWARD LICENSE-----");
        prop_assert!(judged(&armour, NOW).is_err());
    }
}
