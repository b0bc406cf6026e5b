//! Checking out a licence file, for a device that has to run without the network.

mod seat;

use std::sync::Arc;

use doorward_crypto::LicenseFileClaims;
use doorward_crypto::keyring::Keyring;
use doorward_domain::audit::Action;
use doorward_domain::ids::uuid_v7;
use doorward_domain::license::{License, LicenseKey};
use doorward_domain::scope::Scope;
use doorward_domain::time::plus_seconds;
use doorward_domain::{ActivationId, Code, LicenseId, Timestamp};
use doorward_store::WriteTx;
use doorward_store::app::Hit;
use uuid::Uuid;

use super::find::parse_key;
use super::holder::Holder;
use super::refuse::{Refusal, too_many_guesses};
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
    /// The device's id, as [`doorward_domain::license::Device::parse_id`] gives it.
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
    // The app's first file makes its key, whoever asked for that file.
    let context = asker.context().impersonal();
    let signing = crate::license_keys::active(core, &context, app_id).await?;
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
        let holder = Holder::hold(&self.keyring, here, tx, license.id)?;
        let activation_id = match self.seat(here, tx, (license.id, holder), seat)? {
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
        let mut scope = tx.app(here.app.id);
        scope.note_license_file(activation_id, expires_at)?;
        scope.audit(&holder.name(event))?;
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
}
