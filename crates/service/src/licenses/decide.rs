//! Suspending, resuming and revoking.

use doorward_domain::Code;
use doorward_domain::audit::Action;
use doorward_domain::license::{License, LicenseStatus};
use doorward_domain::scope::Scope;

use super::Asker;
use super::find::{Sought, Which};
use super::refuse::Refusal;
use crate::context::Describe;
use crate::core::Core;
use crate::error::Result;

/// Takes a licence out of use until it is resumed. Doing it twice is no error.
///
/// # Errors
/// [`Code::LicenseInvalid`], [`Code::LicenseNotFound`], [`Code::LicenseRevoked`]; for an operator
/// [`Code::Forbidden`] without `licenses:write` and [`Code::AppNotFound`].
pub async fn suspend(
    core: &Core,
    asker: &Asker,
    which: Which,
    reason: Option<String>,
) -> Result<License> {
    decide(core, asker, which, LicenseStatus::Suspended, reason).await
}

/// Takes a suspended licence into use again. Doing it twice is no error.
///
/// # Errors
/// As [`suspend`].
pub async fn resume(core: &Core, asker: &Asker, which: Which) -> Result<License> {
    decide(core, asker, which, LicenseStatus::Active, None).await
}

/// Ends a licence for good.
///
/// # Errors
/// As [`suspend`], but [`Code::LicenseAlreadyRevoked`] the second time.
pub async fn revoke(
    core: &Core,
    asker: &Asker,
    which: Which,
    reason: Option<String>,
) -> Result<License> {
    decide(core, asker, which, LicenseStatus::Revoked, reason).await
}

async fn decide(
    core: &Core,
    asker: &Asker,
    which: Which,
    status: LicenseStatus,
    reason: Option<String>,
) -> Result<License> {
    let (operation, action) = match status {
        LicenseStatus::Suspended => ("suspend", Action::LicenseSuspended),
        LicenseStatus::Active => ("resume", Action::LicenseResumed),
        LicenseStatus::Revoked => ("revoke", Action::LicenseRevoked),
    };
    let sought = Sought::new(core, asker, operation, &which).await?;
    let done = asker
        .write(core, Scope::LicensesWrite, move |here, tx| {
            let now = here.context.now();
            let mut scope = tx.app(here.app.id);
            let Some(found) = sought.find(&mut scope, now)? else {
                return Ok(Ok(Err(Refusal::of(Code::LicenseNotFound, None))));
            };
            let id = found.id;
            let changed = scope.set_license_status(id, status, reason.as_deref(), now)?;
            if changed {
                let event = here.event(action).on("license", id);
                let event = match &reason {
                    Some(reason) => event.with(serde_json::json!({ "reason": reason })),
                    None => event,
                };
                scope.audit(&event)?;
            }
            let Some(license) = scope.license(id, now)? else {
                return Ok(Ok(Err(Refusal::of(Code::LicenseNotFound, None))));
            };
            Ok(Ok(match (changed, license.status, status) {
                (false, LicenseStatus::Revoked, LicenseStatus::Revoked) => {
                    Err(Refusal::of(Code::LicenseAlreadyRevoked, Some(id)))
                }
                (false, LicenseStatus::Revoked, _) => {
                    Err(Refusal::of(Code::LicenseRevoked, Some(id)))
                }
                _ => Ok(license),
            }))
        })
        .await?;
    match done {
        Ok(license) => Ok(license),
        Err(refusal) => Err(asker.refuse(core, operation, refusal).await?),
    }
}
