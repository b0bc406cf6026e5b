//! Taking a slot from a device.

use std::sync::Arc;

use doorward_crypto::keyring::Keyring;
use doorward_domain::app::AppLimits;
use doorward_domain::audit::Action;
use doorward_domain::license::ReleaseReason;
use doorward_domain::scope::Scope;
use doorward_domain::time::{iso, plus_seconds};
use doorward_domain::{ActivationId, Code, LicenseId, Timestamp};
use doorward_store::WriteTx;
use doorward_store::app::{Hit, HitOutcome};

use super::Asker;
use super::find::{Sought, Which};
use super::holder::Holder;
use super::refuse::{Refusal, too_many_guesses};
use crate::caller::Here;
use crate::context::Describe;
use crate::core::Core;
use crate::error::{Error, Result};

/// Takes a slot from a device; it is free at once. Where a licence is named, the slot must be one of
/// it.
///
/// # Errors
/// [`Code::LicenseNotActivated`] for an activation that is unknown, another app's or over already;
/// for an operator [`Code::Forbidden`] without `licenses:write` and [`Code::AppNotFound`].
pub async fn deactivate(
    core: &Core,
    asker: &Asker,
    id: ActivationId,
    of: Option<LicenseId>,
) -> Result<LicenseId> {
    let keyring = Arc::clone(&core.keyring);
    let done = asker
        .write(core, Scope::LicensesWrite, move |here, tx| {
            let now = here.context.now();
            let reason = ReleaseReason::Deactivated;
            let held = tx.app(here.app.id).activation(id)?;
            let held = held
                .map(|held| held.license_id)
                .filter(|held| of.is_none_or(|of| of == *held));
            let Some(held) = held else {
                return Ok(Ok(Err(Refusal::of(Code::LicenseNotActivated, None))));
            };
            let holder = Holder::hold(&keyring, here, tx, held)?;
            let mut scope = tx.app(here.app.id);
            let released = scope.release_seat(id, reason, None, now)?;
            let Some(released) = released else {
                return Ok(Ok(Err(Refusal::of(Code::LicenseNotActivated, None))));
            };
            let event = here
                .event(Action::LicenseDeactivated)
                .on("license", released.license_id)
                .with(serde_json::json!({ "activation_id": id }));
            scope.audit(&holder.name(event))?;
            Ok(Ok(Ok(released.license_id)))
        })
        .await?;
    match done {
        Ok(license) => Ok(license),
        Err(refusal) => Err(asker.refuse(core, "deactivate", refusal).await?),
    }
}

/// The holder of a licence gives up the slot of a lost device.
#[derive(Debug, Clone)]
pub struct Release {
    /// The licence, by its key where its holder asks: whoever has the key holds the licence.
    pub which: Which,
    /// The device's slot, as the licence's status lists it.
    pub activation_id: ActivationId,
}

/// Releases the slot of a lost device, in the name of the licence's holder; gives when the slot is
/// free. Until then it stays taken, and the device can come back to it.
///
/// # Errors
/// [`Code::Forbidden`] where the app does not allow it; as for activating; [`Code::RateLimited`]
/// beyond the app's `license_releases`; [`Code::LicenseNotActivated`].
pub async fn release(core: &Core, asker: &Asker, request: Release) -> Result<Timestamp> {
    let sought = Sought::new(core, asker, "release", &request.which).await?;
    let guesses = asker.address_limit(&core.keyring);
    let keyring = Arc::clone(&core.keyring);
    let id = request.activation_id;
    let done = asker
        .write(core, Scope::LicensesWrite, move |here, tx| {
            if !here.app.settings.license_self_release {
                return Ok(Err(not_allowed()));
            }
            let limits = &here.app.settings.limits;
            let releases = |license: LicenseId| releases_of_license(&keyring, limits, license);
            let holder = |tx: &mut WriteTx<'_>, license| Holder::hold(&keyring, here, tx, license);
            release_in(here, tx, &sought, guesses.as_ref(), (releases, holder), id).map(Ok)
        })
        .await?;
    match done {
        Ok(free_at) => Ok(free_at),
        Err(refusal) => Err(asker.refuse(core, "release", refusal).await?),
    }
}

fn not_allowed() -> Error {
    Error::new(Code::Forbidden)
        .with_message("This app does not let the holders of its licences release devices.")
}

fn release_in(
    here: &Here,
    tx: &mut WriteTx<'_>,
    sought: &Sought,
    guesses: Option<&Hit>,
    (releases, holder): (
        impl Fn(LicenseId) -> Hit,
        impl Fn(&mut WriteTx<'_>, LicenseId) -> Result<Holder>,
    ),
    id: ActivationId,
) -> Result<std::result::Result<Timestamp, Refusal>> {
    let now = here.context.now();
    let mut scope = tx.app(here.app.id);
    if let Some(refusal) = too_many_guesses(&mut scope, guesses, now)? {
        return Ok(Err(refusal));
    }
    let Some(license) = sought.find(&mut scope, now)? else {
        return Ok(Err(Refusal::of(Code::LicenseNotFound, None)));
    };
    if let Some(code) = license.refusal(now) {
        return Ok(Err(Refusal::of(code, Some(license.id))));
    }
    let held = scope
        .activation(id)?
        .is_some_and(|held| held.license_id == license.id && held.released.is_none());
    if !held {
        return Ok(Err(Refusal::of(
            Code::LicenseNotActivated,
            Some(license.id),
        )));
    }
    if let HitOutcome::Refused { retry_after, .. } =
        scope.hit_limits(&[releases(license.id)], now)?
    {
        return Ok(Err(Refusal::waiting(retry_after, Some(license.id))));
    }
    let holder = holder(tx, license.id)?;
    let mut scope = tx.app(here.app.id);
    let free_at = plus_seconds(now, here.app.settings.license_release_cooling_seconds);
    let reason = ReleaseReason::SelfRelease;
    let Some(released) = scope.release_seat(id, reason, Some(free_at), now)? else {
        return Ok(Err(Refusal::of(
            Code::LicenseNotActivated,
            Some(license.id),
        )));
    };
    let free_at = released.free_at;
    let event = here
        .event(Action::LicenseSeatReleased)
        .on("license", license.id)
        .with(serde_json::json!({ "activation_id": id, "slot_free_at": iso(free_at) }));
    scope.audit(&holder.name(event))?;
    Ok(Ok(free_at))
}

/// Seats that the holder of a licence may release.
pub(crate) fn releases_of_license(keyring: &Keyring, limits: &AppLimits, id: LicenseId) -> Hit {
    Hit {
        key: keyring.limit_key("license.releases", &id.to_string()),
        rule: limits.license_releases,
    }
}
