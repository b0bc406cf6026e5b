//! Checking an app's credentials.

use std::sync::Arc;

use doorward_crypto::opaque::app_secret_hash;
use doorward_domain::app::{App, AppStatus};
use doorward_domain::audit::{Action, Actor};
use doorward_domain::secret::{AppSecret, constant_time_eq};
use doorward_domain::{AppId, Code};

use crate::audit::Refused;
use crate::context::{AppContext, Context, Credential, Describe};
use crate::core::Core;
use crate::error::{Error, Result};

/// Checks an app's credentials.
///
/// A right pair costs a hash and no look-up while the app is cached. A wrong one costs the same
/// whatever is wrong with it (app unknown, deactivated, secret wrong): one look-up, one hash, one
/// comparison and one audit event, so that neither body nor time tells which.
///
/// # Errors
/// [`Code::TokenInvalid`].
pub async fn authenticate(
    core: &Core,
    context: Context,
    app_id: AppId,
    secret: &AppSecret,
) -> Result<AppContext> {
    let credential = Credential::Secret(app_secret_hash(secret));
    if let Some(app) = core.apps.get(app_id)
        && accepts(&app, credential, &context)
    {
        return Ok(as_app(context, app, credential));
    }
    // Not cached, or refused by a copy that may be old: the stored app decides.
    match load(core, app_id).await? {
        Some(app) if accepts(&app, credential, &context) => Ok(as_app(context, app, credential)),
        found => {
            refuse(core, &context, app_id, found.as_deref()).await?;
            Err(Error::new(Code::TokenInvalid)
                .with_message("The app_id or app_secret is not valid."))
        }
    }
}

/// Checks the credentials of an operation again, against the stored app.
pub(crate) async fn reauthenticate(core: &Core, app: &AppContext) -> Result<AppContext> {
    match load(core, app.app.id).await? {
        Some(fresh) if accepts(&fresh, app.credential, &app.context) => Ok(AppContext {
            app: fresh,
            ..app.clone()
        }),
        _ => {
            Err(Error::new(Code::TokenInvalid)
                .with_message("The app_id or app_secret is not valid."))
        }
    }
}

/// An active app, from the cache or the store.
pub(crate) async fn active_app(core: &Core, app_id: AppId) -> Result<Option<Arc<App>>> {
    let app = match core.apps.get(app_id) {
        Some(app) => Some(app),
        None => load(core, app_id).await?,
    };
    Ok(app.filter(|app| app.status == AppStatus::Active))
}

async fn load(core: &Core, app_id: AppId) -> Result<Option<Arc<App>>> {
    let read_at = core.apps.moment();
    let app = core
        .store
        .read(move |tx| Ok::<_, Error>(tx.platform().app(app_id)?))
        .await?;
    Ok(app.map(|app| {
        let app = Arc::new(app);
        core.apps.put(Arc::clone(&app), read_at);
        app
    }))
}

fn as_app(context: Context, app: Arc<App>, credential: Credential) -> AppContext {
    AppContext {
        context: context.acting(Actor::App(app.id)),
        app,
        credential,
    }
}

fn accepts(app: &App, Credential::Secret(hash): Credential, context: &Context) -> bool {
    let current = constant_time_eq(&hash, &app.secret_hash);
    let previous = app
        .previous_secret
        .as_ref()
        .is_some_and(|old| context.now() < old.until && constant_time_eq(&hash, &old.hash));
    (current | previous) & (app.status == AppStatus::Active)
}

async fn refuse(core: &Core, context: &Context, app_id: AppId, app: Option<&App>) -> Result<()> {
    let source = app.map_or(Refused::Stranger, |app| Refused::Secret(app.id));
    if !core
        .refusal_budget
        .take(context.now(), source, Code::TokenInvalid)
    {
        return Ok(());
    }
    // An unknown app has no audit log of its own: the event goes to the platform's.
    let event = context
        .event(app.map(|app| app.id), Action::AppAuthenticationFailed)
        .on("app", app_id)
        .refused(Code::TokenInvalid);
    core.store
        .write(move |tx| Ok::<_, Error>(tx.platform().audit(&event)?))
        .await
}
