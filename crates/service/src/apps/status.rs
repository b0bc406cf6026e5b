//! Switching an app off and on.

use std::sync::Arc;

use doorward_domain::app::{App, AppStatus};
use doorward_domain::audit::Action;
use doorward_domain::scope::Scope;
use doorward_domain::{AppId, Code};

use crate::context::{Describe, Operator};
use crate::core::Core;
use crate::error::{Error, Result};
use crate::proof::Deliberate;
use crate::revocations::switched_off_app;

/// Switches an app off: it signs nobody in, refreshes nothing, and its API answers as for a wrong
/// secret. Doing it twice is no error. Confirmed by slug or id.
///
/// # Errors
/// [`Code::ValidationError`] when another app is confirmed; [`Code::Forbidden`] without `apps:write`; [`Code::AppNotFound`].
pub async fn deactivate(
    core: &Core,
    operator: &Operator,
    id: AppId,
    deliberate: Deliberate,
) -> Result<App> {
    set(
        core,
        operator,
        id,
        AppStatus::Deactivated,
        Action::AppDeactivated,
        Some(deliberate),
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
        None,
    )
    .await
}

async fn set(
    core: &Core,
    operator: &Operator,
    id: AppId,
    status: AppStatus,
    action: Action,
    deliberate: Option<Deliberate>,
) -> Result<App> {
    core.authorise(operator, Scope::AppsWrite).await?;
    let context = operator.context.clone();
    let now = context.now();
    let mut event = operator.context.event(Some(id), action).on("app", id);
    if let Some(deliberate) = &deliberate {
        event = event.with(serde_json::json!({ "reason": deliberate.reason() }));
    }
    let deliberate = Arc::new(deliberate);
    let app = core
        .store
        .write(move |tx| {
            let mut platform = tx.platform();
            let app = platform
                .app(id)?
                .ok_or_else(|| Error::new(Code::AppNotFound))?;
            if let Some(deliberate) = &*deliberate {
                deliberate.names_app(&app)?;
            }
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
