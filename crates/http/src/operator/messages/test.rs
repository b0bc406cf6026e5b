//! `POST /admin/apps/{app_id}/delivery/test`

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use doorward_domain::contact::{Contact, EmailAddress, PhoneNumber};
use doorward_service::messages::{self, TestResult};
use serde::Serialize;
use utoipa::ToSchema;

use crate::docs::refusals;
use crate::error::ApiResult;
use crate::operator::OperatorFace;
use crate::operator::apps::app_id;
use crate::operator::auth::Authenticated;
use crate::read::{Fields, JsonBody};

/// Whom to send a test message to.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "documents the body, which the handler takes apart"
)]
pub(super) struct TestDeliveryRequest {
    /// An e-mail address, or a phone number in E.164 form.
    #[schema(min_length = 3, max_length = 254, example = "ada@example.com")]
    to: String,
}

/// What came of it at one provider.
#[derive(Serialize, ToSchema)]
#[schema(as = DeliveryTestResult)]
pub(super) struct TestResultView {
    /// The app's own provider; null for the deployment's sender.
    provider: Option<String>,
    /// Whether the other side took the message.
    accepted: bool,
    /// Which step failed: `settings`, `resolve`, `connect`, `tls`, `sign_in`, `recipient`, `refused`,
    /// or `exchange` (broken off; whether it was taken is unknown).
    failed_step: Option<&'static str>,
    /// What happened there.
    reason: Option<String>,
}

impl From<TestResult> for TestResultView {
    fn from(result: TestResult) -> Self {
        Self {
            provider: result.provider,
            accepted: result.accepted,
            failed_step: result.failed_step.map(|step| step.as_str()),
            reason: result.reason,
        }
    }
}

/// What came of a test message.
#[derive(Serialize, ToSchema)]
#[schema(as = DeliveryTest)]
pub(super) struct TestAnswer {
    /// One for each provider, in order; at most 3.
    results: Vec<TestResultView>,
}

refusals!(
    TestDeliveryRefusals = ALWAYS | OPERATOR | BODY + AppNotFound,
    SmsBudgetExhausted,
    SmsCountryBlocked,
    RateLimited
);

/// Send a test message
///
/// Through each of the app's providers by itself, or through the deployment's sender where it has
/// none. At most 20 in ten minutes. Scope `delivery:write`.
#[utoipa::path(
    post, path = "/admin/apps/{app_id}/delivery/test", operation_id = "testDelivery", tag = "Messages",
    params(("app_id" = uuid::Uuid, Path, description = "The app.")),
    request_body = TestDeliveryRequest,
    responses((status = 200, description = "What came of it.", body = TestAnswer), TestDeliveryRefusals),
    security(("admin_key" = [])),
)]
pub(in crate::operator) async fn test(
    State(face): State<Arc<OperatorFace>>,
    Authenticated(operator): Authenticated,
    Path(app): Path<String>,
    body: JsonBody,
) -> ApiResult<Json<TestAnswer>> {
    let app = app_id(&app)?;
    let mut fields = Fields::from(body);
    let to = fields.required("to", contact);
    fields.refuse_unknown();
    let to = fields.finish(|| to)?;
    let results = messages::test(&face.core, &operator, app, to).await?;
    Ok(Json(TestAnswer {
        results: results.into_iter().map(TestResultView::from).collect(),
    }))
}

fn contact(text: &str) -> Result<Contact, String> {
    if text.starts_with('+') {
        PhoneNumber::parse(text)
            .map(Contact::Phone)
            .map_err(|error| error.to_string())
    } else {
        EmailAddress::parse(text)
            .map(Contact::Email)
            .map_err(|error| error.to_string())
    }
}
