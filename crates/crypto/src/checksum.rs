//! Prefix and checksum of our tokens, as GitHub's have them: a secret scanner recognises a leaked
//! one without asking us, and a mistyped one is refused without a look-up.
//!
//! `prefix` + base64url (no padding) + CRC-32 of both in base 62, six characters.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

/// Characters of the checksum: 62⁶ > 2³².
const CHECKSUM_LEN: usize = 6;
const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Writes `body` with its prefix and checksum.
pub(crate) fn encode(prefix: &str, body: &[u8]) -> String {
    // Room for all of it at once, so that no copy of the secret stays behind in freed memory.
    let mut text = String::with_capacity(prefix.len() + body.len().div_ceil(3) * 4 + CHECKSUM_LEN);
    text.push_str(prefix);
    URL_SAFE_NO_PAD.encode_string(body, &mut text);
    let sum = checksum(text.as_bytes());
    text.extend(sum.iter().map(|byte| char::from(*byte)));
    text
}

/// Reads a body of exactly `N` bytes. `None` for another prefix, length, alphabet or checksum; one
/// body has exactly one text (no padding, no stray bits).
pub(crate) fn decode<const N: usize>(prefix: &str, text: &str) -> Option<Zeroizing<[u8; N]>> {
    let (covered, sum) = text.as_bytes().split_last_chunk::<CHECKSUM_LEN>()?;
    let encoded = covered.strip_prefix(prefix.as_bytes())?;
    // The length first, so that nothing long is summed up or decoded.
    if encoded.len() != (N * 4).div_ceil(3) || *sum != checksum(covered) {
        return None;
    }
    let body = Zeroizing::new(URL_SAFE_NO_PAD.decode(encoded).ok()?);
    Some(Zeroizing::new(body.as_slice().try_into().ok()?))
}

fn checksum(bytes: &[u8]) -> [u8; CHECKSUM_LEN] {
    let mut rest = crc32fast::hash(bytes);
    let mut out = [b'0'; CHECKSUM_LEN];
    for digit in out.iter_mut().rev() {
        let index = usize::try_from(rest % 62).unwrap_or(0);
        *digit = BASE62.get(index).copied().unwrap_or(b'0');
        rest /= 62;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksum_is_crc32_in_base_62() {
        // CRC-32 of "123456789" is 0xCBF43926 = 3421780262 (the check value of the algorithm).
        let mut value: u32 = 0;
        for digit in checksum(b"123456789") {
            let index = BASE62.iter().position(|b| *b == digit).unwrap();
            value = value * 62 + u32::try_from(index).unwrap();
        }
        assert_eq!(value, 0xCBF4_3926);
        assert_eq!(&checksum(b""), b"000000");
    }

    #[test]
    fn one_body_has_one_text() {
        for len_is_not_a_multiple_of_three in [[7u8; 16], [255; 16]] {
            let text = encode("dwx_", &len_is_not_a_multiple_of_three);
            assert_eq!(
                *decode::<16>("dwx_", &text).unwrap(),
                len_is_not_a_multiple_of_three
            );
            // The same bytes with non-zero tail bits and a right checksum are still refused.
            let (covered, _) = text.split_at(text.len() - CHECKSUM_LEN);
            let mut covered = covered.to_owned();
            let last = covered.pop().unwrap();
            covered.push(char::from(u8::try_from(last).unwrap() + 1));
            let sum = checksum(covered.as_bytes());
            let forged = format!("{covered}{}", std::str::from_utf8(&sum).unwrap());
            assert!(decode::<16>("dwx_", &forged).is_none());
        }
    }

    #[test]
    fn prefix_and_length_count() {
        let text = encode("dwx_", &[1; 16]);
        assert!(decode::<16>("dwy_", &text).is_none());
        assert!(decode::<15>("dwx_", &text).is_none());
        for cut in 0..text.len() {
            assert!(decode::<16>("dwx_", &text[..cut]).is_none());
        }
    }
}
