//! Sealing at rest: AES-256-GCM under a key of its own for every message.
//!
//! Layout: version (1) | key id (4) | salt (24) | ciphertext | tag (16).
//!
//! Key and nonce of a message are HKDF-Expand(sub-key of the purpose, label | salt). With random
//! 96-bit nonces under one key, GCM must stop at 2³² messages (SP 800-38D §8.3), which an outbox
//! reaches; with a 192-bit salt a pair collides with probability 2⁻³² only after 2⁸⁰ messages, so
//! nobody has to count (ASVS 11.3.4). It costs one HMAC more per message, about half a microsecond.

use aws_lc_rs::{aead, hkdf};
use doorward_domain::SecureRandom;
use zeroize::Zeroizing;

use crate::keyring::{KEY_ID_LEN, KeyId, Keyring, fill};

const VERSION: u8 = 1;
const SALT_LEN: usize = 24;
const HEADER_LEN: usize = 1 + KEY_ID_LEN + SALT_LEN;

/// Bytes that sealing adds to a plaintext.
pub const SEAL_OVERHEAD: usize = HEADER_LEN + 16;

/// What a sealed value is. Each purpose has its own sub-key, so one never opens as another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SealPurpose {
    /// The private part of a signing key.
    SigningKey,
    /// A message waiting to be sent.
    Outbox,
    /// A secret setting of an app (a provider's credentials).
    AppSetting,
    /// A licence key.
    LicenseKey,
    /// The private part of the key that signs an app's licence files.
    LicenseFileKey,
    /// The answer to an operator's call that carried an `Idempotency-Key`.
    OperatorAnswer,
}

impl SealPurpose {
    pub(crate) const fn label(self) -> &'static [u8] {
        match self {
            Self::SigningKey => b"doorward/seal/signing-key/v1",
            Self::Outbox => b"doorward/seal/outbox/v1",
            Self::AppSetting => b"doorward/seal/app-setting/v1",
            Self::LicenseKey => b"doorward/seal/license-key/v1",
            Self::LicenseFileKey => b"doorward/seal/license-file-key/v1",
            Self::OperatorAnswer => b"doorward/seal/operator-answer/v1",
        }
    }
}

/// Why a sealed value could not be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// Too short, or of a version this release does not know.
    #[error("the sealed value is malformed or of an unknown version")]
    Malformed,
    /// No key of the keyring has the id it names.
    #[error("the sealed value was made with a master key that is not in the keyring")]
    UnknownKey,
    /// It was changed, or belongs to another place or purpose.
    #[error("the sealed value does not open here")]
    Refused,
}

impl Keyring {
    /// Seals `plaintext` for the place that `aad` names (the ids of the row and of its app, at
    /// fixed lengths): moved elsewhere, it does not open.
    #[must_use]
    pub fn seal(
        &self,
        purpose: SealPurpose,
        aad: &[u8],
        plaintext: &[u8],
        random: &dyn SecureRandom,
    ) -> Vec<u8> {
        let keys = self.current();
        seal_under(keys.seal(purpose), keys.id, &[], aad, plaintext, random)
    }

    /// Opens what [`Keyring::seal`] made for the same purpose and place.
    ///
    /// # Errors
    /// [`SealError`]; nothing of the contents is given out then.
    pub fn open(
        &self,
        purpose: SealPurpose,
        aad: &[u8],
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, SealError> {
        let sealed = Sealed::parse(sealed)?;
        let mut error = SealError::UnknownKey;
        for keys in self.with_id(sealed.key_id) {
            match open_under(keys.seal(purpose), &[], aad, &sealed) {
                Ok(plaintext) => return Ok(plaintext),
                Err(refused) => error = refused,
            }
        }
        Err(error)
    }

    /// What every value sealed with the current key begins with: version and key id.
    #[must_use]
    pub fn seal_prefix(&self) -> [u8; 1 + KEY_ID_LEN] {
        let mut prefix = [VERSION; 1 + KEY_ID_LEN];
        let id = self.current().id;
        prefix
            .iter_mut()
            .skip(1)
            .zip(id)
            .for_each(|(to, from)| *to = from);
        prefix
    }

    /// Whether a sealed value names a former master key, so that it should be sealed anew.
    #[must_use]
    pub fn is_outdated(&self, sealed: &[u8]) -> bool {
        Sealed::parse(sealed).is_ok_and(|sealed| sealed.key_id != self.current().id)
    }
}

/// A sealed value, taken apart.
pub(crate) struct Sealed<'a> {
    pub(crate) key_id: KeyId,
    salt: &'a [u8],
    header: &'a [u8],
    body: &'a [u8],
}

impl<'a> Sealed<'a> {
    pub(crate) fn parse(sealed: &'a [u8]) -> Result<Self, SealError> {
        let (header, body) = sealed
            .split_at_checked(HEADER_LEN)
            .ok_or(SealError::Malformed)?;
        let (version, rest) = header.split_first().ok_or(SealError::Malformed)?;
        let (key_id, salt) = rest.split_first_chunk().ok_or(SealError::Malformed)?;
        if *version != VERSION {
            return Err(SealError::Malformed);
        }
        Ok(Self {
            key_id: *key_id,
            salt,
            header,
            body,
        })
    }
}

/// Key and nonce of one message.
fn message_key(key: &hkdf::Prk, info: &[u8], salt: &[u8]) -> (aead::LessSafeKey, aead::Nonce) {
    let mut bytes = Zeroizing::new([0; 32 + aead::NONCE_LEN]);
    fill(key, &[b"doorward/message/v1", salt, info], bytes.as_mut());
    let (secret, nonce) = bytes.split_at(32);
    (
        unbound(secret),
        aead::Nonce::assume_unique_for_key(take(nonce)),
    )
}

#[expect(
    clippy::expect_used,
    reason = "the length is fixed by the caller above"
)]
fn unbound(secret: &[u8]) -> aead::LessSafeKey {
    aead::LessSafeKey::new(aead::UnboundKey::new(&aead::AES_256_GCM, secret).expect("32 bytes"))
}

fn take(bytes: &[u8]) -> [u8; aead::NONCE_LEN] {
    let mut out = [0; aead::NONCE_LEN];
    out.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
    out
}

/// The header is authenticated too: version and key id cannot be swapped.
fn bind(header: &[u8], aad: &[u8]) -> Vec<u8> {
    [header, aad].concat()
}

#[expect(
    clippy::expect_used,
    reason = "AES-GCM refuses only messages beyond 64 GiB"
)]
pub(crate) fn seal_under(
    key: &hkdf::Prk,
    key_id: KeyId,
    info: &[u8],
    aad: &[u8],
    plaintext: &[u8],
    random: &dyn SecureRandom,
) -> Vec<u8> {
    let salt: [u8; SALT_LEN] = random.bytes();
    let mut out = Vec::with_capacity(plaintext.len() + SEAL_OVERHEAD);
    out.push(VERSION);
    out.extend_from_slice(&key_id);
    out.extend_from_slice(&salt);
    let aad = aead::Aad::from(bind(&out, aad));
    let (key, nonce) = message_key(key, info, &salt);
    let mut body = plaintext.to_vec();
    key.seal_in_place_append_tag(nonce, aad, &mut body)
        .expect("a short message");
    out.append(&mut body);
    out
}

pub(crate) fn open_under(
    key: &hkdf::Prk,
    info: &[u8],
    aad: &[u8],
    sealed: &Sealed<'_>,
) -> Result<Zeroizing<Vec<u8>>, SealError> {
    let (key, nonce) = message_key(key, info, sealed.salt);
    let mut body = Zeroizing::new(sealed.body.to_vec());
    let aad = aead::Aad::from(bind(sealed.header, aad));
    let len = key
        .open_in_place(nonce, aad, &mut body)
        .map_err(|_| SealError::Refused)?
        .len();
    body.truncate(len);
    Ok(body)
}
