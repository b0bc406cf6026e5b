//! `GET /metrics`

use std::sync::Arc;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use doorward_domain::scope::Scope;

use super::OperatorFace;
use super::auth::Authenticated;
use crate::docs::refusals;
use crate::error::ApiResult;

refusals!(MetricsRefusals = ALWAYS | OPERATOR + ValidationError);

/// Metrics
///
/// In Prometheus' text format. Scope `metrics:read`; Prometheus can send the key from a file
/// (`authorization.credentials_file`).
#[utoipa::path(
    get, path = "/metrics", operation_id = "metrics", tag = "Operation",
    responses(
        (status = 200, description = "The metrics.", body = String, content_type = "text/plain"),
        MetricsRefusals,
    ),
    security(("admin_key" = [])),
)]
pub(super) async fn metrics(
    State(face): State<Arc<OperatorFace>>,
    Authenticated(operator): Authenticated,
) -> ApiResult<Response> {
    face.core.authorise(&operator, Scope::MetricsRead).await?;
    let kind = [(
        header::CONTENT_TYPE,
        "text/plain; version=0.0.4; charset=utf-8",
    )];
    Ok((kind, face.metrics.render()).into_response())
}
