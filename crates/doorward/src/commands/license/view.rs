//! How licences are printed.

use doorward_domain::Timestamp;
use doorward_domain::entitlement::Entitlements;
use doorward_domain::license::{Activation, License};
use doorward_domain::time::iso;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::output::{Report, labels, table};

/// A licence.
#[derive(Serialize)]
pub(super) struct LicenseView {
    license_id: String,
    state: &'static str,
    key_hint: Option<String>,
    label: Option<String>,
    issued_to: Option<String>,
    tenant_id: Option<String>,
    user_id: Option<String>,
    max_activations: i64,
    activations_used: i64,
    expires_at: Option<String>,
    entitlements: Entitlements,
    metadata: Map<String, Value>,
    status_reason: Option<String>,
    status_changed_at: Option<String>,
    version: i64,
    created_at: String,
    updated_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    activations: Option<Vec<DeviceView>>,
}

/// A device that holds a slot.
#[derive(Serialize)]
struct DeviceView {
    activation_id: String,
    device_label: Option<String>,
    first_seen_at: String,
    last_seen_at: String,
    released_at: Option<String>,
    slot_free_at: Option<String>,
}

impl LicenseView {
    pub(super) fn new(license: License, devices: Option<Vec<Activation>>, now: Timestamp) -> Self {
        let state = license.state(now).as_str();
        Self {
            license_id: license.id.to_string(),
            state,
            key_hint: license.key_hint,
            label: license.label,
            issued_to: license.issued_to,
            tenant_id: license.tenant_id.map(|id| id.to_string()),
            user_id: license.user_id.map(|id| id.to_string()),
            max_activations: license.max_activations,
            activations_used: license.activations_used,
            expires_at: license.expires_at.map(iso),
            entitlements: license.entitlements,
            metadata: license.metadata,
            status_reason: license.status_reason,
            status_changed_at: license.status_changed_at.map(iso),
            version: license.version,
            created_at: iso(license.created_at),
            updated_at: iso(license.updated_at),
            activations: devices.map(|all| all.into_iter().map(Into::into).collect()),
        }
    }

    fn slots(&self) -> String {
        format!("{} of {}", self.activations_used, self.max_activations)
    }

    fn name(&self) -> String {
        let names = [&self.label, &self.issued_to, &self.user_id];
        let found = names.into_iter().flatten().next();
        found.cloned().unwrap_or_default()
    }
}

impl From<Activation> for DeviceView {
    fn from(device: Activation) -> Self {
        Self {
            activation_id: device.id.to_string(),
            device_label: device.device_label,
            first_seen_at: iso(device.created_at),
            last_seen_at: iso(device.last_seen_at),
            released_at: device.released.map(|(at, _)| iso(at)),
            slot_free_at: device.slot_free_at.map(iso),
        }
    }
}

impl Report for LicenseView {
    fn human(&self) -> String {
        let or =
            |value: &Option<String>, none: &str| value.clone().unwrap_or_else(|| none.to_owned());
        let state = match &self.status_reason {
            Some(reason) => format!("{} ({reason})", self.state),
            None => self.state.to_owned(),
        };
        let key = match &self.key_hint {
            Some(hint) => format!("…-{hint}"),
            None => "none: its user holds it".to_owned(),
        };
        let mut out = labels(&[
            ("license_id", self.license_id.clone()),
            ("state", state),
            ("key", key),
            ("label", or(&self.label, "none")),
            ("issued to", or(&self.issued_to, "nobody named")),
            ("user", or(&self.user_id, "none")),
            ("tenant", or(&self.tenant_id, "none")),
            ("devices", self.slots()),
            ("expires", or(&self.expires_at, "never")),
            ("entitlements", self.entitlements.to_stored()),
            ("metadata", Value::Object(self.metadata.clone()).to_string()),
            ("created", self.created_at.clone()),
            ("changed", self.updated_at.clone()),
        ]);
        let rows: Vec<_> = self
            .activations
            .iter()
            .flatten()
            .map(|device| {
                [
                    device.activation_id.clone(),
                    device.first_seen_at.clone(),
                    device.last_seen_at.clone(),
                    or(&device.slot_free_at, "in use"),
                    or(&device.device_label, ""),
                ]
            })
            .collect();
        if !rows.is_empty() {
            out.push('\n');
            let headings = ["DEVICE", "FIRST SEEN", "LAST SEEN", "SLOT FREE", "LABEL"];
            out.push_str(&table(headings, &rows));
        }
        out
    }
}

/// Licences.
#[derive(Serialize)]
pub(super) struct LicenseList {
    pub(super) items: Vec<LicenseView>,
}

impl Report for LicenseList {
    fn human(&self) -> String {
        if self.items.is_empty() {
            return "There is no such licence. `doorward license generate` makes one.\n".to_owned();
        }
        let rows: Vec<_> = self
            .items
            .iter()
            .map(|license| {
                [
                    license.license_id.clone(),
                    license.state.to_owned(),
                    license.slots(),
                    license.expires_at.clone().unwrap_or("never".to_owned()),
                    license.key_hint.clone().unwrap_or_default(),
                    license.name(),
                ]
            })
            .collect();
        let headings = ["LICENSE ID", "STATE", "DEVICES", "EXPIRES", "KEY", "FOR"];
        table(headings, &rows)
    }
}

/// A released device.
#[derive(Serialize)]
pub(super) struct Released {
    pub(super) slot_free_at: String,
}

impl Report for Released {
    fn human(&self) -> String {
        format!(
            "Released. Its slot is free from {} on; until then the device can come back to it.\n",
            self.slot_free_at
        )
    }
}

/// A key, shown again.
#[derive(Serialize)]
pub(super) struct Revealed {
    pub(super) license_id: String,
    pub(super) license_key: String,
}

impl Report for Revealed {
    fn human(&self) -> String {
        labels(&[
            ("license_id", self.license_id.clone()),
            ("license_key", self.license_key.clone()),
        ])
    }
}
