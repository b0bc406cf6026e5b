//! Fixed keys, ids and randomness.

use doorward_crypto::{Keyring, MasterKey};
use doorward_domain::{AppId, OsRandom, SecureRandom, SessionId};
use uuid::Uuid;

/// A random-looking key, the same one that the independent calculation of the known answers used.
pub(crate) const MASTER: &str = "8f1d0c5be2a94733961e70fa2bd85c4419e6a3077db1f0285e6c93d4ba4f8217";

pub(crate) fn fixed_keyring() -> Keyring {
    Keyring::new(MasterKey::from_hex_or_base64(MASTER).unwrap(), vec![])
}

pub(crate) fn fresh_keyring() -> Keyring {
    Keyring::new(MasterKey::generate(&OsRandom), vec![])
}

/// Bytes 1, 2, 3 … from the start in every call.
pub(crate) struct Counting;

impl SecureRandom for Counting {
    fn fill(&self, out: &mut [u8]) {
        for (byte, value) in out.iter_mut().zip(1..) {
            *byte = value;
        }
    }
}

pub(crate) fn app() -> AppId {
    AppId::from_uuid(Uuid::from_u128(0x018f_2e60_0000_7000_8000_0000_0000_000a))
}

pub(crate) fn other_app() -> AppId {
    AppId::from_uuid(Uuid::from_u128(0x018f_2e60_0000_7000_8000_0000_0000_000c))
}

pub(crate) fn session() -> SessionId {
    SessionId::from_uuid(Uuid::from_u128(0x018f_2e60_0000_7000_8000_0000_0000_000b))
}

/// Our token text over any body, with a right checksum, written without the crate's own code.
pub(crate) fn with_checksum(prefix: &str, body: &[u8]) -> String {
    use base64::Engine as _;
    let text = format!(
        "{prefix}{}",
        base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(body)
    );
    reseal_checksum(&text)
}

pub(crate) fn reseal_checksum(covered: &str) -> String {
    let alphabet: Vec<char> = ('0'..='9').chain('A'..='Z').chain('a'..='z').collect();
    let mut rest = usize::try_from(crc32fast::hash(covered.as_bytes())).unwrap();
    let mut sum = Vec::new();
    for _ in 0..6 {
        sum.push(alphabet[rest % 62]);
        rest /= 62;
    }
    covered.chars().chain(sum.into_iter().rev()).collect()
}
