//! What a licence file says.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::entitlement::Entitlement;
use crate::error::Reason;
use crate::fields::Fields;

/// A licence, as its file says. Whether it may be used here and now is what the verifier says.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct License {
    /// The service that made the file.
    pub iss: String,
    /// The app's slug.
    pub app_slug: String,
    /// The app.
    pub app_id: Uuid,
    /// The licence.
    pub license_id: Uuid,
    /// The device's slot on it.
    pub activation_id: Uuid,
    /// What it entitles to, by name.
    pub entitlements: BTreeMap<String, Entitlement>,
    /// What the app keeps with the licence.
    pub metadata: Map<String, Value>,
    /// Its device slots.
    pub max_activations: u64,
    /// When the licence itself ends, if it does.
    pub license_expires_at: Option<Timestamp>,
    /// When the file was made, by the service's clock.
    pub issued_at: Timestamp,
    /// When the file ends: dead exactly then. Never later than the licence.
    pub expires_at: Timestamp,
    /// Unique id of the file.
    pub jti: Uuid,
    /// [`super::device_hash`] of the device it was made for.
    pub device: String,
    pub(super) not_before: Timestamp,
}

impl License {
    /// The entitlement of this name.
    #[must_use]
    pub fn entitlement(&self, name: &str) -> Option<Entitlement> {
        self.entitlements.get(name).copied()
    }

    pub(super) fn parse(payload: &[u8]) -> Result<Self, Reason> {
        let mut claims = Fields::parse_deep(payload)?;
        let license = Self {
            iss: claims.text("iss")?,
            app_slug: claims.text("aud")?,
            app_id: claims.uuid("app_id")?,
            license_id: claims.uuid("license_id")?,
            activation_id: claims.uuid("activation_id")?,
            entitlements: claims.entitlements_or_absent("entitlements")?,
            metadata: claims.object_or_absent("metadata")?,
            max_activations: claims.count("max_activations")?,
            license_expires_at: claims.time_or_null("license_expires_at")?,
            issued_at: claims.time("iat")?,
            expires_at: claims.time("exp")?,
            jti: claims.uuid("jti")?,
            device: claims.text("device")?,
            not_before: claims.time("nbf")?,
        };
        let outlives = license
            .license_expires_at
            .is_some_and(|end| license.expires_at > end);
        if outlives
            || license.expires_at <= license.issued_at
            || license.expires_at <= license.not_before
        {
            return Err(Reason::Times);
        }
        Ok(license)
    }
}
