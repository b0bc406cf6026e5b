//! The claims of a licence file, as it is signed with the app's own licence key.

use doorward_domain::entitlement::Entitlements;
use doorward_domain::{ActivationId, AppId, LicenseId};
use serde::Serialize;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::signing::{SigningError, SigningKey};

/// What a licence file says. Fields are written in this order; times are whole seconds since 1970
/// (RFC 7519 NumericDate). The format is documented in `docs/license-files.md`.
#[derive(Debug, Clone, Serialize)]
pub struct LicenseFileClaims<'a> {
    /// The service's URL.
    pub iss: &'a str,
    /// The app's slug.
    pub aud: &'a str,
    /// The app.
    pub app_id: AppId,
    /// The licence.
    pub license_id: LicenseId,
    /// The device's slot on it.
    pub activation_id: ActivationId,
    /// Hash of the device's id, as the verifier makes it.
    pub device: &'a str,
    /// What the licence entitles to.
    pub entitlements: &'a Entitlements,
    /// What the app keeps with the licence; left out when there is nothing.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub metadata: &'a Map<String, Value>,
    /// The licence's device slots.
    pub max_activations: i64,
    /// The licence's own end, in whole seconds; `null` without one.
    pub license_expires_at: Option<i64>,
    /// Issued at.
    pub iat: i64,
    /// Not valid before.
    pub nbf: i64,
    /// Not valid at or after; not later than the licence's own end.
    pub exp: i64,
    /// Unique id of this file.
    pub jti: Uuid,
}

impl LicenseFileClaims<'_> {
    /// The `typ` of licence files.
    pub const TYP: &'static str = "license+jwt";

    /// The signed file, without its armour.
    ///
    /// # Errors
    /// [`SigningError`] when the signature fails.
    pub fn sign(&self, key: &SigningKey) -> Result<String, SigningError> {
        let claims = serde_json::to_vec(self).map_err(|_| SigningError::Claims)?;
        key.sign_jws(Self::TYP, &claims)
    }
}
