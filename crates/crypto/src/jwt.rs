//! The claims of an access token (product boundary: RFC 9068 with our own names).

use doorward_domain::entitlement::Entitlements;
use doorward_domain::role::RoleName;
use doorward_domain::{AppId, SessionId, TenantId, UserId};
use serde::Serialize;
use uuid::Uuid;

use crate::signing::{SigningError, SigningKey};

/// The `typ` of access tokens (RFC 9068 §2.1).
pub const ACCESS_TOKEN_TYP: &str = "at+jwt";

/// What an access token says. Fields are written in this order; times are whole seconds since
/// 1970 (RFC 7519 NumericDate).
#[derive(Debug, Clone, Serialize)]
pub struct AccessClaims<'a> {
    /// The service's URL, exactly as consumers compare it.
    pub iss: &'a str,
    /// The user.
    pub sub: UserId,
    /// The service's URL and the app's slug.
    pub aud: [&'a str; 2],
    /// The app.
    pub app_id: AppId,
    /// Its slug.
    pub app_slug: &'a str,
    /// The organization the token speaks for; written as `null` when there is none.
    pub tenant_id: Option<TenantId>,
    /// The user's roles in that organization.
    pub roles: &'a [RoleName],
    /// What those roles permit, each once; left out when there is nothing.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub permissions: &'a [&'a str],
    /// What the user's own licences entitle to; left out when there is nothing.
    #[serde(skip_serializing_if = "Entitlements::is_empty")]
    pub entitlements: &'a Entitlements,
    /// The session.
    pub sid: SessionId,
    /// Issued at.
    pub iat: i64,
    /// Not valid before.
    pub nbf: i64,
    /// Not valid at or after.
    pub exp: i64,
    /// Unique id of this token.
    pub jti: Uuid,
    /// When the person proved who they are.
    pub auth_time: i64,
    /// How (RFC 8176).
    pub amr: &'a [&'a str],
}

impl AccessClaims<'_> {
    /// As JSON.
    ///
    /// # Errors
    /// [`SigningError::Claims`]; it cannot happen with these types, and is no reason to panic.
    pub fn to_json(&self) -> Result<Vec<u8>, SigningError> {
        let mut out = Vec::with_capacity(768);
        serde_json::to_writer(&mut out, self).map_err(|_| SigningError::Claims)?;
        Ok(out)
    }

    /// The signed token.
    ///
    /// # Errors
    /// [`SigningError`] when the signature fails.
    pub fn sign(&self, key: &SigningKey) -> Result<String, SigningError> {
        key.sign_jws(ACCESS_TOKEN_TYP, &self.to_json()?)
    }
}
