//! Suspending, resuming and revoking.

use std::sync::Arc;

use doorward_domain::audit::Action;
use doorward_domain::license::{License, LicenseStatus, parse_line};
use doorward_domain::scope::Scope;
use doorward_domain::{AppId, Code};

use super::Asker;
use super::find::{Sought, Which};
use super::refuse::Refusal;
use crate::context::{Describe, Operator};
use crate::core::Core;
use crate::error::{Error, Result};
use crate::proof::Deliberate;

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
    decide(core, asker, which, LicenseStatus::Suspended, reason, None).await
}

/// Takes a suspended licence into use again. Doing it twice is no error.
///
/// # Errors
/// As [`suspend`].
pub async fn resume(core: &Core, asker: &Asker, which: Which) -> Result<License> {
    decide(core, asker, which, LicenseStatus::Active, None, None).await
}

/// Ends a licence for good, in the name of its app. An operator says why, and names it once more:
/// [`revoke_deliberately`].
///
/// # Errors
/// As [`suspend`], but [`Code::LicenseAlreadyRevoked`] the second time; [`Code::Forbidden`] for an
/// operator.
pub async fn revoke(
    core: &Core,
    asker: &Asker,
    which: Which,
    reason: Option<String>,
) -> Result<License> {
    if matches!(asker, Asker::Operator(..)) {
        return Err(Error::new(Code::Forbidden));
    }
    decide(core, asker, which, LicenseStatus::Revoked, reason, None).await
}

/// Ends a licence for good, by an operator who confirms its id.
///
/// # Errors
/// As [`revoke`]; [`Code::ValidationError`] when another licence is confirmed, or for a reason of
/// more than 200 characters.
pub async fn revoke_deliberately(
    core: &Core,
    operator: &Operator,
    app_id: AppId,
    which: Which,
    deliberate: Deliberate,
) -> Result<License> {
    // It is shown with the licence too, as what its app says is.
    let reason = parse_line(deliberate.reason()).map_err(|rule| Error::field("reason", rule))?;
    let asker = Asker::Operator(operator.clone(), app_id);
    let (status, meant) = (LicenseStatus::Revoked, Some(Arc::new(deliberate)));
    decide(core, &asker, which, status, Some(reason), meant).await
}

async fn decide(
    core: &Core,
    asker: &Asker,
    which: Which,
    status: LicenseStatus,
    reason: Option<String>,
    meant: Option<Arc<Deliberate>>,
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
            if let Some(meant) = &meant {
                meant.names([id.to_string().as_str()])?;
            }
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
