//! Checking an app's credentials.

use std::sync::Arc;

use doorward_crypto::opaque::app_secret_hash;
use doorward_domain::app::{App, AppStatus};
use doorward_domain::audit::{Action, Actor};
use doorward_domain::secret::{AppSecret, constant_time_eq};
use doorward_domain::{AppId, Code};
use doorward_store::platform::Candidate;

use crate::audit::Refused;
use crate::context::{AppContext, Context, Credential, Describe};
use crate::core::Core;
use crate::error::{Error, Result};

/// Checks an app's credentials.
///
/// A right pair costs a hash and no look-up while the app is cached. A wrong one costs the same
/// whatever is wrong with it (app unknown, deactivated, secret wrong): one hash, one look-up that
/// finds one row, one comparison and one audit event, which is written later, so that neither body
/// nor time tells which. Nothing is kept of an unknown app, so inventing ids fills no cache.
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
    let found = candidate(core, app_id).await?;
    let right = found
        .as_ref()
        .is_some_and(|(app, _)| accepts(app, credential, &context));
    match found {
        Some((app, true)) if right => Ok(as_app(context, app, credential)),
        found => {
            let known = found.is_some_and(|(_, known)| known);
            refuse(core, &context, Some(app_id), known, Code::TokenInvalid);
            Err(Error::new(Code::TokenInvalid)
                .with_message("The app_id or app_secret is not valid."))
        }
    }
}

/// Notes that an app's secret was sent by a browser, where everybody can read it. It is not
/// checked: the answer is the same for a wrong one, and so is the cost.
///
/// # Errors
/// When the database is out of reach.
pub async fn note_browser(core: &Core, context: &Context, claimed: Option<AppId>) -> Result<()> {
    let known = match claimed {
        Some(app_id) => candidate(core, app_id)
            .await?
            .is_some_and(|(_, known)| known),
        None => false,
    };
    refuse(core, context, claimed, known, Code::Forbidden);
    Ok(())
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

/// The stored app, and whether it is the one that was asked for. An unknown one costs the same: some
/// other app is read and kept in its place.
async fn candidate(core: &Core, app_id: AppId) -> Result<Option<(Arc<App>, bool)>> {
    let read_at = core.apps.moment();
    let found = core
        .store
        .read(move |tx| Ok::<_, Error>(tx.platform().app_or_stand_in(app_id)?))
        .await?;
    Ok(found.map(|found| {
        let (app, known) = match found {
            Candidate::Known(app) => (app, true),
            Candidate::StandIn(app) => (app, false),
        };
        let app = Arc::new(app);
        core.apps.put(Arc::clone(&app), read_at);
        (app, known)
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

/// The event is made before anybody knows whether it will be written: that costs time, too.
fn refuse(core: &Core, context: &Context, claimed: Option<AppId>, known: bool, code: Code) {
    let app = claimed.filter(|_| known);
    let source = app.map_or(Refused::Stranger, Refused::Secret);
    // An unknown app has no audit log of its own: the event goes to the platform's.
    let mut event = context
        .event(app, Action::AppAuthenticationFailed)
        .refused(code);
    if let Some(claimed) = claimed {
        event = event.on("app", claimed);
    }
    if code == Code::Forbidden {
        event = event.with(serde_json::json!({ "from_browser": true }));
    }
    core.refuse(source, code, event);
}
