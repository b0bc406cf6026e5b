//! Fixed keys, a fixed time, and a forge that writes any header and any claims.

use std::sync::LazyLock;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPair as RsaKeyPair;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, RSA_PKCS1_SHA256,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use doorward_crypto::PublicKey;
use doorward_crypto::signing::{SigningKey, jwks_json};
use doorward_domain::signing::SigningAlg;
use doorward_verify::{Algorithm, Audience, JwksSet, Reason, VerifiedToken, Verifier, VerifyError};
use jiff::Timestamp;
use uuid::Uuid;

pub(crate) const ISSUER: &str = "https://auth.example.com";
pub(crate) const SLUG: &str = "shop";
pub(crate) const APP: Uuid = Uuid::from_u128(0x018f_2e60_0000_7000_8000_0000_0000_000a);
/// 2026-01-02T03:04:05Z, when the good token was issued.
pub(crate) const IAT: i64 = 1_767_323_045;
/// A minute later.
pub(crate) const NOW: i64 = IAT + 60;
pub(crate) const EXP: i64 = IAT + 1800;

/// A private key that signs whatever it is given.
pub(crate) struct Forge {
    pub(crate) alg: SigningAlg,
    pub(crate) public: PublicKey,
    pkcs8: &'static [u8],
}

macro_rules! forge {
    ($name:ident, $alg:expr, $file:literal) => {
        pub(crate) static $name: LazyLock<Forge> =
            LazyLock::new(|| Forge::new($alg, include_bytes!(concat!("keys/", $file))));
    };
}

forge!(RS256, SigningAlg::Rs256Bits2048, "rs256.pk8");
forge!(RS256_OTHER, SigningAlg::Rs256Bits2048, "rs256-other.pk8");
forge!(ES256, SigningAlg::Es256, "es256.pk8");
forge!(EDDSA, SigningAlg::EdDsa, "eddsa.pk8");

impl Forge {
    fn new(alg: SigningAlg, pkcs8: &'static [u8]) -> Self {
        let public = SigningKey::from_pkcs8(alg, pkcs8).unwrap().public().clone();
        Self { alg, public, pkcs8 }
    }

    pub(crate) fn signing_key(&self) -> SigningKey {
        SigningKey::from_pkcs8(self.alg, self.pkcs8).unwrap()
    }

    pub(crate) fn header(&self) -> Fields {
        Fields::default()
            .set("alg", text(self.alg.jws()))
            .set("typ", text("at+jwt"))
            .set("kid", text(self.public.kid()))
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match self.alg {
            SigningAlg::Es256 => {
                EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, self.pkcs8)
                    .unwrap()
                    .sign(&random, message)
                    .unwrap()
                    .as_ref()
                    .to_vec()
            }
            SigningAlg::EdDsa => Ed25519KeyPair::from_pkcs8(self.pkcs8)
                .unwrap()
                .sign(message)
                .as_ref()
                .to_vec(),
            _ => {
                let pair = RsaKeyPair::from_pkcs8(self.pkcs8).unwrap();
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature)
                    .unwrap();
                signature
            }
        }
    }

    /// A token over these very texts.
    pub(crate) fn token(&self, header: impl AsRef<[u8]>, claims: impl AsRef<[u8]>) -> String {
        let signed = format!("{}.{}", encode(header), encode(claims));
        let signature = self.sign(signed.as_bytes());
        format!("{signed}.{}", encode(signature))
    }

    /// A token with its usual header.
    pub(crate) fn with_claims(&self, claims: &Fields) -> String {
        self.token(self.header().json(), claims.json())
    }
}

/// Members of a JSON object in order, their values as JSON text.
#[derive(Clone, Default)]
pub(crate) struct Fields(pub(crate) Vec<(String, String)>);

impl Fields {
    pub(crate) fn set(mut self, name: &str, json: impl Into<String>) -> Self {
        let json = json.into();
        match self.0.iter_mut().find(|(known, _)| known == name) {
            Some((_, value)) => *value = json,
            None => self.0.push((name.to_owned(), json)),
        }
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        let before = self.0.len();
        self.0.retain(|(known, _)| known != name);
        assert_eq!(self.0.len() + 1, before, "{name} was not there");
        self
    }

    pub(crate) fn json(&self) -> String {
        let members: Vec<_> = self
            .0
            .iter()
            .map(|(name, json)| format!("{}:{json}", text(name)))
            .collect();
        format!("{{{}}}", members.join(","))
    }
}

/// What no `entitlements` of ours are.
pub(crate) const WRONG_ENTITLEMENTS: [&str; 11] = [
    "null",
    "[]",
    "true",
    r#""export""#,
    r#"{"export":null}"#,
    r#"{"export":"true"}"#,
    r#"{"export":[true]}"#,
    r#"{"export":{}}"#,
    r#"{"projects":1.5}"#,
    r#"{"projects":-1}"#,
    r#"{"projects":9007199254740992}"#,
];

/// A text as JSON.
pub(crate) fn text(value: &str) -> String {
    serde_json::Value::from(value).to_string()
}

pub(crate) fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The claims of a good token.
pub(crate) fn claims() -> Fields {
    Fields::default()
        .set("iss", text(ISSUER))
        .set("sub", text("018f2e60-0000-7000-8000-000000000001"))
        .set("aud", format!("[{},{}]", text(ISSUER), text(SLUG)))
        .set("app_id", text(&APP.to_string()))
        .set("app_slug", text(SLUG))
        .set("tenant_id", text("018f2e60-0000-7000-8000-000000000002"))
        .set("roles", r#"["owner"]"#)
        .set("sid", text("018f2e60-0000-7000-8000-000000000003"))
        .set("iat", IAT.to_string())
        .set("nbf", IAT.to_string())
        .set("exp", EXP.to_string())
        .set("jti", text("018f2e60-0000-7000-8000-000000000004"))
        .set("auth_time", (IAT - 10).to_string())
        .set("amr", r#"["otp","sms"]"#)
}

pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

/// What the issuer publishes: one key of each kind. `RS256_OTHER` is not among them.
pub(crate) static KEYS: LazyLock<JwksSet> = LazyLock::new(|| {
    JwksSet::from_json(&jwks_json([&RS256.public, &ES256.public, &EDDSA.public])).unwrap()
});

/// The verifier as most consumers have it.
pub(crate) fn verifier() -> Verifier {
    Verifier::builder(ISSUER, APP, Audience::ServiceUrl)
        .build()
        .unwrap()
}

/// One that allows every algorithm.
pub(crate) fn agile_verifier() -> Verifier {
    Verifier::builder(ISSUER, APP, Audience::ServiceUrl)
        .algorithms(&[Algorithm::Rs256, Algorithm::Es256, Algorithm::EdDsa])
        .build()
        .unwrap()
}

pub(crate) fn verify(token: &str) -> Result<VerifiedToken, VerifyError> {
    verifier().verify(token, &KEYS, at(NOW))
}

/// The reason for which a token is refused as invalid.
#[track_caller]
pub(crate) fn refusal(token: &str) -> Reason {
    match verify(token) {
        Err(VerifyError::Invalid(reason)) => reason,
        other => panic!("not refused as invalid: {other:?}"),
    }
}
