//! `GET /admin/doctor`

use std::pin::Pin;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use doorward_service::doctor::{self, Finding, Severity};
use serde::Serialize;
use utoipa::ToSchema;

use super::OperatorFace;
use super::auth::Authenticated;
use crate::docs::refusals;
use crate::error::ApiResult;

/// Looks at the machine the node runs on: files, ports, disk, certificates.
pub type LocalDoctor =
    Arc<dyn Fn() -> Pin<Box<dyn Future<Output = Vec<Finding>> + Send>> + Send + Sync>;

/// One thing that was looked at.
#[derive(Serialize, ToSchema)]
#[schema(as = Finding)]
pub(super) struct FindingView {
    /// What was looked at. Stable.
    #[schema(example = "keys.signing")]
    id: &'static str,
    /// `ok`, `warn` or `fail`.
    #[schema(value_type = String, example = "ok")]
    severity: Severity,
    /// What was seen.
    seen: String,
    /// What to do; absent when nothing is to be done.
    #[serde(skip_serializing_if = "Option::is_none")]
    advice: Option<String>,
}

/// What an examination found.
#[derive(Serialize, ToSchema)]
pub(super) struct Examination {
    /// The worst of them: `ok`, `warn` or `fail`.
    #[schema(value_type = String, example = "ok")]
    severity: Severity,
    /// All of them, also what is as it should be: at most one for each thing that is looked at.
    findings: Vec<FindingView>,
}

refusals!(DoctorRefusals = ALWAYS | OPERATOR + ValidationError);

/// Examine this node and its database
///
/// Keys, secrets, queues, maintenance, clocks, schema; and of the machine this node runs on: files,
/// ports, disk, limits, certificates. Each finding says what to do. Scope `metrics:read`.
#[utoipa::path(
    get, path = "/admin/doctor", operation_id = "doctor", tag = "Operation",
    responses((status = 200, description = "The findings.", body = Examination), DoctorRefusals),
    security(("admin_key" = [])),
)]
pub(super) async fn examine(
    State(face): State<Arc<OperatorFace>>,
    Authenticated(operator): Authenticated,
) -> ApiResult<Json<Examination>> {
    let mut found = doctor::examine(&face.core, &operator).await?;
    if let Some(local) = &face.local {
        found.extend(local().await);
    }
    let severity = found.iter().map(|finding| finding.severity).max();
    let view = |finding: Finding| FindingView {
        id: finding.id,
        severity: finding.severity,
        seen: finding.seen,
        advice: finding.advice,
    };
    Ok(Json(Examination {
        severity: severity.unwrap_or(Severity::Ok),
        findings: found.into_iter().map(view).collect(),
    }))
}
