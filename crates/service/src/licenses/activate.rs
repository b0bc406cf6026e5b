//! Activating a licence on a device.

use std::sync::Arc;

use doorward_crypto::device_hash;
use doorward_crypto::keyring::Keyring;
use doorward_domain::app::AppLimits;
use doorward_domain::audit::Action;
use doorward_domain::license::{Device, LicenseKey, refusal};
use doorward_domain::scope::Scope;
use doorward_domain::secret::SecretText;
use doorward_domain::stats::Counted;
use doorward_domain::{ActivationId, Code, LicenseId};
use doorward_store::WriteTx;
use doorward_store::app::{Claim, ClaimOutcome, Hit, HitOutcome, LicenseOnDevice};

use super::Asker;
use super::find::{parse_key, rekeyed};
use super::holder::Holder;
use super::refuse::{Refusal, too_many_guesses};
use crate::caller::Here;
use crate::context::Describe;
use crate::core::Core;
use crate::error::Result;

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Activate {
    /// The key, as somebody typed it.
    pub key: SecretText,
    /// The device.
    pub device: Device,
    /// What its user calls it.
    pub device_label: Option<String>,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Activated {
    /// The device's slot.
    pub activation_id: ActivationId,
    /// Whether the device has had it before.
    pub already_activated: bool,
    /// Slots that are taken.
    pub activations_used: i64,
    /// Slots there are.
    pub max_activations: i64,
}

/// Gives a device a slot of a licence. A device that has one keeps it, also when the licence is
/// full, and does not count against the limit of the key.
///
/// # Errors
/// In this order: [`Code::LicenseInvalid`], [`Code::LicenseNotFound`], [`Code::LicenseRevoked`],
/// [`Code::LicenseSuspended`], [`Code::LicenseExpired`], [`Code::LicenseMaxActivations`]; and
/// [`Code::RateLimited`].
pub async fn activate(core: &Core, asker: &Asker, request: Activate) -> Result<Activated> {
    let activated = claim(core, asker, request).await;
    asker.count(core, &activated, Counted::LicenseActivation);
    activated
}

async fn claim(core: &Core, asker: &Asker, request: Activate) -> Result<Activated> {
    let key = parse_key(core, asker, "activate", &request.key).await?;
    let step = Step {
        keyring: Arc::clone(&core.keyring),
        guesses: asker.address_limit(&core.keyring),
        hashes: core.keyring.license_key_hashes(asker.app_id(), &key),
        device_hash: device_hash(asker.app_id(), &key, &request.device),
        device_label: request.device_label,
        key,
    };
    let done = asker
        .write(core, Scope::LicensesWrite, move |here, tx| {
            step.run(here, tx).map(Ok)
        })
        .await?;
    match done {
        Ok(activated) => Ok(activated),
        Err(refusal) => Err(asker.refuse(core, "activate", refusal).await?),
    }
}

#[derive(Clone)]
struct Step {
    keyring: Arc<Keyring>,
    guesses: Option<Hit>,
    hashes: Vec<[u8; 32]>,
    device_hash: [u8; 32],
    device_label: Option<String>,
    key: LicenseKey,
}

type Done = std::result::Result<Activated, Refusal>;

impl Step {
    fn run(&self, here: &Here, tx: &mut WriteTx<'_>) -> Result<Done> {
        let now = here.context.now();
        let found = self.find(here, tx)?;
        // A device that has its slot does not guess, whatever its neighbours behind one address do.
        let known = found.as_ref().is_some_and(|it| it.activation.is_some());
        let mut scope = tx.app(here.app.id);
        if !known && let Some(refusal) = too_many_guesses(&mut scope, self.guesses.as_ref(), now)? {
            return Ok(Err(refusal));
        }
        let Some(found) = found else {
            return Ok(Err(Refusal::of(Code::LicenseNotFound, None)));
        };
        let id = found.id;
        if let Some(code) = refusal(found.status, found.expires_at, now) {
            return Ok(Err(Refusal::of(code, Some(id))));
        }
        if !known {
            let limit = per_key(&self.keyring, here, id);
            if let HitOutcome::Refused { retry_after, .. } = scope.hit_limits(&[limit], now)? {
                return Ok(Err(Refusal::waiting(retry_after, Some(id))));
            }
        }
        // A device that has its slot leaves no event.
        let holder = match known {
            true => Holder::default(),
            false => Holder::hold(&self.keyring, here, tx, id)?,
        };
        let mut scope = tx.app(here.app.id);
        let claim = Claim {
            license_id: id,
            activation_id: ActivationId::generate(&*here.context.clock, &*here.context.random),
            device_hash: self.device_hash,
            device_label: self.device_label.clone(),
            now,
        };
        match scope.claim_seat(&claim)? {
            ClaimOutcome::Known(activation_id) => counted(here, tx, id, activation_id),
            ClaimOutcome::Returned(activation_id) => {
                activated(here, tx, (id, holder), activation_id, true)?;
                counted(here, tx, id, activation_id)
            }
            ClaimOutcome::Claimed {
                activations_used,
                max_activations,
            } => {
                activated(here, tx, (id, holder), claim.activation_id, false)?;
                Ok(Ok(Activated {
                    activation_id: claim.activation_id,
                    already_activated: false,
                    activations_used,
                    max_activations,
                }))
            }
            ClaimOutcome::Refused => {
                // Suspended or revoked a moment ago, or simply full.
                let code = scope.license(id, now)?.and_then(|found| found.refusal(now));
                let code = code.unwrap_or(Code::LicenseMaxActivations);
                Ok(Err(Refusal::of(code, Some(id))))
            }
        }
    }

    /// The licence, and the device on it. One whose hash was made with a former master key gets a
    /// new one, so that the former key can be forgotten some day.
    fn find(&self, here: &Here, tx: &mut WriteTx<'_>) -> Result<Option<LicenseOnDevice>> {
        let mut scope = tx.app(here.app.id);
        for (index, hash) in self.hashes.iter().enumerate() {
            let Some(found) = scope.license_on_device(hash, &self.device_hash)? else {
                continue;
            };
            if index > 0 {
                let random = &*here.context.random;
                let (app_id, id) = (here.app.id, found.id);
                let (new_hash, sealed) = rekeyed(&self.keyring, app_id, id, &self.key, random);
                scope.rekey_license(id, hash, &new_hash, &sealed)?;
            }
            return Ok(Some(found));
        }
        Ok(None)
    }
}

/// The limit on the devices that one key is tried on.
pub(crate) fn per_key(keyring: &Keyring, here: &Here, id: LicenseId) -> Hit {
    tries_of_license(keyring, &here.app.settings.limits, id)
}

/// The same, by the limits alone.
pub(crate) fn tries_of_license(keyring: &Keyring, limits: &AppLimits, id: LicenseId) -> Hit {
    Hit {
        key: keyring.limit_key("license.key", &id.to_string()),
        rule: limits.license_per_key,
    }
}

/// The answer to a device that has had its slot before.
fn counted(
    here: &Here,
    tx: &mut WriteTx<'_>,
    id: LicenseId,
    activation_id: ActivationId,
) -> Result<Done> {
    let found = tx.app(here.app.id).license(id, here.context.now())?;
    Ok(match found {
        Some(license) => Ok(Activated {
            activation_id,
            already_activated: true,
            activations_used: license.activations_used,
            max_activations: license.max_activations,
        }),
        None => Err(Refusal::of(Code::LicenseNotFound, None)),
    })
}

/// Notes that a device has taken a slot.
pub(super) fn activated(
    here: &Here,
    tx: &mut WriteTx<'_>,
    (id, holder): (LicenseId, Holder),
    activation_id: ActivationId,
    returned: bool,
) -> Result<()> {
    let event = here
        .event(Action::LicenseActivated)
        .on("license", id)
        .with(serde_json::json!({ "activation_id": activation_id, "returned": returned }));
    Ok(tx.app(here.app.id).audit(&holder.name(event))?)
}
