//! The claims of an access token, each of its type.

use jiff::Timestamp;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::error::Reason;
use crate::jws::Parts;
use crate::{encoding, json};

/// An access token that passed every check.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct VerifiedToken {
    /// The issuer.
    pub iss: String,
    /// The user.
    pub sub: Uuid,
    /// Whom it is for.
    pub aud: Vec<String>,
    /// The app.
    pub app_id: Uuid,
    /// Its slug.
    pub app_slug: String,
    /// The organization it speaks for.
    pub tenant_id: Option<Uuid>,
    /// The user's roles in that organization.
    pub roles: Vec<String>,
    /// The session.
    pub sid: Uuid,
    /// Issued at.
    pub iat: Timestamp,
    /// Not valid before.
    pub nbf: Timestamp,
    /// Not valid at or after.
    pub exp: Timestamp,
    /// Unique id of the token. Tell tokens apart by this, not by their text: an ECDSA signature
    /// has two valid forms.
    pub jti: Uuid,
    /// When the person proved who they are.
    pub auth_time: Timestamp,
    /// How (RFC 8176).
    pub amr: Vec<String>,
    /// Claims beyond these, as they are.
    pub other: Map<String, Value>,
}

impl VerifiedToken {
    /// Whether the user has this role in the token's organization.
    #[must_use]
    pub fn has_role(&self, role: &str) -> bool {
        self.roles.iter().any(|own| own == role)
    }

    pub(crate) fn parse(payload: &[u8]) -> Result<Self, Reason> {
        let mut claims = Claims(json::object(payload).ok_or(Reason::ClaimsJson)?);
        Ok(Self {
            iss: claims.text("iss")?,
            sub: claims.uuid("sub")?,
            aud: claims.texts("aud")?,
            app_id: claims.uuid("app_id")?,
            app_slug: claims.text("app_slug")?,
            tenant_id: claims.uuid_or_null("tenant_id")?,
            roles: claims.texts("roles")?,
            sid: claims.uuid("sid")?,
            iat: claims.time("iat")?,
            nbf: claims.time("nbf")?,
            exp: claims.time("exp")?,
            jti: claims.uuid("jti")?,
            auth_time: claims.time("auth_time")?,
            amr: claims.texts("amr")?,
            other: claims.0,
        })
    }
}

/// The app that a token **says** it is for, unverified: only to choose the [`crate::Verifier`] of
/// that app, in a consumer that serves several. `None` when it says nothing readable.
#[must_use]
pub fn unverified_app_id(token: &str) -> Option<Uuid> {
    let payload = encoding::decode(Parts::split(token).ok()?.payload)?;
    Claims(json::object(&payload)?).uuid("app_id").ok()
}

struct Claims(Map<String, Value>);

impl Claims {
    fn take(&mut self, name: &'static str) -> Result<Value, Reason> {
        self.0.remove(name).ok_or(Reason::Claim(name))
    }

    fn text(&mut self, name: &'static str) -> Result<String, Reason> {
        text(self.take(name)?).ok_or(Reason::Claim(name))
    }

    fn uuid(&mut self, name: &'static str) -> Result<Uuid, Reason> {
        uuid(&self.take(name)?).ok_or(Reason::Claim(name))
    }

    fn uuid_or_null(&mut self, name: &'static str) -> Result<Option<Uuid>, Reason> {
        match self.take(name)? {
            Value::Null => Ok(None),
            value => uuid(&value).map(Some).ok_or(Reason::Claim(name)),
        }
    }

    fn texts(&mut self, name: &'static str) -> Result<Vec<String>, Reason> {
        match self.take(name)? {
            Value::Array(items) => items.into_iter().map(text).collect::<Option<_>>(),
            _ => None,
        }
        .ok_or(Reason::Claim(name))
    }

    /// Whole seconds since 1970, as Doorward writes them; a fraction or a text is not ours.
    fn time(&mut self, name: &'static str) -> Result<Timestamp, Reason> {
        self.take(name)?
            .as_i64()
            .filter(|seconds| *seconds >= 0)
            .and_then(|seconds| Timestamp::from_second(seconds).ok())
            .ok_or(Reason::Claim(name))
    }
}

fn text(value: Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(text),
        _ => None,
    }
}

/// A UUID in its one canonical form: 36 lower-case characters (RFC 9562 §4).
fn uuid(value: &Value) -> Option<Uuid> {
    let text = value.as_str()?;
    let id: Uuid = text.parse().ok()?;
    (id.hyphenated().encode_lower(&mut Uuid::encode_buffer()) == text).then_some(id)
}
