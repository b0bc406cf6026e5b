//! The public side of a signing key: read from SPKI, named by its thumbprint, shown as JWK and PEM.

use aws_lc_rs::rsa::PublicKey as RsaPublicKey;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use doorward_domain::signing::SigningAlg;

use super::SigningError;
use super::jwk::Jwk;

/// A public key whose kind and size fit its algorithm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey {
    alg: SigningAlg,
    spki: Vec<u8>,
    jwk: Jwk,
    kid: String,
}

/// SPKI of a P-256 key up to its uncompressed point's 64 bytes (RFC 5480 §2).
const P256_HEAD: &[u8] = &[
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a,
    0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04,
];
/// SPKI of an Ed25519 key up to its 32 bytes (RFC 8410 §4).
const ED25519_HEAD: &[u8] = &[
    0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
];

impl PublicKey {
    /// Reads a SubjectPublicKeyInfo (RFC 5280 §4.1.2.7). Its kind and size must be those of `alg`.
    ///
    /// # Errors
    /// [`SigningError::PublicKey`].
    pub fn from_spki(alg: SigningAlg, spki: &[u8]) -> Result<Self, SigningError> {
        let jwk = match alg {
            SigningAlg::Rs256Bits2048 => rsa(spki, 2048),
            SigningAlg::Rs256Bits3072 => rsa(spki, 3072),
            SigningAlg::Rs256Bits4096 => rsa(spki, 4096),
            SigningAlg::Es256 => p256(spki),
            SigningAlg::EdDsa => ed25519(spki),
        }
        .ok_or(SigningError::PublicKey)?;
        let kid = jwk.thumbprint();
        Ok(Self {
            alg,
            spki: spki.to_vec(),
            jwk,
            kid,
        })
    }

    /// What it verifies.
    #[must_use]
    pub const fn alg(&self) -> SigningAlg {
        self.alg
    }

    /// RFC 7638 thumbprint (SHA-256, base64url): the key's id.
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// SubjectPublicKeyInfo in DER, as stored.
    #[must_use]
    pub fn spki_der(&self) -> &[u8] {
        &self.spki
    }

    /// As JWK (RFC 7517): public members, `use`, `alg`, `kid`.
    #[must_use]
    pub fn jwk_json(&self) -> String {
        self.jwk.to_json(self.alg.jws(), &self.kid)
    }

    /// As PEM (RFC 7468 §13), lines of 64 characters, with a final line feed.
    #[must_use]
    pub fn pem(&self) -> String {
        let mut out = String::from("-----BEGIN PUBLIC KEY-----\n");
        for (i, c) in STANDARD.encode(&self.spki).chars().enumerate() {
            if i > 0 && i % 64 == 0 {
                out.push('\n');
            }
            out.push(c);
        }
        out.push_str("\n-----END PUBLIC KEY-----\n");
        out
    }

    /// The PEM as one line of base64: the value of `JWT_PUBLIC_KEY`.
    #[must_use]
    pub fn base64_pem(&self) -> String {
        STANDARD.encode(self.pem())
    }
}

fn rsa(spki: &[u8], bits: usize) -> Option<Jwk> {
    let key = RsaPublicKey::from_der(spki).ok()?;
    // It also reads the bare RFC 8017 form; what we store and publish is SPKI.
    let canonical: aws_lc_rs::encoding::PublicKeyX509Der<'_> =
        aws_lc_rs::encoding::AsDer::as_der(&key).ok()?;
    let (modulus, exponent) = super::jwk::rsa_components(key.as_ref())?;
    let fits = canonical.as_ref() == spki && modulus.len() * 8 == bits && modulus.first()? >= &0x80;
    fits.then(|| Jwk::rsa(modulus, exponent))
}

fn p256(spki: &[u8]) -> Option<Jwk> {
    let point = spki.strip_prefix(P256_HEAD)?;
    let (x, y) = point.split_first_chunk::<32>()?;
    ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, spki).ok()?;
    (y.len() == 32).then(|| Jwk::p256(x, y))
}

fn ed25519(spki: &[u8]) -> Option<Jwk> {
    let x: &[u8; 32] = spki.strip_prefix(ED25519_HEAD)?.try_into().ok()?;
    ParsedPublicKey::new(&ED25519, x).ok()?;
    Some(Jwk::ed25519(x))
}
