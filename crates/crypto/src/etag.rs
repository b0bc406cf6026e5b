//! Entity tags of documents that are made anew.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::refresh::sha256;

/// A strong entity tag (RFC 9110 §8.8.3), quoted: 132 bits of SHA-256 over what makes a document
/// what it is. Two documents that differ only in a randomised signature have the same.
#[must_use]
pub fn etag(parts: &[&[u8]]) -> String {
    let text = URL_SAFE_NO_PAD.encode(sha256(parts));
    format!("\"{}\"", text.get(..22).unwrap_or(&text))
}
