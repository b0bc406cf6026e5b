//! What may be a key, and what may be in a set of them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use doorward_verify::{JwksSet, KeyError};

use crate::support::*;

fn set(jwks: &[String]) -> Result<JwksSet, KeyError> {
    JwksSet::from_json(&format!("{{\"keys\":[{}]}}", jwks.join(",")))
}

/// The members of a JWK, to be changed.
fn jwk(forge: &Forge) -> Fields {
    let jwk: serde_json::Value = serde_json::from_str(&forge.public.jwk_json()).unwrap();
    jwk.as_object()
        .unwrap()
        .iter()
        .fold(Fields::default(), |fields, (name, value)| {
            fields.set(name, value.to_string())
        })
}

fn one(jwk: &Fields) -> Result<JwksSet, KeyError> {
    set(&[jwk.json()])
}

#[test]
fn foreign_kinds_and_uses_are_ignored() {
    let foreign = [
        jwk(&RS256).set("use", text("enc")),
        jwk(&RS256).set("use", "null"),
        jwk(&RS256).set("key_ops", r#"["encrypt"]"#),
        jwk(&RS256).set("key_ops", text("verify")),
        jwk(&RS256).set("alg", text("RS512")),
        jwk(&RS256).set("alg", text("PS256")),
        jwk(&RS256).set("alg", text("none")),
        jwk(&RS256).without("alg"),
        Fields::default()
            .set("kty", text("oct"))
            .set("alg", text("HS256"))
            .set("k", text("AAAA")),
        Fields::default()
            .set("kty", text("OKP"))
            .set("alg", text("EdDSA"))
            .set("crv", text("Ed448")),
        Fields::default().set("kty", text("quantum")),
        Fields::default(),
    ];
    for jwk in &foreign {
        assert_eq!(
            one(jwk).unwrap_err(),
            KeyError::NoUsableKey,
            "{}",
            jwk.json()
        );
    }
    let mixed: Vec<_> = foreign
        .iter()
        .chain([&jwk(&EDDSA)])
        .map(Fields::json)
        .collect();
    let keys = set(&mixed).unwrap();
    let kids: Vec<_> = keys.iter().map(|key| key.kid()).collect();
    assert_eq!(kids, [EDDSA.public.kid()]);
    one(&jwk(&RS256)
        .without("use")
        .set("key_ops", r#"["sign","verify"]"#))
    .unwrap();
}

#[test]
fn malformed_keys_refuse_the_set() {
    let n = jwk(&RS256)
        .0
        .iter()
        .find(|(name, _)| name == "n")
        .unwrap()
        .1
        .clone();
    let even = format!("{}A\"", &n[..n.len() - 2]);
    let cases = [
        (jwk(&RS256).without("n"), KeyError::Malformed),
        (jwk(&RS256).set("n", "1"), KeyError::Malformed),
        (
            jwk(&RS256).set("n", n.replacen('"', "\"AA", 1)),
            KeyError::Malformed,
        ),
        (
            jwk(&RS256).set("n", n.replacen('"', "\"AAAA", 1)),
            KeyError::Malformed,
        ),
        (
            jwk(&RS256).set("n", format!("{}=\"", &n[..n.len() - 1])),
            KeyError::Malformed,
        ),
        (jwk(&RS256).set("n", text("")), KeyError::Malformed),
        (jwk(&RS256).set("n", text("AQAB")), KeyError::Size),
        (jwk(&RS256).set("n", even), KeyError::Malformed),
        (
            jwk(&RS256).set("n", text(&encode([255; 1025]))),
            KeyError::Size,
        ),
        (
            jwk(&RS256).set("n", text(&encode([127; 256]))),
            KeyError::Size,
        ),
        (jwk(&RS256).without("e"), KeyError::Malformed),
        (jwk(&RS256).set("e", text("AQ")), KeyError::Malformed),
        (jwk(&RS256).set("e", text("Aw")), KeyError::Malformed),
        (jwk(&RS256).set("e", text("AAEAAQ")), KeyError::Malformed),
        (jwk(&RS256).set("kty", text("EC")), KeyError::Malformed),
        (jwk(&RS256).set("kty", text("rsa")), KeyError::Malformed),
        (jwk(&RS256).set("kid", text("")), KeyError::Malformed),
        (jwk(&RS256).set("kid", "1"), KeyError::Malformed),
        (jwk(&ES256).set("crv", text("P-384")), KeyError::Malformed),
        (jwk(&ES256).set("x", text(&encode([0; 31]))), KeyError::Size),
        (jwk(&ES256).set("x", text(&encode([0; 33]))), KeyError::Size),
        // Not on the curve: the invalid-curve attack needs such a point.
        (
            jwk(&ES256).set("x", text(&encode([1; 32]))),
            KeyError::Malformed,
        ),
        (
            jwk(&ES256)
                .set("x", text(&encode([0; 32])))
                .set("y", text(&encode([0; 32]))),
            KeyError::Malformed,
        ),
        (jwk(&EDDSA).set("x", text(&encode([0; 33]))), KeyError::Size),
        (jwk(&EDDSA).set("kty", text("EC")), KeyError::Malformed),
    ];
    for (jwk, error) in cases {
        assert_eq!(one(&jwk).unwrap_err(), error, "{}", jwk.json());
        // Among good ones too.
        assert_eq!(
            set(&[ES256.public.jwk_json(), jwk.json()]).unwrap_err(),
            error
        );
    }
}

#[test]
fn a_published_private_key_refuses_the_set() {
    for forge in [&RS256, &ES256, &EDDSA] {
        let jwk = jwk(forge).set("d", text("AAAA"));
        assert_eq!(one(&jwk).unwrap_err(), KeyError::Private);
    }
    let private = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    assert_eq!(JwksSet::from_pem(private).unwrap_err(), KeyError::Private);
    let both = format!("{}{private}", RS256.public.pem());
    assert_eq!(JwksSet::from_pem(&both).unwrap_err(), KeyError::Private);
    assert_eq!(
        JwksSet::from_jwt_public_key(&STANDARD.encode(private)).unwrap_err(),
        KeyError::Private
    );
}

#[test]
fn ids_are_unique() {
    let twice = [RS256.public.jwk_json(), RS256.public.jwk_json()];
    assert_eq!(set(&twice).unwrap_err(), KeyError::DuplicateKid);
    let borrowed = jwk(&ES256).set("kid", text(RS256.public.kid())).json();
    assert_eq!(
        set(&[RS256.public.jwk_json(), borrowed]).unwrap_err(),
        KeyError::DuplicateKid
    );
    // Without an id, a key is named by its thumbprint.
    let unnamed = jwk(&RS256).without("kid");
    assert!(one(&unnamed).unwrap().find(RS256.public.kid()).is_some());
}

#[test]
fn sets_that_are_none() {
    for text in [
        "",
        "null",
        "[]",
        "{}",
        r#"{"keys":{}}"#,
        r#"{"keys":[1]}"#,
        r#"{"keys":[],"keys":[]}"#,
    ] {
        assert_eq!(
            JwksSet::from_json(text).unwrap_err(),
            KeyError::Malformed,
            "{text}"
        );
    }
    assert_eq!(
        JwksSet::from_json(r#"{"keys":[]}"#).unwrap_err(),
        KeyError::NoUsableKey
    );
    let many: Vec<_> = (0..65)
        .map(|i| jwk(&EDDSA).set("kid", text(&i.to_string())).json())
        .collect();
    assert_eq!(set(&many).unwrap_err(), KeyError::TooLarge);
    set(&many[..64]).unwrap();
    assert_eq!(
        JwksSet::from_json(&" ".repeat(300_000)).unwrap_err(),
        KeyError::TooLarge
    );
}

#[test]
fn pem_that_is_none() {
    let good = RS256.public.pem();
    let cases = [
        (String::new(), KeyError::NoUsableKey),
        ("x".to_owned(), KeyError::Malformed),
        (good.replace("PUBLIC", "RSA PUBLIC"), KeyError::Malformed),
        (
            good.replace("-----END PUBLIC KEY-----", ""),
            KeyError::Malformed,
        ),
        (good.replace("MII", "M!I"), KeyError::Malformed),
        (good.replacen("AQ8A", "AQ8B", 1), KeyError::Malformed),
        (format!("{good}x"), KeyError::Malformed),
        (format!("x{good}"), KeyError::Malformed),
        (format!("# our key\n{good}"), KeyError::Malformed),
        (format!("{good}{good}"), KeyError::DuplicateKid),
        (
            include_str!("keys/p384.pub.pem").to_owned(),
            KeyError::Malformed,
        ),
        (
            include_str!("keys/rsa1024.pub.pem").to_owned(),
            KeyError::Size,
        ),
        (
            include_str!("keys/rsa-exponent3.pub.pem").to_owned(),
            KeyError::Malformed,
        ),
    ];
    for (pem, error) in cases {
        assert_eq!(JwksSet::from_pem(&pem).unwrap_err(), error, "{pem}");
        if !pem.is_empty() {
            assert_eq!(
                JwksSet::from_jwt_public_key(&STANDARD.encode(&pem)).unwrap_err(),
                error
            );
        }
    }
    assert_eq!(
        JwksSet::from_jwt_public_key("not base64!").unwrap_err(),
        KeyError::Malformed
    );
}

/// DER has one form for each length (X.690 §10.1); BER's longer ones are refused.
#[test]
fn lengths_in_longer_form() {
    let pem = |der: &[u8]| {
        let body = STANDARD.encode(der);
        format!("-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----")
    };
    let der = RS256.public.spki_der();
    JwksSet::from_pem(&pem(der)).unwrap();
    // The exponent, 02 03 010001, ends the key; every length around it grows by what is added.
    let (head, exponent) = der.split_at(der.len() - 5);
    assert_eq!(exponent, [2, 3, 1, 0, 1]);
    for longer in [
        vec![2, 0x81, 3, 1, 0, 1],
        vec![2, 0x82, 0, 3, 1, 0, 1],
        vec![2, 4, 0, 1, 0, 1],
    ] {
        let added = u8::try_from(longer.len() - exponent.len()).unwrap();
        let mut changed = [head, longer.as_slice()].concat();
        // Low bytes of the three enclosing two-byte lengths (none overflows with this key).
        for low in [3, 22, 27] {
            assert_eq!(der[low - 2], 0x82);
            changed[low] = der[low].checked_add(added).unwrap();
        }
        assert_eq!(
            JwksSet::from_pem(&pem(&changed)).unwrap_err(),
            KeyError::Malformed
        );
    }
}

/// Every truncation of a key's DER is refused, and no single changed byte makes the reader panic.
#[test]
fn damaged_der() {
    for forge in [&RS256, &ES256, &EDDSA] {
        let der = forge.public.spki_der();
        let read = |der: &[u8]| {
            let body = STANDARD.encode(der);
            let pem = format!("-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----");
            JwksSet::from_pem(&pem)
        };
        read(der).unwrap();
        for len in 0..der.len() {
            assert!(read(&der[..len]).is_err(), "{len}");
        }
        assert!(read(&[der, &[0]].concat()).is_err());
        for position in 0..der.len() {
            let mut changed = der.to_vec();
            changed[position] ^= 0x41;
            // Another number is another key; it must never be taken for this one.
            if let Ok(keys) = read(&changed) {
                assert!(keys.find(forge.public.kid()).is_none(), "{position}");
            }
        }
    }
}
