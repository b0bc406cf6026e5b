//! A public key with the one algorithm it may be used for (RFC 8725 §3.1), parsed once.

use aws_lc_rs::digest;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256,
    RsaPublicKeyComponents,
};

use crate::der;
use crate::encoding::encode;
use crate::jwks::KeyError;

/// A signature algorithm that Doorward issues tokens with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256; keys of 2,048, 3,072 or 4,096 bits.
    Rs256,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// Ed25519.
    EdDsa,
}

impl Algorithm {
    /// As in the header of a token. Exact: names are case-sensitive (RFC 7515 §4.1.1), and there
    /// is no name for "none" or for a MAC.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Rs256, Self::Es256, Self::EdDsa]
            .into_iter()
            .find(|alg| alg.as_str() == name)
    }

    /// As in the header of a token.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
        }
    }
}

/// A public key that verifies one algorithm.
#[derive(Debug, Clone)]
pub struct VerificationKey {
    kid: String,
    alg: Algorithm,
    key: ParsedPublicKey,
}

/// SPKI of a P-256 key up to its point (RFC 5480 §2).
const P256_HEAD: &[u8] = &[
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a,
    0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];
/// SPKI of an Ed25519 key up to its 32 bytes (RFC 8410 §4).
const ED25519_HEAD: &[u8] = &[
    0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
];

impl VerificationKey {
    /// An RSA key from its big-endian numbers without leading zeros. `kid` defaults to the
    /// thumbprint (RFC 7638), which is what Doorward names its keys by.
    pub(crate) fn rsa(kid: Option<String>, n: &[u8], e: &[u8]) -> Result<Self, KeyError> {
        let first = n
            .first()
            .filter(|byte| **byte != 0)
            .ok_or(KeyError::Malformed)?;
        let bits = n
            .len()
            .saturating_mul(8)
            .saturating_sub(first.leading_zeros() as usize);
        if ![2048, 3072, 4096].contains(&bits) {
            return Err(KeyError::Size);
        }
        // The exponent that every key of Doorward has; small ones invite attacks, large ones cost.
        let odd = n.last().is_some_and(|byte| byte & 1 == 1);
        if !odd || e != [1, 0, 1] {
            return Err(KeyError::Malformed);
        }
        let key = RsaPublicKeyComponents { n, e }
            .to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256)
            .map_err(|_| KeyError::Malformed)?;
        let members = format!(r#"{{"e":"{}","kty":"RSA","n":"{}"}}"#, encode(e), encode(n));
        Ok(Self {
            kid: kid.unwrap_or_else(|| thumbprint(&members)),
            alg: Algorithm::Rs256,
            key,
        })
    }

    /// A P-256 key from its coordinates.
    pub(crate) fn p256(kid: Option<String>, x: &[u8], y: &[u8]) -> Result<Self, KeyError> {
        if x.len() != 32 || y.len() != 32 {
            return Err(KeyError::Size);
        }
        let key = ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, [&[4], x, y].concat())
            .map_err(|_| KeyError::Malformed)?;
        let members = format!(
            r#"{{"crv":"P-256","kty":"EC","x":"{}","y":"{}"}}"#,
            encode(x),
            encode(y)
        );
        Ok(Self {
            kid: kid.unwrap_or_else(|| thumbprint(&members)),
            alg: Algorithm::Es256,
            key,
        })
    }

    /// An Ed25519 key.
    pub(crate) fn ed25519(kid: Option<String>, x: &[u8]) -> Result<Self, KeyError> {
        if x.len() != 32 {
            return Err(KeyError::Size);
        }
        let key = ParsedPublicKey::new(&ED25519, x).map_err(|_| KeyError::Malformed)?;
        let members = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, encode(x));
        Ok(Self {
            kid: kid.unwrap_or_else(|| thumbprint(&members)),
            alg: Algorithm::EdDsa,
            key,
        })
    }

    /// A SubjectPublicKeyInfo in DER, named by its thumbprint.
    pub(crate) fn from_spki(spki: &[u8]) -> Result<Self, KeyError> {
        if let Some((n, e)) = der::rsa_components(spki) {
            Self::rsa(None, n, e)
        } else if let Some([4, point @ ..]) = spki.strip_prefix(P256_HEAD) {
            let (x, y) = point.split_at_checked(32).ok_or(KeyError::Malformed)?;
            Self::p256(None, x, y)
        } else if let Some(x) = spki.strip_prefix(ED25519_HEAD) {
            Self::ed25519(None, x)
        } else {
            Err(KeyError::Malformed)
        }
    }

    /// What tokens name it by.
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The one algorithm it verifies.
    #[must_use]
    pub const fn alg(&self) -> Algorithm {
        self.alg
    }

    /// Whether `signature` is this key's over `message`.
    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        self.key.verify_sig(message, signature).is_ok()
    }
}

fn thumbprint(members: &str) -> String {
    encode(digest::digest(&digest::SHA256, members.as_bytes()).as_ref())
}
