//! Opaque high-entropy tokens: admin keys, reset tokens, links.
//!
//! `prefix` + base64url(row id 16 | secret 32) + checksum. The row id makes the look-up one by
//! primary key, so that no secret is ever searched for by comparison in an index; the row holds
//! only the hash (256 random bits need no slow one, ASVS 6.5.2).

use doorward_domain::SecureRandom;
use doorward_domain::secret::{AppSecret, SecretText};
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::checksum;
use crate::refresh::sha256;

const SECRET_LEN: usize = 32;
const BODY_LEN: usize = 16 + SECRET_LEN;

/// Prefix of an operator's API key.
pub const ADMIN_KEY_PREFIX: &str = "dwa_";
/// Prefix of a password-reset token.
pub const PASSWORD_RESET_PREFIX: &str = "dwp_";

/// Makes and reads opaque tokens.
#[derive(Debug, Clone, Copy)]
pub struct OpaqueToken;

impl OpaqueToken {
    /// A new token for the row `id`, and the hash to store there.
    #[must_use]
    pub fn generate(prefix: &str, id: Uuid, random: &dyn SecureRandom) -> (SecretText, [u8; 32]) {
        let mut body = Zeroizing::new([0; BODY_LEN]);
        let (id_part, secret) = body.split_at_mut(16);
        id_part.copy_from_slice(id.as_bytes());
        random.fill(secret);
        (
            SecretText::new(checksum::encode(prefix, body.as_ref())),
            hash(prefix, body.as_ref()),
        )
    }

    /// The row a token names, and the hash that must equal (in constant time) the one stored there.
    /// `None` when it is malformed or has another prefix.
    #[must_use]
    pub fn parse(prefix: &str, text: &str) -> Option<(Uuid, [u8; 32])> {
        let body = checksum::decode::<BODY_LEN>(prefix, text)?;
        let (id, _) = body.split_first_chunk::<16>()?;
        Some((Uuid::from_bytes(*id), hash(prefix, body.as_ref())))
    }
}

fn hash(prefix: &str, body: &[u8]) -> [u8; 32] {
    sha256(&[b"doorward/opaque/v1/", prefix.as_bytes(), body])
}

/// Hash of an app's secret, as stored.
#[must_use]
pub fn app_secret_hash(secret: &AppSecret) -> [u8; 32] {
    sha256(&[b"doorward/app-secret/v1/", secret.expose().as_bytes()])
}
