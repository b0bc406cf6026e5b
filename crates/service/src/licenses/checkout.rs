//! Checking out a licence file, for a device that has to run without the network.

use std::sync::Arc;

use doorward_crypto::keyring::Keyring;
use doorward_crypto::{LicenseFileClaims, device_hash, keyless_device_hash};
use doorward_domain::audit::Action;
use doorward_domain::ids::uuid_v7;
use doorward_domain::license::{Device, License, LicenseKey};
use doorward_domain::scope::Scope;
use doorward_domain::time::plus_seconds;
use doorward_domain::{ActivationId, Code, LicenseId, Timestamp};
use doorward_store::WriteTx;
use doorward_store::app::{Claim, ClaimOutcome, Hit, HitOutcome};
use uuid::Uuid;

use super::activate::{activated, per_key};
use super::find::parse_key;
use super::refuse::{Refusal, too_many_guesses};
use super::verify::SEEN_EVERY_SECONDS;
use super::{Asker, Which};
use crate::caller::Here;
use crate::context::Describe;
use crate::core::Core;
use crate::error::{Error, Result};

/// The shortest life of a file, in seconds. The longest is a setting of the app.
pub const MIN_FILE_SECONDS: i64 = 300;

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Checkout {
    /// The licence: by its key, on a device that is activated; or by its id, where the app's backend
    /// answers for the user and the device gets its slot with the file.
    pub which: Which,
    /// The device's id, as [`Device::parse_id`] gives it.
    pub device_id: String,
    /// How long the file shall live: 300 up to the app's `license_file_max_seconds`. `None`: its
    /// `license_file_seconds`.
    pub ttl_seconds: Option<i64>,
}

/// A licence file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedOut {
    /// The file, in its armour.
    pub file: String,
    /// The licence.
    pub license_id: LicenseId,
    /// The device's slot.
    pub activation_id: ActivationId,
    /// When the file ends.
    pub expires_at: Timestamp,
}

/// Checks out a licence file for a device.
///
/// # Errors
/// In this order: [`Code::ValidationError`] for a life out of range, [`Code::LicenseInvalid`],
/// [`Code::LicenseNotFound`], [`Code::LicenseRevoked`], [`Code::LicenseSuspended`],
/// [`Code::LicenseExpired`]; by key [`Code::LicenseNotActivated`], by id
/// [`Code::LicenseMaxActivations`]; and [`Code::RateLimited`].
pub async fn checkout(core: &Core, asker: &Asker, request: Checkout) -> Result<CheckedOut> {
    let key = match &request.which {
        Which::Key(text) => Some(parse_key(core, asker, "checkout", text).await?),
        Which::Id(_) => None,
    };
    let app_id = asker.app_id();
    let device = doorward_verify::license::device_hash(app_id.as_uuid(), &request.device_id);
    let step = Step {
        keyring: Arc::clone(&core.keyring),
        guesses: asker.address_limit(&core.keyring),
        key,
        request,
    };
    let done = asker
        .write(core, Scope::LicensesWrite, move |here, tx| {
            step.run(here, tx)
        })
        .await?;
    let draft = match done {
        Ok(draft) => draft,
        Err(refusal) => return Err(asker.refuse(core, "checkout", refusal).await?),
    };
    let signing = crate::license_keys::active(core, asker.context(), app_id).await?;
    let License { id, .. } = draft.license;
    let jws = LicenseFileClaims {
        iss: &core.settings.issuer,
        aud: &draft.slug,
        app_id,
        license_id: id,
        activation_id: draft.activation_id,
        device: &device,
        entitlements: &draft.license.entitlements,
        metadata: &draft.license.metadata,
        max_activations: draft.license.max_activations,
        license_expires_at: draft.license.expires_at.map(Timestamp::as_second),
        iat: draft.issued_at,
        nbf: draft.issued_at,
        exp: draft.expires_at.as_second(),
        jti: draft.jti,
    }
    .sign(&signing)
    .map_err(|error| Error::internal(format!("a licence file: {error}")))?;
    Ok(CheckedOut {
        file: doorward_verify::license::armoured(&jws),
        license_id: id,
        activation_id: draft.activation_id,
        expires_at: draft.expires_at,
    })
}

#[derive(Clone)]
struct Step {
    keyring: Arc<Keyring>,
    guesses: Option<Hit>,
    key: Option<LicenseKey>,
    request: Checkout,
}

/// All that the file says, decided.
struct Draft {
    license: License,
    activation_id: ActivationId,
    slug: String,
    issued_at: i64,
    expires_at: Timestamp,
    jti: Uuid,
}

type Found<T> = std::result::Result<T, Refusal>;
type Seat = ([u8; 32], Option<ActivationId>);

impl Step {
    fn run(&self, here: &Here, tx: &mut WriteTx<'_>) -> Result<Result<Found<Draft>>> {
        let now = here.now();
        let ttl = match self.ttl(here) {
            Ok(ttl) => ttl,
            Err(wrong) => return Ok(Err(wrong)),
        };
        let found = self.license(here, tx)?;
        let seat = match &found {
            Some(license) => Some(self.seat_of_device(here, tx, license.id)?),
            None => None,
        };
        // A device that has its slot does not guess, whatever its neighbours behind one address do.
        let known = matches!(seat, Some((_, Some(_))));
        if !known
            && let Some(refusal) =
                too_many_guesses(&mut tx.app(here.app.id), self.guesses.as_ref(), now)?
        {
            return Ok(Ok(Err(refusal)));
        }
        let Some((license, seat)) = found.zip(seat) else {
            return Ok(Ok(Err(Refusal::of(Code::LicenseNotFound, None))));
        };
        let id = Some(license.id);
        if let Some(code) = license.refusal(now) {
            return Ok(Ok(Err(Refusal::of(code, id))));
        }
        // A file speaks in whole seconds. A licence with less than one left is over for it.
        let end = plus_seconds(now, ttl).as_second();
        let end = license
            .expires_at
            .map_or(end, |own| end.min(own.as_second()));
        let expires_at = Timestamp::from_second(end).unwrap_or(now);
        if end <= now.as_second() {
            return Ok(Ok(Err(Refusal::of(Code::LicenseExpired, id))));
        }
        let activation_id = match self.seat(here, tx, license.id, seat)? {
            Ok(activation_id) => activation_id,
            Err(refusal) => return Ok(Ok(Err(refusal))),
        };
        let jti = uuid_v7(now, &*here.context.random);
        let event = here
            .event(Action::LicenseCheckedOut)
            .on("license", license.id)
            .with(serde_json::json!({
                "activation_id": activation_id,
                "jti": jti,
                "expires_at": doorward_domain::time::iso(expires_at),
            }));
        tx.app(here.app.id).audit(&event)?;
        Ok(Ok(Ok(Draft {
            license,
            activation_id,
            slug: here.app.slug.as_str().to_owned(),
            issued_at: now.as_second(),
            expires_at,
            jti,
        })))
    }

    fn ttl(&self, here: &Here) -> Result<i64> {
        let settings = &here.app.settings;
        let longest = settings.license_file_max_seconds;
        match self.request.ttl_seconds {
            None => Ok(settings.license_file_seconds),
            Some(ttl) if (MIN_FILE_SECONDS..=longest).contains(&ttl) => Ok(ttl),
            Some(_) => Err(Error::field(
                "ttl_seconds",
                format!("Must be a whole number from {MIN_FILE_SECONDS} to {longest}"),
            )),
        }
    }

    fn license(&self, here: &Here, tx: &mut WriteTx<'_>) -> Result<Option<License>> {
        let mut scope = tx.app(here.app.id);
        let now = here.now();
        match (&self.key, &self.request.which) {
            (Some(key), _) => {
                for hash in self.keyring.license_key_hashes(here.app.id, key) {
                    if let Some(found) = scope.license_by_key(&hash, now)? {
                        return Ok(Some(found));
                    }
                }
                Ok(None)
            }
            (None, Which::Id(id)) => Ok(scope.license(*id, now)?),
            (None, Which::Key(_)) => Ok(None),
        }
    }

    /// What the device is known by on the licence, and its slot if it has one.
    fn seat_of_device(&self, here: &Here, tx: &mut WriteTx<'_>, id: LicenseId) -> Result<Seat> {
        let device = self.device(here, tx, id)?;
        let held = tx.app(here.app.id).activation_of_device(id, &device)?;
        Ok((device, held))
    }

    /// The device's slot. Asked for by key it must be there; asked for by id it is taken.
    fn seat(
        &self,
        here: &Here,
        tx: &mut WriteTx<'_>,
        id: LicenseId,
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
        activated(here, tx, id, activation_id, returned)?;
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
