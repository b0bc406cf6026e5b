//! Verifying a licence on a device: what a program asks at every start.

use std::sync::Arc;

use doorward_crypto::device_hash;
use doorward_domain::audit::Action;
use doorward_domain::entitlement::Entitlements;
use doorward_domain::license::{Device, refusal};
use doorward_domain::scope::Scope;
use doorward_domain::secret::SecretText;
use doorward_domain::stats::Counted;
use doorward_domain::time::plus_seconds;
use doorward_domain::{ActivationId, Code, LicenseId, Timestamp};
use doorward_store::app::{AppRead, Hit, LicenseOnDevice};
use serde_json::{Map, Value};

use super::Asker;
use super::find::parse_key;
use super::holder::Holder;
use super::refuse::{Refusal, too_many_guesses};
use crate::context::Describe;
use crate::core::Core;
use crate::error::Result;

/// Seconds between two notes that a device was seen: a write at every start of a program would be
/// most of what the database does.
pub(super) const SEEN_EVERY_SECONDS: i64 = 3_600;

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Verify {
    /// The key, as somebody typed it.
    pub key: SecretText,
    /// The device.
    pub device: Device,
}

/// The licence is good on this device.
#[derive(Debug, Clone, PartialEq)]
pub struct Verified {
    /// The licence.
    pub license_id: LicenseId,
    /// The device's slot.
    pub activation_id: ActivationId,
    /// The licence's end.
    pub expires_at: Option<Timestamp>,
    /// What it entitles to.
    pub entitlements: Entitlements,
    /// Anything the app keeps with it.
    pub metadata: Map<String, Value>,
    /// Now.
    pub last_verified_at: Timestamp,
}

/// Whether a licence is good on a device. Needs no free slot. Reads one row; once an hour it also
/// notes that the device was seen.
///
/// # Errors
/// In this order: [`Code::LicenseInvalid`], [`Code::LicenseNotFound`], [`Code::LicenseRevoked`],
/// [`Code::LicenseSuspended`], [`Code::LicenseExpired`], [`Code::LicenseNotActivated`]; and
/// [`Code::RateLimited`].
pub async fn verify(core: &Core, asker: &Asker, request: Verify) -> Result<Verified> {
    let verified = check(core, asker, request).await;
    asker.count(core, &verified, Counted::LicenseVerify);
    verified
}

async fn check(core: &Core, asker: &Asker, request: Verify) -> Result<Verified> {
    let key = parse_key(core, asker, "verify", &request.key).await?;
    let app_id = asker.app_id();
    let hashes = core.keyring.license_key_hashes(app_id, &key);
    let device = device_hash(app_id, &key, &request.device);
    let guesses = asker.address_limit(&core.keyring);
    let now = asker.context().now();
    let found = asker
        .read(core, Scope::LicensesRead, move |_, tx| {
            look(&mut tx.app(app_id), guesses.as_ref(), &hashes, &device, now)
        })
        .await?;
    let (license, (activation_id, seen_at)) = match found.and_then(|found| judge(found, now)) {
        Ok(good) => good,
        Err(refusal) => return Err(asker.refuse(core, "verify", refusal).await?),
    };
    let not_after = plus_seconds(now, -SEEN_EVERY_SECONDS);
    if seen_at <= not_after {
        note(core, asker, license.id, activation_id, not_after).await?;
    }
    Ok(Verified {
        license_id: license.id,
        activation_id,
        expires_at: license.expires_at,
        entitlements: license.entitlements,
        metadata: license.metadata,
        last_verified_at: now,
    })
}

type Found<T> = std::result::Result<T, Refusal>;

fn look(
    scope: &mut AppRead<'_>,
    guesses: Option<&Hit>,
    hashes: &[[u8; 32]],
    device: &[u8; 32],
    now: Timestamp,
) -> Result<Found<LicenseOnDevice>> {
    let mut found = None;
    for hash in hashes {
        found = scope.license_on_device(hash, device)?;
        if found.is_some() {
            break;
        }
    }
    // A device that has its slot does not guess, whatever its neighbours behind one address do.
    let known = found.as_ref().is_some_and(|it| it.activation.is_some());
    if !known && let Some(refusal) = too_many_guesses(scope, guesses, now)? {
        return Ok(Err(refusal));
    }
    Ok(found.ok_or(Refusal::of(Code::LicenseNotFound, None)))
}

fn judge(
    found: LicenseOnDevice,
    now: Timestamp,
) -> Found<(LicenseOnDevice, (ActivationId, Timestamp))> {
    let id = Some(found.id);
    if let Some(code) = refusal(found.status, found.expires_at, now) {
        return Err(Refusal::of(code, id));
    }
    match found.activation {
        Some(activation) => Ok((found, activation)),
        None => Err(Refusal::of(Code::LicenseNotActivated, id)),
    }
}

/// Of many who find the note old at the same moment, one writes the new one.
async fn note(
    core: &Core,
    asker: &Asker,
    id: LicenseId,
    activation_id: ActivationId,
    not_after: Timestamp,
) -> Result<()> {
    let keyring = Arc::clone(&core.keyring);
    asker
        .write(core, Scope::LicensesRead, move |here, tx| {
            let holder = Holder::hold(&keyring, here, tx, id)?;
            let mut scope = tx.app(here.app.id);
            if scope.saw_activation(activation_id, not_after, here.context.now())? {
                let event = here
                    .event(Action::LicenseVerified)
                    .on("license", id)
                    .with(serde_json::json!({ "activation_id": activation_id }));
                scope.audit(&holder.name(event))?;
            }
            Ok(Ok(()))
        })
        .await
}
