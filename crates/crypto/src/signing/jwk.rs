//! JWK, JWK set and thumbprint (RFC 7517, RFC 7638, RFC 8037).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::public::PublicKey;
use crate::refresh::sha256;

/// The public members of a key, base64url.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Jwk {
    Rsa { e: String, n: String },
    P256 { x: String, y: String },
    Ed25519 { x: String },
}

impl Jwk {
    pub(super) fn rsa(modulus: &[u8], exponent: &[u8]) -> Self {
        Self::Rsa {
            e: URL_SAFE_NO_PAD.encode(exponent),
            n: URL_SAFE_NO_PAD.encode(modulus),
        }
    }

    pub(super) fn p256(x: &[u8], y: &[u8]) -> Self {
        Self::P256 {
            x: URL_SAFE_NO_PAD.encode(x),
            y: URL_SAFE_NO_PAD.encode(y),
        }
    }

    pub(super) fn ed25519(x: &[u8]) -> Self {
        Self::Ed25519 {
            x: URL_SAFE_NO_PAD.encode(x),
        }
    }

    /// The required members in lexicographic order without white space (RFC 7638 §3.2), which is
    /// also how a JWK of ours begins. All values are base64url or fixed words: nothing to escape.
    fn required_members(&self) -> String {
        match self {
            Self::Rsa { e, n } => format!(r#""e":"{e}","kty":"RSA","n":"{n}""#),
            Self::P256 { x, y } => {
                format!(r#""crv":"P-256","kty":"EC","x":"{x}","y":"{y}""#)
            }
            Self::Ed25519 { x } => format!(r#""crv":"Ed25519","kty":"OKP","x":"{x}""#),
        }
    }

    pub(super) fn thumbprint(&self) -> String {
        URL_SAFE_NO_PAD.encode(sha256(&[b"{", self.required_members().as_bytes(), b"}"]))
    }

    pub(super) fn to_json(&self, alg: &str, kid: &str) -> String {
        format!(
            r#"{{{},"use":"sig","alg":"{alg}","kid":"{kid}"}}"#,
            self.required_members()
        )
    }
}

/// A JWK set, ordered by `kid`: the same keys always give the same bytes (and the same ETag).
#[must_use]
pub fn jwks_json<'a>(keys: impl IntoIterator<Item = &'a PublicKey>) -> String {
    let mut keys: Vec<_> = keys.into_iter().collect();
    keys.sort_by(|a, b| a.kid().cmp(b.kid()));
    keys.dedup_by(|a, b| a.kid() == b.kid());
    let keys: Vec<_> = keys.into_iter().map(PublicKey::jwk_json).collect();
    format!(r#"{{"keys":[{}]}}"#, keys.join(","))
}

/// Modulus and exponent, without leading zeros, of an RSAPublicKey in DER (RFC 8017 §A.1.1).
pub(super) fn rsa_components(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (sequence, rest) = element(0x30, der)?;
    let (modulus, after) = element(0x02, sequence)?;
    let (exponent, end) = element(0x02, after)?;
    (rest.is_empty() && end.is_empty()).then_some((unsigned(modulus)?, unsigned(exponent)?))
}

/// The contents of a DER element of this tag, and what follows it. Lengths up to 65,535.
fn element(tag: u8, der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (found, rest) = der.split_first()?;
    let (first, rest) = rest.split_first()?;
    let (len, rest) = match first {
        0..=0x7f => (usize::from(*first), rest),
        0x81 => rest
            .split_first()
            .map(|(a, rest)| (usize::from(*a), rest))?,
        0x82 => rest
            .split_first_chunk::<2>()
            .map(|(len, rest)| (usize::from(u16::from_be_bytes(*len)), rest))?,
        _ => return None,
    };
    (*found == tag)
        .then(|| rest.split_at_checked(len))
        .flatten()
}

fn unsigned(integer: &[u8]) -> Option<&[u8]> {
    match integer.split_first()? {
        (0, rest) if !rest.is_empty() => Some(rest),
        (0x80.., _) => None,
        _ => Some(integer),
    }
}
