//! The public face: what apps' backends, consumers and users call.

pub(crate) mod health;
mod jwks;
mod license;
mod license_keys;
mod me;
mod receipts;
mod refresh;
mod revocations;
mod revoke;
mod revoke_user;
mod roles;
mod send_otp;
mod verify_otp;

use std::sync::Arc;

use axum::extract::FromRef;
use axum::{Extension, Router};
use doorward_domain::AppId;
use doorward_domain::secret::{AppSecret, SecretText};
use doorward_service::{AppContext, Context, Core, Error, apps};
use utoipa_axum::routes;

pub(crate) use self::health::{Health, HealthAnswer};
pub(crate) use self::revoke::Success;
use crate::docs;
use crate::error::ApiResult;
use crate::read::{AppCredentials, BodyLimit, BrowserSecrets};
use crate::routes::Routes;
use crate::shell::{Face, Meta, Shell, ShellOptions};

/// What the public face needs.
pub struct PublicFace {
    /// The use cases.
    pub core: Arc<Core>,
    /// Shows the details of `GET /health` to who sends it in `X-Health-Secret`.
    pub health_secret: Option<SecretText>,
    /// Settings of the surroundings.
    pub options: ShellOptions,
}

/// Every documented route of the public face.
pub(crate) fn routes<R: Routes<Arc<PublicFace>>>() -> R {
    limited::<R>().and(free())
}

/// Routes that give way when the service is busy.
fn limited<R: Routes<Arc<PublicFace>>>() -> R {
    R::none()
        .routes(routes!(send_otp::send_otp))
        .routes(routes!(verify_otp::verify_otp))
        .routes(routes!(refresh::refresh))
        .routes(routes!(revoke::revoke))
        .routes(routes!(revoke_user::revoke_user))
        .routes(routes!(me::me))
        .and(license::routes())
        .routes(routes!(license_keys::license_keys))
        .routes(routes!(receipts::receipt))
        .routes(routes!(roles::assign))
        .routes(routes!(roles::revoke))
}

/// Routes that answer however busy the service is.
fn free<R: Routes<Arc<PublicFace>>>() -> R {
    R::none()
        .routes(routes!(health::health))
        .routes(routes!(jwks::jwks))
        .routes(routes!(revocations::revocations))
}

/// The router of the public face.
pub fn public_router(face: PublicFace) -> Router {
    let face = Arc::new(face);
    let shell = Shell {
        face: Face::Public,
        options: face.options.clone(),
        clock: Arc::clone(&face.core.clock),
        random: Arc::clone(&face.core.random),
    };
    let limited = limited::<Router<_>>().with_state(Arc::clone(&face));
    let places = revocations::Places::of(face.options.max_in_flight);
    let free = free::<Router<_>>()
        .with_state(face)
        .layer(Extension(places));
    shell.around(limited.merge(docs::page(docs::openapi_public)), free)
}

impl FromRef<Arc<PublicFace>> for BodyLimit {
    fn from_ref(face: &Arc<PublicFace>) -> Self {
        Self(face.options.body_limit)
    }
}

impl BrowserSecrets for Arc<PublicFace> {
    async fn seen(&self, context: Context, claimed: Option<AppId>) -> Result<(), Error> {
        apps::note_browser(&self.core, &context, claimed).await
    }
}

impl PublicFace {
    /// Checks an app's credentials.
    async fn authenticate(
        &self,
        meta: &Meta,
        credentials: AppCredentials,
    ) -> ApiResult<AppContext> {
        let AppCredentials { app_id, app_secret } = credentials;
        // A malformed secret is refused like a wrong one, by the same steps: no app has this one.
        let secret = AppSecret::parse(app_secret.expose())
            .or_else(|| AppSecret::parse(&"0".repeat(AppSecret::LEN)))
            .ok_or_else(|| Error::internal("64 zeros are no secret"))?;
        let app = apps::authenticate(&self.core, meta.context(), app_id, &secret).await?;
        meta.set_app(app_id);
        Ok(app)
    }
}
