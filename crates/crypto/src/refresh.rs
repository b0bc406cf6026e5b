//! Refresh tokens on the wire.
//!
//! `dwr_` + base64url(version 1 | key id 4 | session id 16 | generation 4 | nonce 16 | MAC 16) +
//! checksum. The MAC is HMAC-SHA256, cut to 128 bits, over a label, the app's id and everything
//! before it. So a token of another app, an invented one or a changed one is refused without
//! touching the database, and an old generation with a valid MAC proves that it was once issued.

use aws_lc_rs::{digest, hmac};
use doorward_domain::secret::{SecretText, constant_time_eq};
use doorward_domain::session::{NONCE_LEN, Presented};
use doorward_domain::{AppId, SessionId};
use zeroize::Zeroizing;

use crate::checksum;
use crate::keyring::{KEY_ID_LEN, KeyId, Keyring, Subkeys};
use crate::otp::truncate;

/// What every refresh token starts with.
pub const REFRESH_PREFIX: &str = "dwr_";

const VERSION: u8 = 1;
const MAC_LEN: usize = 16;
const SIGNED_LEN: usize = 1 + KEY_ID_LEN + 16 + 4 + NONCE_LEN;
const BODY_LEN: usize = SIGNED_LEN + MAC_LEN;

impl Keyring {
    /// Writes the refresh token of a session's generation.
    ///
    /// A generation outside 1 to 2³²−1 yields a token that [`Keyring::parse_refresh`] refuses: the
    /// session then ends by itself instead of starting to count anew.
    #[must_use]
    pub fn mint_refresh(
        &self,
        app: AppId,
        session: SessionId,
        generation: i64,
        nonce: [u8; NONCE_LEN],
    ) -> SecretText {
        let keys = self.current();
        let mut body = Zeroizing::new(Vec::with_capacity(BODY_LEN));
        body.push(VERSION);
        body.extend_from_slice(&keys.id);
        body.extend_from_slice(session.as_bytes());
        body.extend_from_slice(&u32::try_from(generation).unwrap_or(0).to_be_bytes());
        body.extend_from_slice(&nonce);
        let mac = mac(keys, app, &body);
        body.extend_from_slice(&mac);
        SecretText::new(checksum::encode(REFRESH_PREFIX, &body))
    }

    /// Reads a refresh token of this app. `None` when it is malformed, of another app, or not
    /// ours; nothing tells which.
    #[must_use]
    pub fn parse_refresh(&self, app: AppId, text: &str) -> Option<Presented> {
        let body = checksum::decode::<BODY_LEN>(REFRESH_PREFIX, text)?;
        let (signed, tag) = body.split_at_checked(SIGNED_LEN)?;
        let (version, rest) = signed.split_first()?;
        let (key_id, rest) = rest.split_first_chunk::<KEY_ID_LEN>()?;
        let (session, rest) = rest.split_first_chunk::<16>()?;
        let (generation, rest) = rest.split_first_chunk::<4>()?;
        let (nonce, _) = rest.split_first_chunk::<NONCE_LEN>()?;
        let generation = i64::from(u32::from_be_bytes(*generation));
        let genuine = *version == VERSION && self.is_genuine(*key_id, app, signed, tag);
        (genuine && generation >= 1).then(|| Presented {
            session_id: SessionId::from_uuid(uuid::Uuid::from_bytes(*session)),
            generation,
            nonce_hash: nonce_hash(nonce),
        })
    }

    fn is_genuine(&self, key_id: KeyId, app: AppId, signed: &[u8], tag: &[u8]) -> bool {
        self.with_id(key_id)
            .any(|keys| constant_time_eq(&mac(keys, app, signed), tag))
    }
}

/// All parts have fixed lengths, so their plain sequence is unambiguous.
fn mac(keys: &Subkeys, app: AppId, signed: &[u8]) -> [u8; MAC_LEN] {
    let mut mac = hmac::Context::with_key(&keys.refresh);
    mac.update(b"doorward refresh token");
    mac.update(app.as_bytes());
    mac.update(signed);
    truncate(&mac.sign())
}

/// SHA-256 of a nonce, as stored (128 random bits need no slow hash, ASVS 6.5.2).
#[must_use]
pub fn nonce_hash(nonce: &[u8; NONCE_LEN]) -> [u8; 32] {
    sha256(&[nonce])
}

/// Hash of an `Idempotency-Key`, bound to app and session. It depends on no key, so that a retry
/// across a rotation of the master key still finds its answer; what it guards is sealed.
#[must_use]
pub fn idempotency_hash(app: AppId, session: SessionId, key: &str) -> [u8; 32] {
    sha256(&[
        b"doorward/idempotency/v1",
        app.as_bytes(),
        session.as_bytes(),
        key.as_bytes(),
    ])
}

/// SHA-256 of the parts, one after the other.
pub(crate) fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let mut context = digest::Context::new(&digest::SHA256);
    for part in parts {
        context.update(part);
    }
    let mut out = [0; 32];
    out.iter_mut()
        .zip(context.finish().as_ref())
        .for_each(|(to, from)| *to = *from);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MasterKey;
    use doorward_domain::OsRandom;

    /// Only a holder of the key can write one: a token of a later release, after a step back.
    #[test]
    fn a_genuine_token_of_another_version_is_refused() {
        let keyring = Keyring::new(MasterKey::generate(&OsRandom), vec![]);
        let (app, session) = (AppId::from_uuid(uuid::Uuid::from_u128(1)), [2; 16]);
        let read = |version: u8| {
            let keys = keyring.current();
            let nonce = [4; NONCE_LEN];
            let parts: [&[u8]; 5] = [&[version], &keys.id, &session, &[0, 0, 0, 3], &nonce];
            let mut body = parts.concat();
            let tag = mac(keys, app, &body);
            body.extend_from_slice(&tag);
            keyring.parse_refresh(app, &checksum::encode(REFRESH_PREFIX, &body))
        };
        assert_eq!(read(VERSION).map(|presented| presented.generation), Some(3));
        assert_eq!(read(VERSION + 1), None);
        assert_eq!(read(0), None);
    }
}
