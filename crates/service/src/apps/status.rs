//! Switching an app off and on.

use doorward_domain::app::{App, AppStatus};
use doorward_domain::audit::Action;
use doorward_domain::scope::Scope;
use doorward_domain::{AppId, Code};

use crate::context::{Describe, Operator};
use crate::core::Core;
use crate::error::{Error, Result};
use crate::revocations::switched_off_app;

/// Switches an app off: it signs nobody in, refreshes nothing, and its API answers as for a wrong
/// secret. Doing it twice is no error.
///
/// # Errors
/// [`Code::Forbidden`] without `apps:write`; [`Code::AppNotFound`].
pub async fn deactivate(core: &Core, operator: &Operator, id: AppId) -> Result<App> {
    set(
        core,
        operator,
        id,
        AppStatus::Deactivated,
        Action::AppDeactivated,
    )
    .await
}

/// Switches an app on again.
///
/// # Errors
/// As [`deactivate`].
pub async fn reactivate(core: &Core, operator: &Operator, id: AppId) -> Result<App> {
    set(
        core,
        operator,
        id,
        AppStatus::Active,
        Action::AppReactivated,
    )
    .await
}

async fn set(
    core: &Core,
    operator: &Operator,
    id: AppId,
    status: AppStatus,
    action: Action,
) -> Result<App> {
    core.authorise(operator, Scope::AppsWrite).await?;
    let context = operator.context.clone();
    let now = context.now();
    let event = operator.context.event(Some(id), action).on("app", id);
    let app = core
        .store
        .write(move |tx| {
            let mut platform = tx.platform();
            let changed = platform.set_app_status(id, status, now)?;
            if changed {
                platform.audit(&event)?;
            }
            let app = platform
                .app(id)?
                .ok_or_else(|| Error::new(Code::AppNotFound))?;
            if changed && status == AppStatus::Deactivated {
                switched_off_app(&context, &app, tx)?;
            }
            Ok::<_, Error>(app)
        })
        .await?;
    core.apps.forget(id);
    Ok(app)
}
