//! The set of keys a verifier may use.

use serde_json::{Map, Value};

use crate::key::{Algorithm, VerificationKey};
use crate::{encoding, json, pem};

/// Longest JWK set that is looked at, in bytes.
const MAX_JWKS_LEN: usize = 256 * 1024;
/// Most keys in a set, so that a look-up stays short.
const MAX_KEYS: usize = 64;

/// Why keys are not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// Not what it should be (JSON with `keys`, PEM, base64, numbers of a key).
    #[error("the keys are malformed")]
    Malformed,
    /// An RSA key of other than 2,048, 3,072 or 4,096 bits, or a coordinate of a wrong length.
    #[error("a key has a size that is not accepted")]
    Size,
    /// A private key where a public one belongs. It is compromised: replace it.
    #[error("a private key was given where a public one belongs")]
    Private,
    /// Two keys with one `kid`.
    #[error("two keys have the same id")]
    DuplicateKid,
    /// More than 64 keys or 256 KiB.
    #[error("too many keys")]
    TooLarge,
    /// No key of a kind that Doorward signs with.
    #[error("there is no usable key")]
    NoUsableKey,
}

/// Public keys, each with its `kid` and its one algorithm. Never empty.
#[derive(Debug, Clone)]
pub struct JwksSet {
    keys: Vec<VerificationKey>,
}

impl JwksSet {
    /// Reads a JWK set (RFC 7517 §5), e.g. `GET /.well-known/jwks.json`.
    ///
    /// Keys of kinds and uses that Doorward does not sign with are ignored. A malformed, weak or
    /// private key among the others refuses the whole set.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn from_json(text: &str) -> Result<Self, KeyError> {
        if text.len() > MAX_JWKS_LEN {
            return Err(KeyError::TooLarge);
        }
        let set = json::object(text.as_bytes()).ok_or(KeyError::Malformed)?;
        let Some(Value::Array(jwks)) = set.get("keys") else {
            return Err(KeyError::Malformed);
        };
        let mut keys = Vec::new();
        for jwk in jwks {
            let jwk = jwk.as_object().ok_or(KeyError::Malformed)?;
            keys.extend(from_jwk(jwk)?);
        }
        Self::new(keys)
    }

    /// Reads one or more public keys in PEM; each is named by its thumbprint, as Doorward does.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn from_pem(text: &str) -> Result<Self, KeyError> {
        let ders = pem::public_keys(text)?;
        Self::new(
            ders.iter()
                .map(|der| VerificationKey::from_spki(der))
                .collect::<Result<_, _>>()?,
        )
    }

    /// Reads the value of `JWT_PUBLIC_KEY`: a PEM as one line of base64 (or the PEM itself).
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn from_jwt_public_key(value: &str) -> Result<Self, KeyError> {
        Self::from_pem(&pem::unwrap(value)?)
    }

    fn new(keys: Vec<VerificationKey>) -> Result<Self, KeyError> {
        if keys.len() > MAX_KEYS {
            return Err(KeyError::TooLarge);
        }
        if keys.is_empty() {
            return Err(KeyError::NoUsableKey);
        }
        let mut kids: Vec<_> = keys.iter().map(VerificationKey::kid).collect();
        kids.sort_unstable();
        if kids.windows(2).any(|pair| pair.first() == pair.last()) {
            return Err(KeyError::DuplicateKid);
        }
        Ok(Self { keys })
    }

    /// The key with this id. The id is compared and nothing else is done with it.
    #[must_use]
    pub fn find(&self, kid: &str) -> Option<&VerificationKey> {
        self.keys.iter().find(|key| key.kid() == kid)
    }

    /// The keys.
    pub fn iter(&self) -> impl Iterator<Item = &VerificationKey> {
        self.keys.iter()
    }
}

/// The key of a JWK, or `None` when it is of a kind or for a use that is not ours.
fn from_jwk(jwk: &Map<String, Value>) -> Result<Option<VerificationKey>, KeyError> {
    let text = |name: &str| jwk.get(name).and_then(Value::as_str);
    // A key without `alg` could be used with several: it is none of ours, Doorward always says it.
    let Some(alg) = text("alg").and_then(Algorithm::parse) else {
        return Ok(None);
    };
    if !is_for_verification(jwk) {
        return Ok(None);
    }
    if jwk.contains_key("d") {
        return Err(KeyError::Private);
    }
    let kid = match jwk.get("kid") {
        None => None,
        Some(Value::String(kid)) if !kid.is_empty() => Some(kid.clone()),
        Some(_) => return Err(KeyError::Malformed),
    };
    let number = |name: &str| {
        text(name)
            .and_then(encoding::decode)
            .ok_or(KeyError::Malformed)
    };
    match (alg, text("kty"), text("crv")) {
        (Algorithm::Rs256, Some("RSA"), _) => {
            VerificationKey::rsa(kid, &number("n")?, &number("e")?)
        }
        (Algorithm::Es256, Some("EC"), Some("P-256")) => {
            VerificationKey::p256(kid, &number("x")?, &number("y")?)
        }
        (Algorithm::EdDsa, Some("OKP"), Some("Ed25519")) => {
            VerificationKey::ed25519(kid, &number("x")?)
        }
        // Ed448 is an EdDSA key too, but not one that we verify.
        (Algorithm::EdDsa, Some("OKP"), Some("Ed448")) => return Ok(None),
        _ => Err(KeyError::Malformed),
    }
    .map(Some)
}

/// `use` and `key_ops`, where given, must allow verification (RFC 7517 §4.2, §4.3).
fn is_for_verification(jwk: &Map<String, Value>) -> bool {
    let used = jwk.get("use").is_none_or(|value| value == "sig");
    let operations = jwk.get("key_ops").is_none_or(|value| {
        value
            .as_array()
            .is_some_and(|ops| ops.iter().any(|operation| operation == "verify"))
    });
    used && operations
}
