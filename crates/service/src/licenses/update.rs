//! Changing the terms of a licence.

use doorward_domain::audit::Action;
use doorward_domain::entitlement::Entitlements;
use doorward_domain::license::{License, LicenseStatus, MAX_ACTIVATIONS, parse_metadata};
use doorward_domain::scope::Scope;
use doorward_domain::{Code, Timestamp};
use doorward_store::app::LicenseChange;
use serde_json::{Map, Value};

use super::Asker;
use super::carried::{carried, refuse_too_many};
use super::find::{Sought, Which};
use super::holder::as_stored;
use super::refuse::Refusal;
use crate::context::Describe;
use crate::core::Core;
use crate::error::{Error, FieldError, Result};

/// What becomes of a field that may be empty.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Patch<T> {
    /// It stays.
    #[default]
    Keep,
    /// It is emptied.
    Clear,
    /// It becomes this.
    Set(T),
}

impl<T> Patch<T> {
    fn apply(self, before: Option<T>) -> Option<T> {
        match self {
            Self::Keep => before,
            Self::Clear => None,
            Self::Set(value) => Some(value),
        }
    }
}

/// What is to change; JSON merge patch (RFC 7396).
#[derive(Debug, Clone, Default)]
pub struct UpdateLicense {
    /// A name for people.
    pub label: Patch<String>,
    /// Whom it is sold to.
    pub issued_to: Patch<String>,
    /// Its end: in the future, or none.
    pub expires_at: Patch<Timestamp>,
    /// Device slots: not fewer than are taken.
    pub max_activations: Option<i64>,
    /// Merged into the entitlements; `null` removes one.
    pub entitlements: Patch<Map<String, Value>>,
    /// Merged into the metadata; `null` removes a name.
    pub metadata: Patch<Map<String, Value>>,
    /// The version the change was made against; a change meanwhile is then a conflict.
    pub expected_version: Option<i64>,
}

/// Changes a licence, and so renews it. A suspended or expired one can be changed, a revoked one
/// not.
///
/// # Errors
/// [`Code::ValidationError`]; [`Code::LicenseInvalid`], [`Code::LicenseNotFound`],
/// [`Code::LicenseRevoked`]; [`Code::Conflict`] when it was changed meanwhile, when more slots are
/// taken than there would be, or its user would have more different entitlements than a token carries; for an operator [`Code::Forbidden`] without `licenses:write` and [`Code::AppNotFound`].
pub async fn update(
    core: &Core,
    asker: &Asker,
    which: Which,
    request: UpdateLicense,
) -> Result<License> {
    let sought = Sought::new(core, asker, "update", &which).await?;
    let done = asker
        .write(core, Scope::LicensesWrite, move |here, tx| {
            let now = here.context.now();
            let mut scope = tx.app(here.app.id);
            let Some(found) = sought.find(&mut scope, now)? else {
                return Ok(Ok(Err(Refusal::of(Code::LicenseNotFound, None))));
            };
            let id = found.id;
            // From here on nobody takes a slot or changes the terms.
            scope.hold_license(id)?;
            scope.return_seats(id, now)?;
            let Some(before) = scope.license(id, now)? else {
                return Ok(Ok(Err(Refusal::of(Code::LicenseNotFound, None))));
            };
            if request
                .expected_version
                .is_some_and(|version| version != before.version)
            {
                return Ok(Err(changed_meanwhile()));
            }
            if before.status == LicenseStatus::Revoked {
                return Ok(Ok(Err(Refusal::of(Code::LicenseRevoked, Some(id)))));
            }
            let change = merge(&before, request.clone(), now)?;
            if change.max_activations < before.activations_used {
                return Ok(Err(too_few(&before)));
            }
            let changed = changed_fields(&before, &change);
            if changed.is_empty() {
                return Ok(Ok(Ok(before)));
            }
            let carried_before = carried(&mut scope, before.user_id, now)?;
            if !scope.update_license(&change)? {
                return Err(Error::internal(
                    "a held licence was changed by somebody else",
                ));
            }
            refuse_too_many(carried_before, carried(&mut scope, before.user_id, now)?)?;
            let event = here
                .event(Action::LicenseUpdated)
                .on("license", id)
                .with(serde_json::json!({ "changed": changed }));
            scope.audit(&event)?;
            let after = scope.license(id, now)?;
            Ok(Ok(after.ok_or(Refusal::of(Code::LicenseNotFound, None))))
        })
        .await?;
    match done {
        Ok(license) => Ok(license),
        Err(refusal) => Err(asker.refuse(core, "update", refusal).await?),
    }
}

fn changed_meanwhile() -> Error {
    Error::new(Code::Conflict)
        .with_message("The licence was changed meanwhile. Read it again and repeat your change.")
}

fn too_few(before: &License) -> Error {
    Error::new(Code::Conflict).with_message(format!(
        "{} slots are in use. Deactivate devices first, or leave as many slots.",
        before.activations_used
    ))
}

fn merge(before: &License, request: UpdateLicense, now: Timestamp) -> Result<LicenseChange> {
    let mut problems = Vec::new();
    if let Patch::Set(end) = &request.expires_at
        && *end <= now
    {
        problems.push(FieldError::new(
            "expires_at",
            "Must be in the future; suspend or revoke a licence to end it now",
        ));
    }
    let max_activations = request.max_activations.unwrap_or(before.max_activations);
    if !(1..=MAX_ACTIVATIONS).contains(&max_activations) {
        problems.push(FieldError::new(
            "max_activations",
            "Must be a whole number from 1 to 100000",
        ));
    }
    let entitlements = match request.entitlements {
        Patch::Keep => before.entitlements.clone(),
        Patch::Clear => Entitlements::default(),
        Patch::Set(patch) => {
            let mut value = serde_json::to_value(&before.entitlements).unwrap_or_default();
            merge_patch(&mut value, patch);
            Entitlements::parse(&value).unwrap_or_else(|message| {
                problems.push(FieldError::new("entitlements", message));
                Entitlements::default()
            })
        }
    };
    let metadata = match request.metadata {
        Patch::Keep => before.metadata.clone(),
        Patch::Clear => Map::new(),
        Patch::Set(patch) => {
            let mut value = Value::Object(before.metadata.clone());
            merge_patch(&mut value, patch);
            parse_metadata(value).unwrap_or_else(|message| {
                problems.push(FieldError::new("metadata", message));
                Map::new()
            })
        }
    };
    if !problems.is_empty() {
        return Err(Error::validation(problems));
    }
    Ok(LicenseChange {
        id: before.id,
        expected_version: before.version,
        label: request.label.apply(before.label.clone()),
        issued_to: request
            .issued_to
            .apply(before.issued_to.clone())
            .map(as_stored),
        max_activations,
        expires_at: request.expires_at.apply(before.expires_at),
        entitlements,
        metadata,
        now,
    })
}

/// RFC 7396 §2. The patch came in a body of bounded depth.
fn merge_patch(target: &mut Value, patch: Map<String, Value>) {
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Value::Object(object) = target else {
        return;
    };
    for (name, value) in patch {
        match value {
            Value::Null => {
                object.remove(&name);
            }
            Value::Object(inner) => merge_patch(object.entry(name).or_insert(Value::Null), inner),
            other => {
                object.insert(name, other);
            }
        }
    }
}

fn changed_fields(before: &License, change: &LicenseChange) -> Vec<&'static str> {
    [
        ("label", before.label != change.label),
        ("issued_to", before.issued_to != change.issued_to),
        (
            "max_activations",
            before.max_activations != change.max_activations,
        ),
        ("expires_at", before.expires_at != change.expires_at),
        ("entitlements", before.entitlements != change.entitlements),
        ("metadata", before.metadata != change.metadata),
    ]
    .into_iter()
    .filter_map(|(name, changed)| changed.then_some(name))
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_merge_patch_as_in_the_appendix_of_its_rfc() {
        for (target, patch, result) in [
            (json!({"a": "b"}), json!({"a": "c"}), json!({"a": "c"})),
            (
                json!({"a": "b"}),
                json!({"b": "c"}),
                json!({"a": "b", "b": "c"}),
            ),
            (
                json!({"a": "b", "b": "c"}),
                json!({"a": null}),
                json!({"b": "c"}),
            ),
            (json!({"a": ["b"]}), json!({"a": "c"}), json!({"a": "c"})),
            (
                json!({"a": {"b": "c"}}),
                json!({"a": {"b": "d", "c": null}}),
                json!({"a": {"b": "d"}}),
            ),
            (
                json!({"e": null}),
                json!({"a": 1}),
                json!({"e": null, "a": 1}),
            ),
            (
                json!([1, 2]),
                json!({"a": "b", "c": null}),
                json!({"a": "b"}),
            ),
            (
                json!({}),
                json!({"a": {"bb": {"ccc": null}}}),
                json!({"a": {"bb": {}}}),
            ),
        ] {
            let mut merged = target;
            merge_patch(&mut merged, patch.as_object().unwrap().clone());
            assert_eq!(merged, result);
        }
    }
}
