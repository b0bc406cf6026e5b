//! Public keys as PEM (RFC 7468 §13), also wrapped in one line of base64 (`JWT_PUBLIC_KEY`).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::jwks::KeyError;

const BEGIN: &str = "-----BEGIN PUBLIC KEY-----";
const END: &str = "-----END PUBLIC KEY-----";

/// The DER of every public key in a PEM text. Anything else in it (a private key, a certificate,
/// stray text) refuses the whole.
pub(crate) fn public_keys(text: &str) -> Result<Vec<Vec<u8>>, KeyError> {
    let mut out = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let body = rest.strip_prefix(BEGIN).ok_or_else(|| {
            if rest.contains("PRIVATE KEY-----") {
                KeyError::Private
            } else {
                KeyError::Malformed
            }
        })?;
        let (body, after) = body.split_once(END).ok_or(KeyError::Malformed)?;
        let body: String = body.split_ascii_whitespace().collect();
        out.push(STANDARD.decode(body).map_err(|_| KeyError::Malformed)?);
        rest = after.trim_start();
    }
    Ok(out)
}

/// The PEM inside a `JWT_PUBLIC_KEY`: the PEM itself, or its base64 in one line.
pub(crate) fn unwrap(value: &str) -> Result<String, KeyError> {
    let value = value.trim();
    if value.starts_with("-----BEGIN") {
        return Ok(value.to_owned());
    }
    let bytes = STANDARD.decode(value).map_err(|_| KeyError::Malformed)?;
    String::from_utf8(bytes).map_err(|_| KeyError::Malformed)
}
