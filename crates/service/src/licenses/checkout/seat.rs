//! The device's slot, for which a file is made.

use doorward_crypto::keyring::Keyring;
use doorward_crypto::{device_hash, keyless_device_hash};
use doorward_domain::license::{Device, LicenseKey};
use doorward_domain::time::plus_seconds;
use doorward_domain::{ActivationId, Code, LicenseId};
use doorward_store::WriteTx;
use doorward_store::app::{Claim, ClaimOutcome, Hit, HitOutcome};

use super::super::activate::{activated, per_key};
use super::super::holder::Holder;
use super::super::refuse::Refusal;
use super::super::verify::SEEN_EVERY_SECONDS;
use super::{Found, Step};
use crate::caller::Here;
use crate::error::{Error, Result};

/// What a device is known by on a licence, and its slot if it has one.
type Seat = ([u8; 32], Option<ActivationId>);

impl Step {
    /// What the device is known by on the licence, and its slot if it has one.
    pub(super) fn seat_of_device(
        &self,
        here: &Here,
        tx: &mut WriteTx<'_>,
        id: LicenseId,
    ) -> Result<Seat> {
        let device = self.device(here, tx, id)?;
        let held = tx.app(here.app.id).activation_of_device(id, &device)?;
        Ok((device, held))
    }

    /// The device's slot. Asked for by key it must be there; asked for by id it is taken.
    pub(super) fn seat(
        &self,
        here: &Here,
        tx: &mut WriteTx<'_>,
        (id, holder): (LicenseId, Holder),
        (device, held): Seat,
    ) -> Result<Found<ActivationId>> {
        let now = here.now();
        if held.is_none() && self.key.is_some() {
            return Ok(Err(Refusal::of(Code::LicenseNotActivated, Some(id))));
        }
        // The files of a device are counted apart from the devices that a key is tried on: a key
        // that leaked must not keep its owner from his next file.
        let limit = match held {
            Some(activation_id) => files_of(&self.keyring, here, activation_id),
            None => per_key(&self.keyring, here, id),
        };
        let mut scope = tx.app(here.app.id);
        if let HitOutcome::Refused { retry_after, .. } = scope.hit_limits(&[limit], now)? {
            return Ok(Err(Refusal::waiting(retry_after, Some(id))));
        }
        if let Some(activation_id) = held {
            // A file cannot be taken back, so a decision that is being written is waited for.
            scope.hold_license(id)?;
            if let Some(code) = scope.license(id, now)?.and_then(|found| found.refusal(now)) {
                return Ok(Err(Refusal::of(code, Some(id))));
            }
            if scope.activation_of_device(id, &device)? != Some(activation_id) {
                return Ok(Err(Refusal::of(Code::LicenseNotActivated, Some(id))));
            }
            scope.saw_activation(activation_id, plus_seconds(now, -SEEN_EVERY_SECONDS), now)?;
            return Ok(Ok(activation_id));
        }
        let claim = Claim {
            license_id: id,
            activation_id: ActivationId::generate(&*here.context.clock, &*here.context.random),
            device_hash: device,
            device_label: None,
            now,
        };
        let (activation_id, returned) = match scope.claim_seat(&claim)? {
            ClaimOutcome::Known(activation_id) => return Ok(Ok(activation_id)),
            ClaimOutcome::Returned(activation_id) => (activation_id, true),
            ClaimOutcome::Claimed { .. } => (claim.activation_id, false),
            ClaimOutcome::Refused => {
                let code = scope.license(id, now)?.and_then(|found| found.refusal(now));
                let code = code.unwrap_or(Code::LicenseMaxActivations);
                return Ok(Err(Refusal::of(code, Some(id))));
            }
        };
        activated(here, tx, (id, holder), activation_id, returned)?;
        Ok(Ok(activation_id))
    }

    /// The hash by which the device is known on the licence: the same whether the licence was named
    /// by its key or by its id.
    fn device(&self, here: &Here, tx: &mut WriteTx<'_>, id: LicenseId) -> Result<[u8; 32]> {
        let device = Device::Id(self.request.device_id.clone());
        let app_id = here.app.id;
        if let Some(key) = &self.key {
            return Ok(device_hash(app_id, key, &device));
        }
        let Some(sealed) = tx.app(app_id).sealed_license_key(id)? else {
            return Ok(keyless_device_hash(app_id, id, &device));
        };
        let opened = self
            .keyring
            .open_license_key(app_id, id, &sealed)
            .map_err(|error| Error::internal(format!("the key of licence {id}: {error}")))?;
        let key = LicenseKey::parse(opened.expose())
            .ok_or_else(|| Error::internal(format!("the key of licence {id} is none")))?;
        Ok(device_hash(app_id, &key, &device))
    }
}

/// The limit on the files of one device.
fn files_of(keyring: &Keyring, here: &Here, id: ActivationId) -> Hit {
    Hit {
        key: keyring.limit_key("license.files", &id.to_string()),
        rule: here.app.settings.limits.license_per_key,
    }
}
