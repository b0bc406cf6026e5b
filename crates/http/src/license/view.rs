//! How a licence looks from outside.

use axum::Json;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use doorward_domain::license::{Activation, License};
use doorward_domain::time::iso;
use doorward_domain::{ActivationId, LicenseId, TenantId, Timestamp, UserId};
use doorward_service::licenses::Generated;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::documented;

/// A licence.
#[derive(Serialize, ToSchema)]
#[schema(as = License)]
pub(crate) struct LicenseView {
    /// Its id.
    #[schema(value_type = uuid::Uuid)]
    license_id: LicenseId,
    /// How it stands.
    #[schema(schema_with = documented::state)]
    state: &'static str,
    /// The last four characters of its key; null when only its user holds it.
    key_hint: Option<String>,
    /// A name for people.
    label: Option<String>,
    /// Whom it was sold to.
    issued_to: Option<String>,
    /// The organization it belongs to.
    #[schema(value_type = Option<uuid::Uuid>)]
    tenant_id: Option<TenantId>,
    /// The user in whose tokens its entitlements ride.
    #[schema(value_type = Option<uuid::Uuid>)]
    user_id: Option<UserId>,
    /// Device slots.
    max_activations: i64,
    /// Slots that are taken, those of released devices that cool off included.
    activations_used: i64,
    /// Its end; null when it has none.
    #[schema(format = DateTime)]
    expires_at: Option<String>,
    /// What it entitles to.
    #[schema(schema_with = documented::entitlements)]
    entitlements: Value,
    /// Anything the app keeps with it.
    #[schema(value_type = Object)]
    metadata: Map<String, Value>,
    /// Why it was suspended or revoked.
    status_reason: Option<String>,
    /// When it was last suspended, resumed or revoked.
    #[schema(format = DateTime)]
    status_changed_at: Option<String>,
    /// Grows with every change of its terms.
    version: i64,
    /// Creation.
    #[schema(format = DateTime)]
    created_at: String,
    /// The last change of its terms or status.
    #[schema(format = DateTime)]
    updated_at: String,
}

impl LicenseView {
    pub(crate) fn new(license: License, now: Timestamp) -> Self {
        Self {
            license_id: license.id,
            state: license.state(now).as_str(),
            key_hint: license.key_hint,
            label: license.label,
            issued_to: license.issued_to,
            tenant_id: license.tenant_id,
            user_id: license.user_id,
            max_activations: license.max_activations,
            activations_used: license.activations_used,
            expires_at: license.expires_at.map(iso),
            entitlements: serde_json::to_value(license.entitlements).unwrap_or_default(),
            metadata: license.metadata,
            status_reason: license.status_reason,
            status_changed_at: license.status_changed_at.map(iso),
            version: license.version,
            created_at: iso(license.created_at),
            updated_at: iso(license.updated_at),
        }
    }
}

/// With the version as its entity tag, for `If-Match`.
pub(crate) struct Tagged<T>(String, T);

impl Tagged<LicenseView> {
    /// A licence after a change.
    pub(crate) fn license(license: License, now: Timestamp) -> Self {
        Self(version(&license), LicenseView::new(license, now))
    }
}

impl Tagged<LicenseStatus> {
    /// As [`LicenseStatus::new`].
    pub(crate) fn status(
        license: License,
        devices: Vec<Activation>,
        fetched: u32,
        now: Timestamp,
    ) -> Self {
        let tag = version(&license);
        Self(tag, LicenseStatus::new(license, devices, fetched, now))
    }
}

fn version(license: &License) -> String {
    format!("\"{}\"", license.version)
}

impl<T: Serialize> IntoResponse for Tagged<T> {
    fn into_response(self) -> Response {
        let Self(tag, view) = self;
        ([(header::ETAG, tag)], Json(view)).into_response()
    }
}

/// A device that holds a slot of a licence.
#[derive(Serialize, ToSchema)]
#[schema(as = Activation)]
pub(crate) struct ActivationView {
    /// Its id.
    #[schema(value_type = uuid::Uuid)]
    activation_id: ActivationId,
    /// What its user calls it.
    device_label: Option<String>,
    /// When it was activated.
    #[schema(format = DateTime)]
    first_seen_at: String,
    /// When it was last activated or verified, to the hour.
    #[schema(format = DateTime)]
    last_seen_at: String,
    /// When the holder of the licence released it, if so.
    #[schema(format = DateTime)]
    released_at: Option<String>,
    /// From when on its slot is free, if it was released.
    #[schema(format = DateTime)]
    slot_free_at: Option<String>,
}

impl From<Activation> for ActivationView {
    fn from(device: Activation) -> Self {
        Self {
            activation_id: device.id,
            device_label: device.device_label,
            first_seen_at: iso(device.created_at),
            last_seen_at: iso(device.last_seen_at),
            released_at: device.released.map(|(at, _)| iso(at)),
            slot_free_at: device.slot_free_at.map(iso),
        }
    }
}

/// A licence and the devices that hold its slots.
#[derive(Serialize, ToSchema)]
pub(crate) struct LicenseStatus {
    #[serde(flatten)]
    license: LicenseView,
    /// The devices, in order of their activation.
    activations: Vec<ActivationView>,
    /// Give it as `cursor` to get more devices; null when these are the last.
    #[schema(value_type = Option<uuid::Uuid>)]
    activations_next_cursor: Option<ActivationId>,
}

impl LicenseStatus {
    /// Of a licence and one device more than are shown, where there is one.
    pub(crate) fn new(
        license: License,
        mut devices: Vec<Activation>,
        fetched: u32,
        now: Timestamp,
    ) -> Self {
        let shown = usize::try_from(fetched)
            .unwrap_or(usize::MAX)
            .saturating_sub(1);
        let more = devices.len() > shown;
        devices.truncate(shown);
        Self {
            license: LicenseView::new(license, now),
            activations_next_cursor: devices.last().map(|last| last.id).filter(|_| more),
            activations: devices.into_iter().map(Into::into).collect(),
        }
    }
}

/// A new licence. The key is shown now; later only an audited act of an operator shows it again.
#[derive(Serialize, ToSchema)]
pub(crate) struct GeneratedLicense {
    /// The key; null when only the user holds the licence.
    license_key: Option<String>,
    /// The licence.
    #[schema(value_type = uuid::Uuid)]
    license_id: LicenseId,
    /// Device slots.
    max_activations: i64,
    /// Its end; null when it has none.
    #[schema(format = DateTime)]
    expires_at: Option<String>,
}

impl From<Generated> for GeneratedLicense {
    fn from(generated: Generated) -> Self {
        Self {
            license_key: generated.key.map(|key| key.expose().expose().to_owned()),
            license_id: generated.license.id,
            max_activations: generated.license.max_activations,
            expires_at: generated.license.expires_at.map(iso),
        }
    }
}

/// What generating answers: one licence as it is, several as a list.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum GenerateAnswer {
    /// Without `count`.
    One(GeneratedLicense),
    /// With `count`.
    Batch {
        /// As many as were asked for; at most 500.
        licenses: Vec<GeneratedLicense>,
    },
}

impl GenerateAnswer {
    pub(crate) fn new(generated: Vec<Generated>, batch: bool) -> Option<Self> {
        let mut licenses = generated.into_iter().map(GeneratedLicense::from);
        if batch {
            Some(Self::Batch {
                licenses: licenses.collect(),
            })
        } else {
            licenses.next().map(Self::One)
        }
    }
}
