use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents,
    UnparsedPublicKey, VerificationAlgorithm,
};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use doorward_crypto::signing::jwks_json;
use doorward_crypto::{AccessClaims, PublicKey, SigningError, SigningKey};
use doorward_domain::entitlement::Entitlements;
use doorward_domain::role::RoleName;
use doorward_domain::signing::SigningAlg;
use doorward_domain::{SessionId, TenantId, UserId};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{app, session};

const ALL: [SigningAlg; 5] = [
    SigningAlg::Rs256Bits2048,
    SigningAlg::Rs256Bits3072,
    SigningAlg::Rs256Bits4096,
    SigningAlg::Es256,
    SigningAlg::EdDsa,
];

fn generate(alg: SigningAlg) -> (SigningKey, Vec<u8>) {
    let (key, pkcs8) = SigningKey::generate(alg).unwrap();
    (key, pkcs8.to_vec())
}

fn verification(alg: SigningAlg) -> &'static dyn VerificationAlgorithm {
    match alg {
        SigningAlg::Es256 => &ECDSA_P256_SHA256_FIXED,
        SigningAlg::EdDsa => &ED25519,
        _ => &RSA_PKCS1_2048_8192_SHA256,
    }
}

/// Every algorithm: exported and read again, the key signs, and what it signs verifies under the
/// exported public key. A key never passes as one of another algorithm or size.
#[test]
fn keys_of_every_algorithm() {
    let keys: Vec<_> = ALL.into_iter().map(|alg| (alg, generate(alg))).collect();
    for (alg, (key, pkcs8)) in &keys {
        for other in ALL {
            let read = SigningKey::from_pkcs8(other, pkcs8);
            let public = PublicKey::from_spki(other, key.public().spki_der());
            if other == *alg {
                assert_eq!(read.unwrap().kid(), key.kid());
                assert_eq!(&public.unwrap(), key.public());
            } else {
                assert_eq!(
                    read.unwrap_err(),
                    SigningError::PrivateKey,
                    "{alg:?} as {other:?}"
                );
                assert_eq!(
                    public.unwrap_err(),
                    SigningError::PublicKey,
                    "{alg:?} as {other:?}"
                );
            }
        }
        let token = key.sign_jws("at+jwt", br#"{"sub":"x"}"#).unwrap();
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let (header, payload) = signed.split_once('.').unwrap();
        assert_eq!(
            String::from_utf8(URL_SAFE_NO_PAD.decode(header).unwrap()).unwrap(),
            format!(
                r#"{{"alg":"{}","typ":"at+jwt","kid":"{}"}}"#,
                alg.jws(),
                key.kid()
            )
        );
        assert_eq!(URL_SAFE_NO_PAD.decode(payload).unwrap(), br#"{"sub":"x"}"#);
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        UnparsedPublicKey::new(verification(*alg), key.public().spki_der())
            .verify(signed.as_bytes(), &signature)
            .unwrap();
        assert!(!format!("{key:?}").contains("pair"));
    }
}

#[test]
fn malformed_keys_are_refused() {
    let (_, pkcs8) = generate(SigningAlg::Es256);
    let (ed, ed_pkcs8) = generate(SigningAlg::EdDsa);
    for alg in ALL {
        for bad in [
            b"".as_slice(),
            b"\x30\x00",
            &pkcs8[..pkcs8.len() - 1],
            &ed_pkcs8[..20],
        ] {
            assert_eq!(
                SigningKey::from_pkcs8(alg, bad).unwrap_err(),
                SigningError::PrivateKey
            );
            assert_eq!(
                PublicKey::from_spki(alg, bad).unwrap_err(),
                SigningError::PublicKey
            );
        }
    }
    let longer = [ed.public().spki_der(), &[0]].concat();
    assert!(PublicKey::from_spki(SigningAlg::EdDsa, &longer).is_err());
    let (ec, _) = generate(SigningAlg::Es256);
    let mut off_curve = ec.public().spki_der().to_vec();
    *off_curve.last_mut().unwrap() ^= 1;
    assert!(PublicKey::from_spki(SigningAlg::Es256, &off_curve).is_err());
}

/// An RSA key without its SubjectPublicKeyInfo around it (RFC 8017 §A.1.1) is not what we publish.
#[test]
fn a_bare_rsa_key_is_refused() {
    let (key, _) = generate(SigningAlg::Rs256Bits2048);
    let bare = aws_lc_rs::rsa::PublicKey::from_der(key.public().spki_der()).unwrap();
    let refused = PublicKey::from_spki(SigningAlg::Rs256Bits2048, bare.as_ref());
    assert_eq!(refused.unwrap_err(), SigningError::PublicKey);
}

/// RFC 7638 §3.1.
#[test]
fn thumbprint_of_the_rfc_rsa_key() {
    let n = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";
    let components = RsaPublicKeyComponents {
        n: URL_SAFE_NO_PAD.decode(n).unwrap(),
        e: URL_SAFE_NO_PAD.decode("AQAB").unwrap(),
    };
    let spki: PublicKeyX509Der<'_> = components.as_der().unwrap();
    let key = PublicKey::from_spki(SigningAlg::Rs256Bits2048, spki.as_ref()).unwrap();
    assert_eq!(key.kid(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    let jwk: Value = serde_json::from_str(&key.jwk_json()).unwrap();
    assert_eq!(
        jwk,
        json!({"kty": "RSA", "n": n, "e": "AQAB", "alg": "RS256", "use": "sig", "kid": key.kid()})
    );
}

/// RFC 8037 §A.2, §A.3.
#[test]
fn thumbprint_of_the_rfc_ed25519_key() {
    let x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
    let head = [
        0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
    ];
    let spki = [head.as_slice(), &URL_SAFE_NO_PAD.decode(x).unwrap()].concat();
    let key = PublicKey::from_spki(SigningAlg::EdDsa, &spki).unwrap();
    assert_eq!(key.kid(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
}

#[test]
fn jwks_is_stable_and_public() {
    let keys: Vec<_> = [
        SigningAlg::Rs256Bits2048,
        SigningAlg::Es256,
        SigningAlg::EdDsa,
    ]
    .into_iter()
    .map(|alg| generate(alg).0)
    .collect();
    let forward = jwks_json(keys.iter().map(SigningKey::public));
    let backward = jwks_json(keys.iter().rev().chain(&keys).map(SigningKey::public));
    assert_eq!(forward, backward);
    let set: Value = serde_json::from_str(&forward).unwrap();
    let jwks = set["keys"].as_array().unwrap();
    let kids: Vec<_> = jwks
        .iter()
        .map(|jwk| jwk["kid"].as_str().unwrap())
        .collect();
    assert!(kids.is_sorted() && kids.len() == 3);
    for jwk in jwks {
        let members: Vec<_> = jwk
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        let expected = match jwk["kty"].as_str().unwrap() {
            "RSA" => ["alg", "e", "kid", "kty", "n", "use"].as_slice(),
            "EC" => &["alg", "crv", "kid", "kty", "use", "x", "y"],
            _ => &["alg", "crv", "kid", "kty", "use", "x"],
        };
        assert_eq!(members, expected);
        assert_eq!(jwk["use"], "sig");
    }
    assert_eq!(jwks_json([]), r#"{"keys":[]}"#);
}

#[test]
fn pem_and_its_one_line_form() {
    for alg in [
        SigningAlg::Rs256Bits2048,
        SigningAlg::Es256,
        SigningAlg::EdDsa,
    ] {
        let (key, _) = generate(alg);
        let pem = key.public().pem();
        let lines: Vec<_> = pem.lines().collect();
        let (first, last) = (lines[0], lines[lines.len() - 1]);
        assert_eq!(
            (first, last),
            ("-----BEGIN PUBLIC KEY-----", "-----END PUBLIC KEY-----")
        );
        let body = &lines[1..lines.len() - 1];
        assert!(body.iter().rev().skip(1).all(|line| line.len() == 64));
        assert!(body.iter().all(|line| (1..=64).contains(&line.len())));
        assert_eq!(
            STANDARD.decode(body.concat()).unwrap(),
            key.public().spki_der()
        );
        let line = key.public().base64_pem();
        assert!(!line.contains(char::is_whitespace));
        assert_eq!(STANDARD.decode(line).unwrap(), pem.as_bytes());
    }
}

#[test]
fn access_claims_have_their_order_and_null() {
    let (key, _) = generate(SigningAlg::EdDsa);
    let id = Uuid::from_u128(1);
    let mut claims = AccessClaims {
        iss: "https://auth.example.com",
        sub: UserId::from_uuid(id),
        aud: ["https://auth.example.com", "shop"],
        app_id: app(),
        app_slug: "shop",
        tenant_id: None,
        roles: &[],
        permissions: &[],
        entitlements: &Entitlements::default(),
        sid: session(),
        iat: 1,
        nbf: 2,
        exp: 3,
        jti: id,
        auth_time: 0,
        amr: &["otp", "sms"],
    };
    assert_eq!(
        String::from_utf8(claims.to_json().unwrap()).unwrap(),
        concat!(
            r#"{"iss":"https://auth.example.com","sub":"00000000-0000-0000-0000-000000000001","#,
            r#""aud":["https://auth.example.com","shop"],"app_id":"018f2e60-0000-7000-8000-00000000000a","#,
            r#""app_slug":"shop","tenant_id":null,"roles":[],"sid":"018f2e60-0000-7000-8000-00000000000b","#,
            r#""iat":1,"nbf":2,"exp":3,"jti":"00000000-0000-0000-0000-000000000001","auth_time":0,"#,
            r#""amr":["otp","sms"]}"#,
        )
    );
    let roles = [RoleName::owner(), RoleName::parse("team-lead").unwrap()];
    let entitlements = Entitlements::parse(&json!({"export": true, "projects": 20})).unwrap();
    claims.tenant_id = Some(TenantId::from_uuid(id));
    claims.roles = &roles;
    claims.permissions = &["invoices:read"];
    claims.entitlements = &entitlements;
    claims.sid = SessionId::from_uuid(id);
    let token = claims.sign(&key).unwrap();
    let payload = token.split('.').nth(1).unwrap();
    let payload: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap();
    assert_eq!(payload["tenant_id"], id.to_string());
    assert_eq!(payload["roles"], json!(["owner", "team-lead"]));
    assert_eq!(payload["permissions"], json!(["invoices:read"]));
    assert_eq!(
        payload["entitlements"],
        json!({"export": true, "projects": 20})
    );
}

#[test]
fn other_types_get_a_header_of_their_own() {
    let (key, _) = generate(SigningAlg::EdDsa);
    let header = |typ: &str| {
        let token = key.sign_jws(typ, b"{}").unwrap();
        let bytes = URL_SAFE_NO_PAD
            .decode(token.split('.').next().unwrap())
            .unwrap();
        serde_json::from_slice::<Value>(&bytes).unwrap()
    };
    for typ in ["at+jwt", "logout+jwt", "a\",\"alg\":\"none"] {
        assert_eq!(
            header(typ),
            json!({"alg": "EdDSA", "typ": typ, "kid": key.kid()})
        );
    }
}
