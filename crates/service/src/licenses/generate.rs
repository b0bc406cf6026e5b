//! Generating licences.

use std::sync::Arc;

use doorward_crypto::keyring::Keyring;
use doorward_domain::audit::Action;
use doorward_domain::entitlement::Entitlements;
use doorward_domain::license::{
    License, LicenseKey, LicenseStatus, MAX_ACTIVATIONS, MAX_BATCH, MAX_LICENSES_OF_USER, prefix,
};
use doorward_domain::scope::Scope;
use doorward_domain::{Code, LicenseId, TenantId, Timestamp, UserId};
use doorward_store::WriteTx;
use doorward_store::app::{AppWrite, NewLicense};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Asker;
use super::carried::{carried, refuse_too_many};
use super::holder::as_stored;
use crate::caller::Here;
use crate::context::Describe;
use crate::core::Core;
use crate::error::{Error, FieldError, Result};
use crate::idempotency::kept;

/// What a licence grants.
#[derive(Debug, Clone)]
pub struct Terms {
    /// A name for people.
    pub label: Option<String>,
    /// Whom it is sold to.
    pub issued_to: Option<String>,
    /// Device slots.
    pub max_activations: i64,
    /// The organization it belongs to.
    pub tenant_id: Option<TenantId>,
    /// The user in whose tokens its entitlements shall ride.
    pub user_id: Option<UserId>,
    /// Its end.
    pub expires_at: Option<Timestamp>,
    /// What it entitles to.
    pub entitlements: Entitlements,
    /// Anything the app keeps with it.
    pub metadata: Map<String, Value>,
    /// Whether it gets a key; by default it does, unless it is a user's.
    pub with_key: Option<bool>,
}

impl Default for Terms {
    fn default() -> Self {
        Self {
            label: None,
            issued_to: None,
            max_activations: 1,
            tenant_id: None,
            user_id: None,
            expires_at: None,
            entitlements: Entitlements::default(),
            metadata: Map::new(),
            with_key: None,
        }
    }
}

/// A new licence. The key is handed out now; later only an audited act shows it again.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Generated {
    /// The licence.
    pub license: License,
    /// Its key, unless only its user holds it.
    #[serde(with = "kept::license_key")]
    pub key: Option<LicenseKey>,
}

/// Generates `count` licences (1 to 500) with the same terms, all or none.
///
/// # Errors
/// [`Code::ValidationError`]; [`Code::TenantNotFound`], [`Code::UserNotFound`],
/// [`Code::UserDeleted`]; [`Code::Conflict`] when the user would have more than twenty, or more
/// different entitlements than a token carries; for an operator [`Code::Forbidden`] without `licenses:write` and [`Code::AppNotFound`].
pub async fn generate(
    core: &Core,
    asker: &Asker,
    terms: Terms,
    count: u32,
) -> Result<Vec<Generated>> {
    check(&terms, count, asker.context().now())?;
    let keyring = Arc::clone(&core.keyring);
    asker
        .create(core, Scope::LicensesWrite, move |here, tx| {
            if let Some(error) = refuse_holders(&mut tx.app(here.app.id), &terms, count)? {
                return Ok(Err(error));
            }
            let (now, user) = (here.context.now(), terms.user_id);
            let before = carried(&mut tx.app(here.app.id), user, now)?;
            let made = (0..count)
                .map(|_| write(&keyring, here, tx, &terms))
                .collect::<Result<_>>()?;
            let after = carried(&mut tx.app(here.app.id), user, now)?;
            refuse_too_many(before, after)?;
            Ok(Ok(made))
        })
        .await
}

fn check(terms: &Terms, count: u32, now: Timestamp) -> Result<()> {
    let mut problems = Vec::new();
    if !(1..=MAX_BATCH).contains(&i64::from(count)) {
        problems.push(FieldError::new("count", "Must be from 1 to 500"));
    }
    if !(1..=MAX_ACTIVATIONS).contains(&terms.max_activations) {
        problems.push(FieldError::new(
            "max_activations",
            "Must be a whole number from 1 to 100000",
        ));
    }
    if terms.expires_at.is_some_and(|end| end <= now) {
        problems.push(FieldError::new("expires_at", "Must be in the future"));
    }
    if terms.with_key == Some(false) && terms.user_id.is_none() {
        problems.push(FieldError::new(
            "with_key",
            "Must be true, unless user_id says whose licence it is",
        ));
    }
    if problems.is_empty() {
        Ok(())
    } else {
        Err(Error::validation(problems))
    }
}

/// Why the organization or the user cannot have these licences, if so. The user is held: whoever
/// counts its licences next sees these.
fn refuse_holders(scope: &mut AppWrite<'_>, terms: &Terms, count: u32) -> Result<Option<Error>> {
    if let Some(tenant) = terms.tenant_id
        && !scope.has_tenant(tenant)?
    {
        return Ok(Some(Code::TenantNotFound.into()));
    }
    let Some(user) = terms.user_id else {
        return Ok(None);
    };
    if !scope.hold_active_user(user)? {
        return Ok(Some(match scope.user(user)? {
            None => Code::UserNotFound.into(),
            Some(_) => Code::UserDeleted.into(),
        }));
    }
    let there = scope.count_licenses_of_user(user)?;
    let room = i64::from(MAX_LICENSES_OF_USER) - there;
    Ok((i64::from(count) > room).then(|| {
        Error::new(Code::Conflict).with_message(format!(
            "A user can have {MAX_LICENSES_OF_USER} licences that are not revoked, and this one \
             has {there}. Renew or change one of them, or revoke those that are over."
        ))
    }))
}

fn write(keyring: &Keyring, here: &Here, tx: &mut WriteTx<'_>, terms: &Terms) -> Result<Generated> {
    let (context, app) = (&here.context, &here.app);
    let random = &*context.random;
    let id = LicenseId::generate(&*context.clock, random);
    let with_key = terms.with_key.unwrap_or(terms.user_id.is_none());
    let key = with_key
        .then(|| LicenseKey::generate(&prefix(&app.settings.license_prefix, &app.slug), random));
    let new = NewLicense {
        id,
        key: key.as_ref().map(|key| {
            (
                keyring.license_key_hash(app.id, key),
                keyring.seal_license_key(app.id, id, key, random),
                key.hint().to_owned(),
            )
        }),
        label: terms.label.clone(),
        issued_to: terms.issued_to.clone().map(as_stored),
        tenant_id: terms.tenant_id,
        user_id: terms.user_id,
        max_activations: terms.max_activations,
        expires_at: terms.expires_at,
        entitlements: terms.entitlements.clone(),
        metadata: terms.metadata.clone(),
        created_at: context.now(),
    };
    let event = here
        .event(Action::LicenseGenerated)
        .on("license", id)
        .with(serde_json::json!({
            "max_activations": terms.max_activations,
            "expires_at": terms.expires_at.map(doorward_domain::time::iso),
            "tenant_id": terms.tenant_id,
            "user_id": terms.user_id,
            "with_key": with_key,
        }));
    let mut scope = tx.app(app.id);
    scope.insert_license(&new)?;
    scope.audit(&event)?;
    Ok(Generated {
        license: as_written(new),
        key,
    })
}

/// What was written, without asking the store for it.
fn as_written(new: NewLicense) -> License {
    License {
        id: new.id,
        key_hint: new.key.map(|(_, _, hint)| hint),
        label: new.label,
        issued_to: new.issued_to,
        tenant_id: new.tenant_id,
        user_id: new.user_id,
        status: LicenseStatus::Active,
        status_reason: None,
        status_changed_at: None,
        max_activations: new.max_activations,
        activations_used: 0,
        expires_at: new.expires_at,
        entitlements: new.entitlements,
        metadata: new.metadata,
        version: 1,
        created_at: new.created_at,
        updated_at: new.created_at,
    }
}
