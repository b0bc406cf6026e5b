//! The master key: how it is read, made, and refused when it is no secret.

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use doorward_domain::SecureRandom;
use doorward_domain::secret::{SecretText, hex};
use zeroize::Zeroizing;

/// Bytes of a master key (256 bits, ASVS 11.2.3).
const MASTER_KEY_LEN: usize = 32;

/// The key from which all others are derived. It lives outside the database (ASVS 13.3.1), is
/// wiped when dropped and does not print.
pub struct MasterKey(Zeroizing<[u8; MASTER_KEY_LEN]>);

/// Why a text is not accepted as master key. Says nothing about its contents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MasterKeyError {
    /// Neither 64 hex characters nor 32 bytes of base64.
    #[error("the master key must be 32 bytes, as 64 hex characters or as base64")]
    Malformed,
    /// Its bytes are a known or guessable pattern.
    #[error("the master key is not random: make one with `openssl rand -hex 32`")]
    Guessable,
}

/// Words that people hash to get "a key".
const WELL_KNOWN_WORDS: [&str; 12] = [
    "", "admin", "changeme", "default", "demo", "dev", "doorward", "key", "password", "secret",
    "test", "master",
];

impl MasterKey {
    /// A fresh one.
    #[must_use]
    pub fn generate(random: &dyn SecureRandom) -> Self {
        let mut bytes = Zeroizing::new([0; MASTER_KEY_LEN]);
        random.fill(bytes.as_mut());
        Self(bytes)
    }

    /// Reads 64 hex characters, or base64 (standard or URL alphabet, padding optional) of 32
    /// bytes. White space around it is ignored, because the key often comes from a file.
    ///
    /// # Errors
    /// [`MasterKeyError`] when it is malformed or no secret.
    pub fn from_hex_or_base64(text: &str) -> Result<Self, MasterKeyError> {
        let text = text.trim();
        let bytes = if text.len() == 2 * MASTER_KEY_LEN {
            from_hex(text)
        } else {
            from_base64(text)
        }
        .ok_or(MasterKeyError::Malformed)?;
        if is_guessable(&bytes) {
            Err(MasterKeyError::Guessable)
        } else {
            Ok(Self(bytes))
        }
    }

    /// As 64 hex characters, to be written to the place it is kept in.
    #[must_use]
    pub fn to_hex(&self) -> SecretText {
        SecretText::new(hex(self.0.as_ref()))
    }

    pub(super) fn expose(&self) -> &[u8] {
        self.0.as_ref()
    }
}

impl std::fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MasterKey([redacted])")
    }
}

fn from_hex(text: &str) -> Option<Zeroizing<[u8; MASTER_KEY_LEN]>> {
    let mut out = Zeroizing::new([0; MASTER_KEY_LEN]);
    for (byte, pair) in out.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        for digit in pair {
            let value = char::from(*digit)
                .to_digit(16)
                .and_then(|v| u8::try_from(v).ok())?;
            *byte = (*byte << 4) | value;
        }
    }
    Some(out)
}

fn from_base64(text: &str) -> Option<Zeroizing<[u8; MASTER_KEY_LEN]>> {
    // 43 characters, with padding 44. Anything else would only be decoded to be thrown away.
    if !(43..=44).contains(&text.len()) {
        return None;
    }
    let config =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let standard = GeneralPurpose::new(&base64::alphabet::STANDARD, config);
    let url = GeneralPurpose::new(&base64::alphabet::URL_SAFE, config);
    let bytes = Zeroizing::new(standard.decode(text).or_else(|_| url.decode(text)).ok()?);
    Some(Zeroizing::new(bytes.as_slice().try_into().ok()?))
}

/// Whether the bytes are a pattern rather than randomness. A random key is refused with a
/// probability below 2⁻⁴⁰.
fn is_guessable(key: &[u8; MASTER_KEY_LEN]) -> bool {
    let mut seen = [false; 256];
    for byte in key {
        if let Some(slot) = seen.get_mut(usize::from(*byte)) {
            *slot = true;
        }
    }
    let distinct = seen.iter().filter(|slot| **slot).count();
    let (low, high) = key.split_at(MASTER_KEY_LEN / 2);
    let mut steps = key
        .iter()
        .zip(key.iter().skip(1))
        .map(|(a, b)| b.wrapping_sub(*a));
    let first_step = steps.next();
    distinct < 16
        || low == high
        || steps.all(|step| Some(step) == first_step)
        || key.iter().all(|byte| (b' '..=b'~').contains(byte))
        || WELL_KNOWN_WORDS
            .iter()
            .any(|word| digest::digest(&digest::SHA256, word.as_bytes()).as_ref() == key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use doorward_domain::OsRandom;

    fn read(bytes: &[u8]) -> Result<MasterKey, MasterKeyError> {
        MasterKey::from_hex_or_base64(&hex(bytes))
    }

    #[test]
    fn hex_and_every_base64_give_the_same_key() {
        let bytes: [u8; 32] =
            std::array::from_fn(|i| u8::try_from((i * i * 7 + 251) % 256).unwrap());
        let engines = [
            base64::engine::general_purpose::STANDARD,
            base64::engine::general_purpose::STANDARD_NO_PAD,
            base64::engine::general_purpose::URL_SAFE,
            base64::engine::general_purpose::URL_SAFE_NO_PAD,
        ];
        let texts = engines.iter().map(|engine| engine.encode(bytes)).chain([
            hex(&bytes),
            hex(&bytes).to_uppercase(),
            format!("  {}\n", hex(&bytes)),
        ]);
        for text in texts {
            assert_eq!(
                MasterKey::from_hex_or_base64(&text).unwrap().expose(),
                bytes,
                "{text}"
            );
        }
    }

    #[test]
    fn malformed_is_refused() {
        let good = hex(&[1; 32]);
        for bad in [
            "",
            "secret",
            &good[..62],
            &format!("{good}00"),
            &"g".repeat(64),
            &"é".repeat(32),
            &"!".repeat(43),
        ] {
            assert_eq!(
                MasterKey::from_hex_or_base64(bad).unwrap_err(),
                MasterKeyError::Malformed
            );
        }
    }

    #[test]
    fn patterns_are_refused() {
        let ascending: [u8; 32] = std::array::from_fn(|i| u8::try_from(i).unwrap());
        let from_one: [u8; 32] = std::array::from_fn(|i| u8::try_from(i + 1).unwrap());
        let descending: [u8; 32] = std::array::from_fn(|i| u8::try_from(255 - i).unwrap());
        let steps: [u8; 32] = std::array::from_fn(|i| u8::try_from(i * 17 % 256).unwrap());
        let few: [u8; 32] = std::array::from_fn(|i| u8::try_from(i * i % 15).unwrap());
        let mut twice = [0; 32];
        for (i, byte) in twice.iter_mut().enumerate() {
            *byte = u8::try_from((i % 16) * (i % 16) + 1).unwrap();
        }
        let text = b"correct horse battery staple 123";
        for bad in [
            [0; 32], [255; 32], [0x42; 32], ascending, from_one, descending, steps, few, twice,
            *text,
        ] {
            assert_eq!(
                read(&bad).unwrap_err(),
                MasterKeyError::Guessable,
                "{bad:?}"
            );
        }
        let hashed = digest::digest(&digest::SHA256, b"changeme");
        assert_eq!(
            read(hashed.as_ref()).unwrap_err(),
            MasterKeyError::Guessable
        );
    }

    #[test]
    fn generated_keys_are_accepted_and_silent() {
        for _ in 0..200 {
            let key = MasterKey::generate(&OsRandom);
            let text = key.to_hex();
            assert_eq!(
                MasterKey::from_hex_or_base64(text.expose())
                    .unwrap()
                    .expose(),
                key.expose()
            );
            assert_eq!(format!("{key:?}"), "MasterKey([redacted])");
        }
    }
}
