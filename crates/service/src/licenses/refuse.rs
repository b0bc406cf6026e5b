//! Refused calls: counted, noted, and in the end not answered any more.

use std::net::IpAddr;

use doorward_crypto::keyring::Keyring;
use doorward_domain::app::AppLimits;
use doorward_domain::audit::Action;
use doorward_domain::{Code, LicenseId, Timestamp};
use doorward_store::app::{AppRead, Hit, HitOutcome};

use super::Asker;
use crate::audit::Refused;
use crate::context::Describe;
use crate::core::Core;
use crate::error::{Error, Result};

/// A refusal, before it is counted.
#[derive(Debug, Clone)]
pub(crate) struct Refusal {
    pub(crate) error: Error,
    license: Option<LicenseId>,
}

impl Refusal {
    pub(crate) const fn of(code: Code, license: Option<LicenseId>) -> Self {
        Self {
            error: Error::new(code),
            license,
        }
    }

    pub(crate) fn waiting(seconds: i64, license: Option<LicenseId>) -> Self {
        Self {
            error: Error::new(Code::RateLimited).with_retry_after(seconds),
            license,
        }
    }

    /// Whether somebody may have been guessing. Who holds a key that is revoked, suspended or
    /// expired, or has no slot left, did not guess it: a fleet of such devices behind one address
    /// must go on hearing why.
    fn is_guess(&self) -> bool {
        matches!(
            self.error.code(),
            Code::LicenseNotFound | Code::LicenseNotActivated
        )
    }
}

impl Asker {
    /// Counts and notes a refusal; gives what is answered. Whoever guesses too often is told to
    /// wait instead. An operator is neither counted nor limited.
    pub(crate) async fn refuse(
        &self,
        core: &Core,
        operation: &'static str,
        refusal: Refusal,
    ) -> Result<Error> {
        let Self::App { app, client_ip } = self else {
            return Ok(refusal.error);
        };
        let license = refusal.license;
        let refusal = if refusal.is_guess() {
            let (keyring, limits) = (&core.keyring, &app.app.settings.limits);
            let hits: Vec<Hit> = client_ip
                .map(|ip| guesses_of_address(keyring, limits, ip))
                .into_iter()
                .chain([guesses_of_app(keyring, limits)])
                .collect();
            let (app_id, now) = (app.app.id, app.context.now());
            let counted = core
                .store
                .write(move |tx| Ok::<_, Error>(tx.app(app_id).hit_limits(&hits, now)?))
                .await?;
            match counted {
                HitOutcome::Allowed { .. } => refusal,
                HitOutcome::Refused { retry_after, .. } => Refusal::waiting(retry_after, license),
            }
        } else {
            refusal
        };
        let code = refusal.error.code();
        let mut event = app
            .event(Action::LicenseRefused)
            .refused(code)
            .with(serde_json::json!({ "operation": operation }));
        if let Some(id) = license {
            event = event.on("license", id);
        }
        core.refuse(Refused::Request(app.app.id), code, event);
        Ok(refusal.error)
    }

    /// The limit that an address has used up by guessing is asked before anything is looked up.
    pub(crate) fn address_limit(&self, keyring: &Keyring) -> Option<Hit> {
        match self {
            Self::App { app, client_ip } => {
                client_ip.map(|ip| guesses_of_address(keyring, &app.app.settings.limits, ip))
            }
            Self::Operator(..) => None,
        }
    }
}

/// The refusal of an address that has guessed too often, if it has.
pub(crate) fn too_many_guesses(
    scope: &mut AppRead<'_>,
    limit: Option<&Hit>,
    now: Timestamp,
) -> Result<Option<Refusal>> {
    let Some(limit) = limit else { return Ok(None) };
    let wait = scope.limit_wait(limit, now)?;
    Ok((wait > 0).then(|| Refusal::waiting(wait, None)))
}

pub(crate) fn guesses_of_address(keyring: &Keyring, limits: &AppLimits, ip: IpAddr) -> Hit {
    Hit {
        key: keyring.limit_key(
            "license.failures.address",
            &crate::otp::network(ip).to_string(),
        ),
        rule: limits.license_failures_per_address,
    }
}

pub(crate) fn guesses_of_app(keyring: &Keyring, limits: &AppLimits) -> Hit {
    Hit {
        key: keyring.limit_key("license.failures.app", ""),
        rule: limits.license_failures_per_app,
    }
}
