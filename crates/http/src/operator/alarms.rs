//! `POST /admin/alarms/test`

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use doorward_service::alarms::{self, AlarmTest};
use serde::Serialize;
use utoipa::ToSchema;

use super::OperatorFace;
use super::auth::Authenticated;
use crate::docs::refusals;
use crate::error::ApiResult;

/// What came of a test alarm at one place.
#[derive(Serialize, ToSchema)]
#[schema(as = AlarmTestResult)]
pub(super) struct ResultView {
    /// `webhook` or `email`.
    destination: &'static str,
    /// Whether the other side took it.
    accepted: bool,
    /// Which step failed; null when none did.
    failed_step: Option<&'static str>,
    /// What happened there.
    reason: Option<String>,
}

impl From<AlarmTest> for ResultView {
    fn from(test: AlarmTest) -> Self {
        Self {
            destination: test.destination,
            accepted: test.accepted,
            failed_step: test.failed_step.map(|step| step.as_str()),
            reason: test.reason,
        }
    }
}

/// What came of a test alarm.
#[derive(Serialize, ToSchema)]
pub(super) struct AlarmTestAnswer {
    /// One for each place that alarms are told to: at most an endpoint and a mailbox.
    results: Vec<ResultView>,
}

refusals!(
    TestAlarmRefusals = ALWAYS | OPERATOR + ValidationError,
    NotFound,
    RateLimited
);

/// Send a test alarm
///
/// To the endpoint and the mailbox that the configuration names (`DOORWARD_ALARM_…`); 404 when it
/// names none. One in ten seconds at most. Scope `maintenance:write`.
#[utoipa::path(
    post, path = "/admin/alarms/test", operation_id = "testAlarm", tag = "Operation",
    responses((status = 200, description = "What came of it.", body = AlarmTestAnswer), TestAlarmRefusals),
    security(("admin_key" = [])),
)]
pub(super) async fn test(
    State(face): State<Arc<OperatorFace>>,
    Authenticated(operator): Authenticated,
) -> ApiResult<Json<AlarmTestAnswer>> {
    let results = alarms::test(&face.core, &operator).await?;
    Ok(Json(AlarmTestAnswer {
        results: results.into_iter().map(ResultView::from).collect(),
    }))
}
