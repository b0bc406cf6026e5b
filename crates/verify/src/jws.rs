//! Compact JWS (RFC 7515 §7.1), without any claim: the lower half of [`crate::Verifier`].

pub use crate::header::Header;

use crate::MAX_TOKEN_LEN;
use crate::encoding;
use crate::error::Reason;
use crate::jwks::JwksSet;

/// A token whose signature is right. That alone does not make it acceptable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedJws {
    /// Its header.
    pub header: Header,
    /// Its payload.
    pub payload: Vec<u8>,
}

/// Checks form, algorithm and signature. The key is the one that `kid` names; its own algorithm is
/// the only one that is accepted.
///
/// # Errors
/// The [`Reason`] for which it is refused.
pub fn verify_compact(token: &str, keys: &JwksSet) -> Result<VerifiedJws, Reason> {
    let parts = Parts::split(token)?;
    let header = Header::parse(parts.header)?;
    verify_parts(&parts, header, keys)
}

/// [`verify_compact`] for a document of this `typ` and up to this length: whatever else our keys
/// have signed is not one (RFC 8725 §3.11).
pub(crate) fn verify_typed(
    token: &str,
    typ: &str,
    keys: &JwksSet,
    max_len: usize,
) -> Result<VerifiedJws, Reason> {
    let header = header_of_type(token, typ, max_len)?;
    verify_parts(&Parts::split_within(token, max_len)?, header, keys)
}

/// The header, unverified, of a document of this `typ` and up to this length.
pub(crate) fn header_of_type(token: &str, typ: &str, max_len: usize) -> Result<Header, Reason> {
    let header = Header::parse(Parts::split_within(token, max_len)?.header)?;
    if header.is_of_type(typ) {
        Ok(header)
    } else {
        Err(Reason::Type)
    }
}

fn verify_parts(parts: &Parts<'_>, header: Header, keys: &JwksSet) -> Result<VerifiedJws, Reason> {
    let key = keys.find(&header.kid).ok_or(Reason::UnknownKey)?;
    if key.alg() != header.alg {
        return Err(Reason::Algorithm);
    }
    let signature = encoding::decode(parts.signature).ok_or(Reason::Encoding)?;
    if !key.verifies(parts.signed.as_bytes(), &signature) {
        return Err(Reason::Signature);
    }
    // Only now is the payload worth looking at (ASVS 9.1.1).
    let payload = encoding::decode(parts.payload).ok_or(Reason::Encoding)?;
    Ok(VerifiedJws { header, payload })
}

/// A token, taken apart.
pub(crate) struct Parts<'a> {
    pub(crate) header: &'a str,
    pub(crate) payload: &'a str,
    signature: &'a str,
    /// Header and payload with the dot between them.
    signed: &'a str,
}

impl<'a> Parts<'a> {
    pub(crate) fn split(token: &'a str) -> Result<Self, Reason> {
        Self::split_within(token, MAX_TOKEN_LEN)
    }

    fn split_within(token: &'a str, max_len: usize) -> Result<Self, Reason> {
        if token.len() > max_len {
            return Err(Reason::TooLarge);
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(Reason::NotCompact)?;
        let (header, payload) = signed.split_once('.').ok_or(Reason::NotCompact)?;
        // An empty signature is how `none` looks (RFC 7515 §A.5).
        if payload.contains('.') || header.is_empty() || signature.is_empty() {
            return Err(Reason::NotCompact);
        }
        Ok(Self {
            header,
            payload,
            signature,
            signed,
        })
    }
}
