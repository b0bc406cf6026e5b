//! The private side of a signing key.

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use doorward_domain::signing::SigningAlg;
use zeroize::Zeroizing;

use super::SigningError;
use super::public::PublicKey;
use crate::jwt::ACCESS_TOKEN_TYP;

/// A key that signs. Parsed once; one call of [`SigningKey::sign_jws`] costs one signature and
/// about a microsecond.
pub struct SigningKey {
    pair: Pair,
    public: PublicKey,
    /// The encoded header of access tokens and its dot, the same for every one of them.
    access_header: String,
}

enum Pair {
    Rsa(RsaKeyPair),
    Ecdsa(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl SigningKey {
    /// A new key and its private part as PKCS#8, to be sealed and stored.
    ///
    /// The randomness is aws-lc's own generator (a DRBG fed by the operating system): it does not
    /// take another. An RSA key takes a tenth of a second or several; call it off the async threads.
    ///
    /// # Errors
    /// [`SigningError::Generate`].
    pub fn generate(alg: SigningAlg) -> Result<(Self, Zeroizing<Vec<u8>>), SigningError> {
        let pkcs8 = match alg {
            SigningAlg::Rs256Bits2048 => rsa_pkcs8(KeySize::Rsa2048)?,
            SigningAlg::Rs256Bits3072 => rsa_pkcs8(KeySize::Rsa3072)?,
            SigningAlg::Rs256Bits4096 => rsa_pkcs8(KeySize::Rsa4096)?,
            SigningAlg::Es256 => Zeroizing::new(
                EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)
                    .and_then(|pair| pair.to_pkcs8v1())
                    .map_err(|_| SigningError::Generate)?
                    .as_ref()
                    .to_vec(),
            ),
            SigningAlg::EdDsa => Zeroizing::new(
                Ed25519KeyPair::generate()
                    .and_then(|pair| pair.to_pkcs8v1())
                    .map_err(|_| SigningError::Generate)?
                    .as_ref()
                    .to_vec(),
            ),
        };
        Ok((Self::from_pkcs8(alg, &pkcs8)?, pkcs8))
    }

    /// Reads a private key. Its kind and size must be those of `alg`.
    ///
    /// # Errors
    /// [`SigningError::PrivateKey`].
    pub fn from_pkcs8(alg: SigningAlg, pkcs8: &[u8]) -> Result<Self, SigningError> {
        let refused = |_| SigningError::PrivateKey;
        let (pair, spki) = match alg {
            SigningAlg::Rs256Bits2048 | SigningAlg::Rs256Bits3072 | SigningAlg::Rs256Bits4096 => {
                let pair = RsaKeyPair::from_pkcs8(pkcs8).map_err(refused)?;
                let spki = spki(pair.public_key())?;
                (Pair::Rsa(pair), spki)
            }
            SigningAlg::Es256 => {
                let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8)
                    .map_err(refused)?;
                let spki = spki(pair.public_key())?;
                (Pair::Ecdsa(pair), spki)
            }
            SigningAlg::EdDsa => {
                let pair = Ed25519KeyPair::from_pkcs8(pkcs8).map_err(refused)?;
                let spki = spki(pair.public_key())?;
                (Pair::Ed25519(pair), spki)
            }
        };
        let public = PublicKey::from_spki(alg, &spki).map_err(|_| SigningError::PrivateKey)?;
        let access_header = encoded_header(&public, ACCESS_TOKEN_TYP);
        Ok(Self {
            pair,
            public,
            access_header,
        })
    }

    /// The public side.
    #[must_use]
    pub const fn public(&self) -> &PublicKey {
        &self.public
    }

    /// The key's id (RFC 7638 thumbprint).
    #[must_use]
    pub fn kid(&self) -> &str {
        self.public.kid()
    }

    /// What it signs with.
    #[must_use]
    pub const fn alg(&self) -> SigningAlg {
        self.public.alg()
    }

    /// A compact JWS over `payload_json` with the header `{"alg","typ","kid"}`.
    ///
    /// # Errors
    /// [`SigningError::Sign`]; aws-lc checks an RSA signature before it gives it out.
    pub fn sign_jws(&self, typ: &str, payload_json: &[u8]) -> Result<String, SigningError> {
        let other;
        let header = if typ == ACCESS_TOKEN_TYP {
            &self.access_header
        } else {
            other = encoded_header(&self.public, typ);
            &other
        };
        let mut token = String::with_capacity(header.len() + payload_json.len() * 4 / 3 + 700);
        token.push_str(header);
        URL_SAFE_NO_PAD.encode_string(payload_json, &mut token);
        let signature = self.sign(token.as_bytes())?;
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        Ok(token)
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SigningError> {
        // aws-lc takes the argument for compatibility with ring and uses its own generator.
        let random = SystemRandom::new();
        match &self.pair {
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature)
                    .map_err(|_| SigningError::Sign)?;
                Ok(signature)
            }
            Pair::Ecdsa(pair) => pair
                .sign(&random, message)
                .map(|signature| signature.as_ref().to_vec())
                .map_err(|_| SigningError::Sign),
            Pair::Ed25519(pair) => pair
                .try_sign(message)
                .map(|signature| signature.as_ref().to_vec())
                .map_err(|_| SigningError::Sign),
        }
    }
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SigningKey")
            .field("kid", &self.kid())
            .finish_non_exhaustive()
    }
}

fn rsa_pkcs8(size: KeySize) -> Result<Zeroizing<Vec<u8>>, SigningError> {
    let pair = RsaKeyPair::generate(size).map_err(|_| SigningError::Generate)?;
    let der = AsDer::<Pkcs8V1Der<'_>>::as_der(&pair).map_err(|_| SigningError::Generate)?;
    Ok(Zeroizing::new(der.as_ref().to_vec()))
}

fn spki<K: AsDer<PublicKeyX509Der<'static>>>(key: &K) -> Result<Vec<u8>, SigningError> {
    key.as_der()
        .map(|der| der.as_ref().to_vec())
        .map_err(|_| SigningError::PrivateKey)
}

/// `kid` is base64url and `alg` one of three words; `typ` is the caller's and is escaped.
fn encoded_header(public: &PublicKey, typ: &str) -> String {
    let typ = serde_json::Value::from(typ);
    let header = format!(
        r#"{{"alg":"{}","typ":{typ},"kid":"{}"}}"#,
        public.alg().jws(),
        public.kid()
    );
    let mut out = URL_SAFE_NO_PAD.encode(header);
    out.push('.');
    out
}
