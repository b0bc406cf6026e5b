//! `GET /admin/maintenance`, `POST /admin/maintenance` and `GET /admin/health`

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use doorward_domain::time::iso;
use doorward_service::health as service_health;
use doorward_service::maintenance::{self, Run, Standing};
use serde::Serialize;
use utoipa::ToSchema;

use super::OperatorFace;
use super::auth::Authenticated;
use crate::docs::refusals;
use crate::error::ApiResult;
use crate::public::HealthAnswer;

/// What is known of maintenance.
#[derive(Serialize, ToSchema)]
pub(super) struct MaintenanceStatus {
    /// The last end, good or bad; null before the first.
    #[schema(format = DateTime)]
    last_run_at: Option<String>,
    /// The last good end.
    #[schema(format = DateTime)]
    last_ok_at: Option<String>,
    /// Rows that the last run removed, by kind; or the error code it failed with.
    #[schema(value_type = Option<Object>)]
    last_report: Option<serde_json::Value>,
    /// Seconds between two runs.
    interval_seconds: i64,
}

impl From<Standing> for MaintenanceStatus {
    fn from(standing: Standing) -> Self {
        Self {
            last_run_at: standing.last_run_at.map(iso),
            last_ok_at: standing.last_ok_at.map(iso),
            last_report: standing.last_report,
            interval_seconds: standing.interval_seconds,
        }
    }
}

refusals!(ShowMaintenanceRefusals = ALWAYS | OPERATOR + ValidationError);

/// When maintenance ran, and what it removed
///
/// Scope `metrics:read`.
#[utoipa::path(
    get, path = "/admin/maintenance", operation_id = "showMaintenance", tag = "Operation",
    responses((status = 200, description = "What is known.", body = MaintenanceStatus), ShowMaintenanceRefusals),
    security(("admin_key" = [])),
)]
pub(super) async fn show(
    State(face): State<Arc<OperatorFace>>,
    Authenticated(operator): Authenticated,
) -> ApiResult<Json<MaintenanceStatus>> {
    let standing = maintenance::standing(&face.core, &operator).await?;
    Ok(Json(standing.into()))
}

/// What a run came to.
#[derive(Serialize, ToSchema)]
pub(super) struct MaintenanceRun {
    /// Whether it ran; false when a node is at it at this moment.
    ran: bool,
    /// Rows removed; null when it did not run.
    deleted: Option<u64>,
}

refusals!(RunMaintenanceRefusals = ALWAYS | OPERATOR + ValidationError);

/// Run maintenance now
///
/// Removes what is dead, also when a node did it recently. Scope `maintenance:write`.
#[utoipa::path(
    post, path = "/admin/maintenance", operation_id = "runMaintenance", tag = "Operation",
    responses((status = 200, description = "What it came to.", body = MaintenanceRun), RunMaintenanceRefusals),
    security(("admin_key" = [])),
)]
pub(super) async fn run(
    State(face): State<Arc<OperatorFace>>,
    Authenticated(operator): Authenticated,
) -> ApiResult<Json<MaintenanceRun>> {
    let run = maintenance::run_as(&face.core, &operator).await?;
    Ok(Json(match run {
        Run::NotDue => MaintenanceRun {
            ran: false,
            deleted: None,
        },
        Run::Done(purged) => MaintenanceRun {
            ran: true,
            deleted: Some(purged.total()),
        },
    }))
}

refusals!(ShowHealthRefusals = ALWAYS | OPERATOR + ValidationError);

/// How the deployment stands
///
/// The details of `GET /health`, always fresh: database, schema version, signing key, maintenance,
/// messages that wait. Scope `metrics:read`.
#[utoipa::path(
    get, path = "/admin/health", operation_id = "showHealth", tag = "Operation",
    responses((status = 200, description = "The details.", body = HealthAnswer), ShowHealthRefusals),
    security(("admin_key" = [])),
)]
pub(super) async fn health(
    State(face): State<Arc<OperatorFace>>,
    Authenticated(operator): Authenticated,
) -> ApiResult<Json<HealthAnswer>> {
    let details = service_health::details_as(&face.core, &operator).await?;
    Ok(Json(details.into()))
}
