//! `POST /apps/{app_id}/delivery/receipts/{reference}`

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use doorward_domain::{AppId, Code};
use doorward_service::messages::{self, IncomingReport};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{PublicFace, Success};
use crate::docs::refusals;
use crate::error::{ApiError, ApiResult};
use crate::read::{RawBody, uuid};
use crate::shell::Meta;

/// What a webhook reports about a message. Other fields are ignored.
#[derive(Deserialize, ToSchema)]
#[schema(as = DeliveryReceipt)]
#[expect(
    dead_code,
    reason = "documents the body, which the provider's reader takes apart"
)]
pub(super) struct Receipt {
    /// The message, as it was sent.
    id: uuid::Uuid,
    /// `accepted` (on its way: changes nothing), `delivered`, `failed`, or `rejected` (the recipient
    /// does not take it: no other provider is asked).
    #[schema(pattern = "^(accepted|delivered|failed|rejected)$")]
    status: String,
    /// What went wrong: letters, digits (six at most), dots, `_` and `-`. Anything else is dropped.
    #[schema(max_length = 32)]
    code: Option<String>,
}

/// What Twilio reports. Other fields are ignored, but signed.
#[derive(Deserialize, ToSchema)]
#[schema(as = TwilioReceipt)]
#[expect(
    dead_code,
    non_snake_case,
    reason = "documents the form, which the provider's reader takes apart"
)]
pub(super) struct TwilioReceipt {
    /// Twilio's name for the message.
    MessageSid: String,
    /// What became of it.
    MessageStatus: String,
    /// What went wrong.
    ErrorCode: Option<String>,
}

refusals!(
    ReceiptRefusals = ALWAYS + NotFound,
    PayloadTooLarge,
    ValidationError
);

/// Report what became of a message
///
/// For providers only: Twilio, signed in `X-Twilio-Signature`, or an app's own webhook, signed in
/// `Doorward-Signature` with `Doorward-Timestamp` as the messages it was sent. The URL is told with
/// each message. The first report of an end counts; whatever is wrong with a report, the answer is
/// 404.
#[utoipa::path(
    post, path = "/apps/{app_id}/delivery/receipts/{reference}", operation_id = "reportDelivery",
    tag = "Operation",
    params(
        ("app_id" = uuid::Uuid, Path, description = "The app."),
        ("reference" = String, Path, description = "Names the message and the provider; not to be guessed."),
        ("X-Twilio-Signature" = Option<String>, Header, description = "Twilio's signature."),
        ("Doorward-Timestamp" = Option<String>, Header, description = "Seconds since 1970, within five minutes of now."),
        ("Doorward-Signature" = Option<String>, Header, description = "`v1=` and the HMAC-SHA256, in hex, of `{timestamp}.{body}`."),
    ),
    request_body(content(
        (inline(Receipt) = "application/json"),
        (inline(TwilioReceipt) = "application/x-www-form-urlencoded"),
    )),
    responses((status = 200, description = "Taken, or taken before.", body = Success), ReceiptRefusals),
    security(()),
)]
pub(super) async fn receipt(
    State(face): State<Arc<PublicFace>>,
    meta: Meta,
    Path((app, reference)): Path<(String, String)>,
    headers: HeaderMap,
    RawBody(body): RawBody,
) -> ApiResult<Json<Success>> {
    let app_id: AppId = uuid(&app).map_err(|_| ApiError::new(Code::NotFound))?;
    let incoming = IncomingReport {
        reference,
        headers,
        body: body.to_vec(),
    };
    messages::receive_report(&face.core, &meta.context(), app_id, incoming).await?;
    Ok(Json(Success::new()))
}
