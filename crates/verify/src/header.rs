//! The header of a token: what it may say and what refuses it.

use serde_json::Value;

use crate::error::Reason;
use crate::key::Algorithm;
use crate::{encoding, json};

/// Parameters that bring their own key, fetch one, or change how the token is to be read. A token
/// of ours has none of them; whoever adds one is trying something (ASVS 9.1.3, RFC 8725 §3.10).
const FORBIDDEN: [&str; 12] = [
    "jwk", "jku", "x5u", "x5c", "x5t", "x5t#S256", "crit", "b64", "zip", "enc", "epk", "p2c",
];

/// What the header of a verified token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// The algorithm.
    pub alg: Algorithm,
    /// The key's id.
    pub kid: String,
    /// The kind of token.
    pub typ: Option<String>,
}

impl Header {
    pub(crate) fn parse(encoded: &str) -> Result<Self, Reason> {
        let bytes = encoding::decode(encoded).ok_or(Reason::Encoding)?;
        let mut members = json::object(&bytes).ok_or(Reason::HeaderJson)?;
        if FORBIDDEN.iter().any(|name| members.contains_key(*name)) {
            return Err(Reason::ForbiddenHeader);
        }
        let alg = members
            .get("alg")
            .and_then(Value::as_str)
            .and_then(Algorithm::parse)
            .ok_or(Reason::Algorithm)?;
        let Some(Value::String(kid)) = members.remove("kid") else {
            return Err(Reason::KeyId);
        };
        let typ = match members.remove("typ") {
            None => None,
            Some(Value::String(typ)) => Some(typ),
            Some(_) => return Err(Reason::Type),
        };
        Ok(Self { alg, kid, typ })
    }

    /// Whether `typ` is this one: a media type, so case does not matter and `application/` may
    /// stand before it (RFC 9068 §4, RFC 7515 §4.1.9).
    pub(crate) fn is_of_type(&self, expected: &str) -> bool {
        const PREFIX: &str = "application/";
        self.typ.as_deref().is_some_and(|typ| {
            let bare = match typ.split_at_checked(PREFIX.len()) {
                Some((prefix, bare)) if prefix.eq_ignore_ascii_case(PREFIX) => bare,
                _ => typ,
            };
            bare.eq_ignore_ascii_case(expected)
        })
    }
}
