//! Looking at licences and their devices.

use doorward_domain::license::{Activation, License};
use doorward_domain::scope::Scope;
use doorward_domain::{ActivationId, Code};
use doorward_store::app::{LicenseFilter, LicensePage};

use super::Asker;
use super::find::{Sought, Which};
use super::holder::as_stored;
use super::refuse::{Refusal, too_many_guesses};
use crate::core::Core;
use crate::error::Result;

/// Which of a licence's devices to show.
#[derive(Debug, Clone, Copy)]
pub struct DevicePage {
    /// Those after this one.
    pub after: Option<ActivationId>,
    /// At most so many.
    pub limit: u32,
}

/// A licence, however it stands, and the devices that hold its slots.
///
/// # Errors
/// [`Code::LicenseInvalid`], [`Code::LicenseNotFound`], [`Code::RateLimited`]; for an operator
/// [`Code::Forbidden`] without `licenses:read` and [`Code::AppNotFound`].
pub async fn show(
    core: &Core,
    asker: &Asker,
    which: Which,
    devices: DevicePage,
) -> Result<(License, Vec<Activation>)> {
    let sought = Sought::new(core, asker, "status", &which).await?;
    let guesses = asker.address_limit(&core.keyring);
    let (app_id, now) = (asker.app_id(), asker.context().now());
    let found = asker
        .read(core, Scope::LicensesRead, move |_, tx| {
            let mut scope = tx.app(app_id);
            if let Some(refusal) = too_many_guesses(&mut scope, guesses.as_ref(), now)? {
                return Ok(Err(refusal));
            }
            let Some(license) = sought.find(&mut scope, now)? else {
                return Ok(Err(Refusal::of(Code::LicenseNotFound, None)));
            };
            let held = scope.activations(license.id, devices.after, devices.limit, now)?;
            Ok(Ok((license, held)))
        })
        .await?;
    match found {
        Ok(found) => Ok(found),
        Err(refusal) => Err(asker.refuse(core, "status", refusal).await?),
    }
}

/// Licences of an app, newest first, or by label where [`LicenseFilter::is_by_label`]. A page looks at a
/// bounded number of them.
///
/// # Errors
/// For an operator [`Code::Forbidden`] without `licenses:read` and [`Code::AppNotFound`].
pub async fn list(core: &Core, asker: &Asker, filter: LicenseFilter) -> Result<LicensePage> {
    let filter = LicenseFilter {
        issued_to: filter.issued_to.map(as_stored),
        ..filter
    };
    let (app_id, now) = (asker.app_id(), asker.context().now());
    asker
        .read(core, Scope::LicensesRead, move |_, tx| {
            Ok(tx.app(app_id).licenses(&filter, now)?)
        })
        .await
}
