//! Reading requests about licences.

use doorward_domain::LicenseId;
use doorward_domain::entitlement::Entitlements;
use doorward_domain::license::{
    Device, LicenseState, MAX_ACTIVATIONS, MAX_BATCH, parse_line, parse_metadata,
};
use doorward_domain::secret::SecretText;
use doorward_domain::time::to_micros;
use doorward_domain::{ActivationId, Timestamp};
use doorward_service::licenses::{DevicePage, LicenseFilter, Patch, Terms, UpdateLicense, Which};
use serde_json::Value;

use super::cursor::LicenseCursor;
use crate::read::{Fields, Page, secret, time, uuid};

/// A point in time, as exact as it is stored.
fn end(text: &str) -> Result<Timestamp, &'static str> {
    time(text).map(to_micros)
}

/// Which licence: exactly one of `license_key` and `license_id`.
pub(crate) fn which(fields: &mut Fields) -> Option<Which> {
    const EXACTLY_ONE: &str = "Exactly one of license_key and license_id is required";
    let key = fields.optional("license_key", secret);
    let id = fields.optional("license_id", uuid::<LicenseId>);
    match (key?, id?) {
        (Some(key), None) => Some(Which::Key(key)),
        (None, Some(id)) => Some(Which::Id(id)),
        _ => {
            fields.refuse("license_key", EXACTLY_ONE);
            fields.refuse("license_id", EXACTLY_ONE);
            None
        }
    }
}

/// A key, as somebody typed it.
pub(crate) fn key(fields: &mut Fields) -> Option<SecretText> {
    fields.required("license_key", secret)
}

/// A device: by its id, or else by the User-Agent in the body, or else by `fallback`.
pub(crate) fn device(fields: &mut Fields, fallback: Option<&str>) -> Option<Device> {
    let id = fields.optional("device_id", Device::parse_id);
    let user_agent = fields.optional("user_agent", |text| {
        Device::from_user_agent(text).ok_or("Must not be empty")
    });
    let found = id?
        .or(user_agent?)
        .or_else(|| fallback.and_then(Device::from_user_agent));
    if found.is_none() {
        fields.refuse("device_id", "Is required, unless user_agent is given");
    }
    found
}

/// What a new licence grants, and how many of them are wanted, where that is said.
pub(crate) fn terms(fields: &mut Fields) -> Option<(Terms, Option<u32>)> {
    let label = fields.optional("label", parse_line);
    let issued_to = fields.optional("issued_to", parse_line);
    let max_activations = fields.optional_int("max_activations", 1..=MAX_ACTIVATIONS);
    let tenant_id = fields.optional("tenant_id", uuid);
    let user_id = fields.optional("user_id", uuid);
    let expires_at = fields.optional("expires_at", end);
    let entitlements = any(fields, "entitlements", |value| Entitlements::parse(&value));
    let metadata = any(fields, "metadata", |value| {
        parse_metadata(value).map_err(str::to_owned)
    });
    let with_key = fields.optional_bool("with_key");
    let count = fields.optional_int("count", 1..=MAX_BATCH);
    let terms = Terms {
        label: label?,
        issued_to: issued_to?,
        max_activations: max_activations?.unwrap_or(1),
        tenant_id: tenant_id?,
        user_id: user_id?,
        expires_at: expires_at?,
        entitlements: entitlements?.unwrap_or_default(),
        metadata: metadata?.unwrap_or_default(),
        with_key: with_key?,
    };
    Some((terms, count?.and_then(|count| u32::try_from(count).ok())))
}

/// What is to change (RFC 7396): absent stays, `null` empties.
pub(crate) fn change(fields: &mut Fields) -> Option<UpdateLicense> {
    let label = patch(fields, "label", |fields| {
        fields.optional("label", parse_line)
    });
    let issued_to = patch(fields, "issued_to", |fields| {
        fields.optional("issued_to", parse_line)
    });
    let expires_at = patch(fields, "expires_at", |fields| {
        fields.optional("expires_at", end)
    });
    let max_activations = fields.optional_int("max_activations", 1..=MAX_ACTIVATIONS);
    let entitlements = patch(fields, "entitlements", |fields| {
        fields.optional_object("entitlements")
    });
    let metadata = patch(fields, "metadata", |fields| {
        fields.optional_object("metadata")
    });
    Some(UpdateLicense {
        label: label?,
        issued_to: issued_to?,
        expires_at: expires_at?,
        max_activations: max_activations?,
        entitlements: entitlements?,
        metadata: metadata?,
        expected_version: None,
    })
}

/// Why something is done.
pub(crate) fn reason(fields: &mut Fields) -> Option<Option<String>> {
    fields.optional("reason", parse_line)
}

/// Which licences to list.
pub(crate) fn filter(fields: &mut Fields) -> Option<LicenseFilter> {
    let user_id = fields.optional("user_id", uuid);
    let tenant_id = fields.optional("tenant_id", uuid);
    let issued_to = fields.optional("issued_to", parse_line);
    let label_prefix = fields.optional("label_prefix", parse_line);
    let state = fields.optional("state", LicenseState::parse);
    let key_hint = fields.optional("key_hint", key_hint);
    Some(LicenseFilter {
        user_id: user_id?,
        tenant_id: tenant_id?,
        issued_to: issued_to?,
        label_prefix: label_prefix?,
        state: state?,
        key_hint: key_hint?,
        after: None,
        limit: 0,
    })
}

/// A filter for one page.
pub(crate) fn on_page(filter: LicenseFilter, page: Page<LicenseCursor>) -> LicenseFilter {
    LicenseFilter {
        limit: page.limit(),
        after: page.cursor.map(|LicenseCursor(place)| place),
        ..filter
    }
}

/// Which devices to show.
pub(crate) fn devices(page: &Page<ActivationId>) -> DevicePage {
    DevicePage {
        after: page.cursor,
        limit: page.fetch(),
    }
}

fn key_hint(text: &str) -> Result<String, &'static str> {
    if text.len() == 4 && text.bytes().all(|b| b.is_ascii_alphanumeric()) {
        Ok(text.to_ascii_uppercase())
    } else {
        Err("Must be the last 4 characters of a key")
    }
}

fn any<T>(
    fields: &mut Fields,
    name: &'static str,
    parse: impl FnOnce(Value) -> Result<T, String>,
) -> Option<Option<T>> {
    match fields.take(name).map(parse).transpose() {
        Ok(value) => Some(value),
        Err(message) => {
            fields.refuse(name, message);
            None
        }
    }
}

fn patch<T>(
    fields: &mut Fields,
    name: &'static str,
    read: impl FnOnce(&mut Fields) -> Option<Option<T>>,
) -> Option<Patch<T>> {
    let cleared = fields.is_null(name);
    Some(match read(fields)? {
        Some(value) => Patch::Set(value),
        None if cleared => Patch::Clear,
        None => Patch::Keep,
    })
}
