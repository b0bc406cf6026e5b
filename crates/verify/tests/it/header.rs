//! Headers that try something.

use aws_lc_rs::hmac;
use doorward_verify::{Algorithm, Audience, Reason, Verifier, VerifyError};

use crate::support::*;

/// RFC 7515 §A.5, RFC 8725 §2.1.
#[test]
fn none_in_every_spelling() {
    let spellings = [
        "none",
        "None",
        "NONE",
        "nOnE",
        "NoNe",
        "none ",
        " none",
        "",
        "null",
        "noneRS256",
    ];
    for alg in spellings {
        let header = RS256.header().set("alg", text(alg)).json();
        let unsigned = format!("{}.{}.", encode(&header), encode(claims().json()));
        assert_eq!(refusal(&unsigned), Reason::NotCompact, "{alg}");
        assert_eq!(
            refusal(unsigned.trim_end_matches('.')),
            Reason::NotCompact,
            "{alg}"
        );
        // With any signature, also a right one, the algorithm itself is refused.
        assert_eq!(
            refusal(&format!("{unsigned}AA")),
            Reason::Algorithm,
            "{alg}"
        );
        assert_eq!(
            refusal(&RS256.token(&header, claims().json())),
            Reason::Algorithm,
            "{alg}"
        );
    }
}

/// RFC 8725 §2.1: the public key, in whatever form the attacker has it, as MAC secret.
#[test]
fn hs256_with_the_public_key_as_secret() {
    for forge in [&RS256, &ES256, &EDDSA] {
        let public = &forge.public;
        let pem = public.pem();
        let secrets: [&[u8]; 6] = [
            pem.as_bytes(),
            pem.trim_end().as_bytes(),
            public.base64_pem().leak().as_bytes(),
            public.spki_der(),
            public.jwk_json().leak().as_bytes(),
            b"",
        ];
        for (alg, algorithm) in [
            ("HS256", hmac::HMAC_SHA256),
            ("HS384", hmac::HMAC_SHA384),
            ("HS512", hmac::HMAC_SHA512),
        ] {
            for secret in secrets {
                let header = forge.header().set("alg", text(alg)).json();
                let signed = format!("{}.{}", encode(header), encode(claims().json()));
                let tag = hmac::sign(&hmac::Key::new(algorithm, secret), signed.as_bytes());
                let token = format!("{signed}.{}", encode(tag));
                let refused = agile_verifier().verify(&token, &KEYS, at(NOW)).unwrap_err();
                assert_eq!(refused, VerifyError::Invalid(Reason::Algorithm));
                // The same MAC under the asymmetric name.
                let signed = format!(
                    "{}.{}",
                    encode(forge.header().json()),
                    encode(claims().json())
                );
                let tag = hmac::sign(&hmac::Key::new(algorithm, secret), signed.as_bytes());
                let token = format!("{signed}.{}", encode(tag));
                let refused = agile_verifier().verify(&token, &KEYS, at(NOW)).unwrap_err();
                assert_eq!(refused, VerifyError::Invalid(Reason::Signature));
            }
        }
    }
}

#[test]
fn other_algorithms_and_spellings() {
    let names = [
        "RS384",
        "RS512",
        "PS256",
        "ES384",
        "ES512",
        "ES256K",
        "HS256",
        "Ed25519",
        "rs256",
        "Rs256",
        "RS256 ",
        "RS256\0",
        "RSA",
        "sha256WithRSAEncryption",
        "dir",
        "A256GCM",
    ];
    for alg in names {
        let header = RS256.header().set("alg", text(alg));
        let token = RS256.token(header.json(), claims().json());
        let refused = agile_verifier().verify(&token, &KEYS, at(NOW)).unwrap_err();
        assert_eq!(refused, VerifyError::Invalid(Reason::Algorithm), "{alg}");
    }
    for json in ["null", "1", "true", "[]", "{}", r#"["RS256"]"#] {
        let header = RS256.header().set("alg", json);
        assert_eq!(
            refusal(&RS256.token(header.json(), claims().json())),
            Reason::Algorithm
        );
    }
    let header = RS256.header().without("alg");
    assert_eq!(
        refusal(&RS256.token(header.json(), claims().json())),
        Reason::Algorithm
    );
}

/// RS256 alone unless the consumer says otherwise, even for keys that the issuer publishes.
#[test]
fn algorithms_that_were_not_allowed() {
    for forge in [&ES256, &EDDSA] {
        assert_eq!(refusal(&forge.with_claims(&claims())), Reason::Algorithm);
    }
    let eddsa_only = Verifier::builder(ISSUER, APP, Audience::ServiceUrl)
        .algorithms(&[Algorithm::EdDsa])
        .build()
        .unwrap();
    eddsa_only
        .verify(&EDDSA.with_claims(&claims()), &KEYS, at(NOW))
        .unwrap();
    let refused = eddsa_only
        .verify(&RS256.with_claims(&claims()), &KEYS, at(NOW))
        .unwrap_err();
    assert_eq!(refused, VerifyError::Invalid(Reason::Algorithm));
}

/// RFC 8725 §3.1: one key, one algorithm. The name of one and the key of another is refused.
#[test]
fn algorithm_of_another_key() {
    let forges = [&*RS256, &*ES256, &*EDDSA];
    for signer in forges {
        for named in forges.iter().filter(|named| named.alg != signer.alg) {
            let header = signer.header().set("kid", text(named.public.kid()));
            let token = signer.token(header.json(), claims().json());
            let refused = agile_verifier().verify(&token, &KEYS, at(NOW)).unwrap_err();
            assert_eq!(refused, VerifyError::Invalid(Reason::Algorithm));
            let header = header.set("alg", text(named.alg.jws()));
            let token = signer.token(header.json(), claims().json());
            let refused = agile_verifier().verify(&token, &KEYS, at(NOW)).unwrap_err();
            assert_eq!(refused, VerifyError::Invalid(Reason::Signature));
        }
    }
}

/// ASVS 9.1.3: the id is looked up among the published keys, and nothing else is done with it.
#[test]
fn key_ids() {
    assert_eq!(
        refusal(&RS256_OTHER.with_claims(&claims())),
        Reason::UnknownKey
    );
    let borrowed = RS256_OTHER.header().set("kid", text(RS256.public.kid()));
    assert_eq!(
        refusal(&RS256_OTHER.token(borrowed.json(), claims().json())),
        Reason::Signature
    );
    let own = RS256.public.kid();
    let (long, lower, cut) = ("k".repeat(5000), own.to_lowercase(), &own[1..]);
    let padded = format!("{own} ");
    let ids = [
        "",
        " ",
        "..",
        "../../../../etc/passwd",
        "/dev/null",
        "file:///dev/null",
        "' OR '1'='1",
        "1; DROP TABLE signing_keys",
        "https://evil.example/jwks.json",
        "\0",
        "*",
        &long,
        &lower,
        cut,
        &padded,
    ];
    for kid in ids {
        let header = RS256.header().set("kid", text(kid));
        assert_eq!(
            refusal(&RS256.token(header.json(), claims().json())),
            Reason::UnknownKey
        );
    }
    for json in ["null", "0", "true", "[]", "{}", &format!("[{}]", text(own))] {
        let header = RS256.header().set("kid", json);
        assert_eq!(
            refusal(&RS256.token(header.json(), claims().json())),
            Reason::KeyId
        );
    }
    let header = RS256.header().without("kid");
    assert_eq!(
        refusal(&RS256.token(header.json(), claims().json())),
        Reason::KeyId
    );
}

/// A token that brings its own key (or the address of one) is refused, whoever signed it.
#[test]
fn keys_in_the_header() {
    let jwk = RS256_OTHER.public.jwk_json();
    let der = text(&{
        use base64::Engine as _;
        base64::engine::general_purpose::STANDARD.encode(RS256_OTHER.public.spki_der())
    });
    let parameters = [
        ("jwk", jwk),
        ("jku", text("https://evil.example/jwks.json")),
        ("x5u", text("https://evil.example/cert.pem")),
        ("x5c", format!("[{der}]")),
        ("x5t", text("AAAA")),
        ("x5t#S256", text("AAAA")),
        ("crit", r#"["exp"]"#.to_owned()),
        ("crit", "[]".to_owned()),
        ("b64", "false".to_owned()),
        ("b64", "true".to_owned()),
        ("zip", text("DEF")),
        ("enc", text("A256GCM")),
        ("jwk", "null".to_owned()),
    ];
    for (name, json) in parameters {
        let by_attacker = RS256_OTHER.header().set(name, json.clone());
        let borrowed = by_attacker.clone().set("kid", text(RS256.public.kid()));
        let by_issuer = RS256.header().set(name, json);
        for token in [
            RS256_OTHER.token(by_attacker.json(), claims().json()),
            RS256_OTHER.token(borrowed.json(), claims().json()),
            RS256.token(by_issuer.json(), claims().json()),
        ] {
            assert_eq!(refusal(&token), Reason::ForbiddenHeader, "{name}");
        }
    }
}

/// RFC 9068 §4, RFC 8725 §3.11: no other kind of token passes for an access token.
#[test]
fn types() {
    for typ in [
        "at+jwt",
        "AT+JWT",
        "At+Jwt",
        "application/at+jwt",
        "APPLICATION/AT+jwt",
    ] {
        let header = RS256.header().set("typ", text(typ));
        verify(&RS256.token(header.json(), claims().json())).unwrap();
    }
    let others = [
        "JWT",
        "jwt",
        "",
        "at",
        "at+jwt ",
        " at+jwt",
        "at+jwt;v=1",
        "id+jwt",
        "logout+jwt",
        "secevent+jwt",
        "dpop+jwt",
        "oauth-authz-req+jwt",
        "application/",
        "application/jwt",
        "application/application/at+jwt",
        "text/at+jwt",
        "at\u{200b}+jwt",
        "ａt+jwt",
        "at+jwt\0",
    ];
    for typ in others {
        let header = RS256.header().set("typ", text(typ));
        assert_eq!(
            refusal(&RS256.token(header.json(), claims().json())),
            Reason::Type,
            "{typ}"
        );
    }
    for json in ["null", "1", r#"["at+jwt"]"#] {
        let header = RS256.header().set("typ", json);
        assert_eq!(
            refusal(&RS256.token(header.json(), claims().json())),
            Reason::Type
        );
    }
    let header = RS256.header().without("typ");
    assert_eq!(
        refusal(&RS256.token(header.json(), claims().json())),
        Reason::Type
    );
}
