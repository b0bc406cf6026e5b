//! The claims of an access token, each of its type.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::encoding;
use crate::entitlement::Entitlement;
use crate::error::Reason;
use crate::fields::Fields;
use crate::jws::Parts;

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
    /// What those roles permit.
    pub permissions: Vec<String>,
    /// What the user's own licences entitle to, by name.
    pub entitlements: BTreeMap<String, Entitlement>,
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

    /// Whether one of the user's roles in the token's organization has this permission.
    #[must_use]
    pub fn has_permission(&self, permission: &str) -> bool {
        self.permissions.iter().any(|own| own == permission)
    }

    /// The entitlement of this name, from the licences issued to the user.
    #[must_use]
    pub fn entitlement(&self, name: &str) -> Option<Entitlement> {
        self.entitlements.get(name).copied()
    }

    pub(crate) fn parse(payload: &[u8]) -> Result<Self, Reason> {
        let mut claims = Fields::parse(payload)?;
        Ok(Self {
            iss: claims.text("iss")?,
            sub: claims.uuid("sub")?,
            aud: claims.texts("aud")?,
            app_id: claims.uuid("app_id")?,
            app_slug: claims.text("app_slug")?,
            tenant_id: claims.uuid_or_null("tenant_id")?,
            roles: claims.texts("roles")?,
            permissions: claims.texts_or_absent("permissions")?,
            entitlements: claims.entitlements_or_absent("entitlements")?,
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
    Fields::parse(&payload).ok()?.uuid("app_id").ok()
}
