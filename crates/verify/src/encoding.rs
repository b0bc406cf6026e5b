//! Strict base64url.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// Decodes base64url without padding, white space or non-zero tail bits: each byte string has
/// exactly one accepted text (RFC 7515 §2, RFC 4648 §3.5).
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// Encodes without padding.
pub(crate) fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_text_per_value() {
        assert_eq!(decode("Zg").unwrap(), b"f");
        for bad in [
            "Zg==", "Zg=", "Zh", "Zi", "Z", " Zg", "Zg ", "Z g", "Zg\n", "Zm+v", "Zm/v", "Zgé",
        ] {
            assert!(decode(bad).is_none(), "{bad:?}");
        }
    }
}
