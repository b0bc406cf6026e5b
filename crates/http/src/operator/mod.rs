//! The operator face, on a port of its own.

mod admin_keys;
mod alarms;
mod apps;
mod audit;
mod auth;
mod creating;
mod deliberate;
mod dev;
mod doctor;
mod incidents;
mod keys;
mod licenses;
mod limits;
mod maintenance;
mod messages;
mod metrics;
mod preconditions;
mod roles;
mod stats;
mod tenants;
mod users;

use std::sync::Arc;

use axum::extract::FromRef;
use axum::{Router, middleware};
use doorward_domain::secret::SecretText;
use doorward_service::Core;
use metrics_exporter_prometheus::PrometheusHandle;
use utoipa_axum::routes;

pub use self::dev::{DevAids, OutboxQuery, OutboxReader};
pub use self::doctor::LocalDoctor;
pub use self::users::UserCursor;
use crate::docs;
use crate::public::{Health, health};
use crate::read::BodyLimit;
use crate::routes::Routes;
use crate::shell::{Face, Shell, ShellOptions};

/// What the operator face needs.
pub struct OperatorFace {
    /// The use cases.
    pub core: Arc<Core>,
    /// Shows the details of `GET /health`.
    pub health_secret: Option<SecretText>,
    /// What `GET /metrics` shows.
    pub metrics: PrometheusHandle,
    /// Settings of the surroundings.
    pub options: ShellOptions,
    /// Looks at the machine, for `GET /admin/doctor`.
    pub local: Option<LocalDoctor>,
    /// The aids of `doorward dev`. `None` anywhere else: then their routes do not exist.
    pub dev: Option<DevAids>,
}

/// Every documented route of the operator face.
pub(crate) fn routes<R: Routes<Arc<OperatorFace>>>() -> R {
    limited::<R>().and(free())
}

/// Routes that give way when the service is busy.
fn limited<R: Routes<Arc<OperatorFace>>>() -> R {
    R::none()
        .routes(routes!(apps::list::list, apps::create::create))
        .routes(routes!(apps::show::show, apps::update::update))
        .routes(routes!(apps::status::deactivate))
        .routes(routes!(apps::status::reactivate))
        .routes(routes!(apps::rotate_secret::rotate_secret))
        .routes(routes!(tenants::list::list, tenants::change::create))
        .routes(routes!(tenants::list::show, tenants::change::update))
        .routes(routes!(tenants::members::list, tenants::members::add))
        .routes(routes!(tenants::members::remove))
        .routes(routes!(tenants::members::of_user))
        .routes(routes!(roles::list))
        .routes(routes!(roles::define, roles::delete))
        .routes(routes!(admin_keys::list, admin_keys::create))
        .routes(routes!(admin_keys::revoke))
        .routes(routes!(keys::list))
        .routes(routes!(keys::rotate))
        .routes(routes!(audit::list))
        .routes(routes!(doctor::examine))
        .routes(routes!(stats::show))
        .and(users::routes())
        .and(incidents::routes())
        .routes(routes!(limits::of_app))
        .routes(routes!(limits::show))
        .routes(routes!(limits::clear))
        .routes(routes!(maintenance::show, maintenance::run))
        .routes(routes!(maintenance::health))
        .routes(routes!(alarms::test))
        .and(licenses::routes())
        .and(messages::routes())
}

/// Routes that answer however busy the service is.
fn free<R: Routes<Arc<OperatorFace>>>() -> R {
    R::none()
        .routes(routes!(health::health))
        .routes(routes!(metrics::metrics))
}

/// The router of the operator face.
pub fn operator_router(face: OperatorFace) -> Router {
    let OperatorFace {
        ref core,
        ref options,
        ..
    } = face;
    let shell = Shell {
        face: Face::Operator,
        options: options.clone(),
        clock: Arc::clone(&core.clock),
        random: Arc::clone(&core.random),
    };
    let dev = face.dev.clone().map(dev::routes).unwrap_or_default();
    let face = Arc::new(face);
    let limited = limited::<Router<_>>()
        .with_state(Arc::clone(&face))
        .route_layer(middleware::from_fn(preconditions::refuse_unheeded));
    let free = free::<Router<_>>().with_state(face);
    shell.around(
        limited.merge(dev).merge(docs::page(docs::openapi_operator)),
        free,
    )
}

impl FromRef<Arc<OperatorFace>> for BodyLimit {
    fn from_ref(face: &Arc<OperatorFace>) -> Self {
        Self(face.options.body_limit)
    }
}

impl FromRef<Arc<OperatorFace>> for Health {
    fn from_ref(face: &Arc<OperatorFace>) -> Self {
        Self {
            core: Arc::clone(&face.core),
            secret: face.health_secret.clone(),
        }
    }
}
