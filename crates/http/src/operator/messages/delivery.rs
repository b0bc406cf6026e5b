//! `/admin/apps/{app_id}/delivery`

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use doorward_service::messages;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::channel;
use super::view::ChannelView;
use crate::docs::refusals;
use crate::error::ApiResult;
use crate::operator::OperatorFace;
use crate::operator::apps::{app_id, if_match};
use crate::operator::auth::Authenticated;
use crate::public::Success;
use crate::read::{Fields, JsonBody};

/// Who carries an app's messages.
#[derive(Serialize, ToSchema)]
#[schema(as = Delivery)]
pub(super) struct DeliveryView {
    /// E-mail, then SMS; at most these 2.
    items: Vec<ChannelView>,
}

refusals!(
    ShowDeliveryRefusals = ALWAYS | OPERATOR + ValidationError,
    AppNotFound
);

/// Show who carries an app's messages
///
/// Secrets are never shown, only whether and when each was set. Scope `delivery:read`.
#[utoipa::path(
    get, path = "/admin/apps/{app_id}/delivery", operation_id = "showDelivery", tag = "Messages",
    params(("app_id" = uuid::Uuid, Path, description = "The app.")),
    responses((status = 200, description = "Both channels.", body = DeliveryView), ShowDeliveryRefusals),
    security(("admin_key" = [])),
)]
pub(in crate::operator) async fn show(
    State(face): State<Arc<OperatorFace>>,
    Authenticated(operator): Authenticated,
    Path(app): Path<String>,
) -> ApiResult<Json<DeliveryView>> {
    let found = messages::delivery(&face.core, &operator, app_id(&app)?).await?;
    Ok(Json(DeliveryView {
        items: found.into_iter().map(ChannelView::from).collect(),
    }))
}

/// A provider to be set. Which fields are due depends on `kind`.
#[derive(ToSchema)]
#[schema(as = NewProvider)]
#[expect(
    dead_code,
    reason = "documents the body, which the use case takes apart"
)]
struct NewProvider {
    /// Its name inside the app.
    #[schema(pattern = "^[a-z0-9-]{1,32}$")]
    id: String,
    /// `smtp` (e-mail), `twilio` (SMS) or `webhook` (either).
    #[schema(pattern = "^(smtp|twilio|webhook)$")]
    kind: String,
    /// Password, auth token, or key of the signature (at least 32 characters). Left out, the one
    /// before stays, as long as the provider leads to the same place and account.
    #[schema(max_length = 1024, write_only)]
    secret: Option<String>,
    /// smtp: the host.
    #[schema(max_length = 253)]
    host: Option<String>,
    /// smtp: the port; 465, 587 or 25 by `tls`, if absent.
    #[schema(minimum = 1, maximum = 65535)]
    port: Option<u16>,
    /// smtp: `starttls` (if absent), `implicit`, or `none` (loopback only).
    #[schema(pattern = "^(implicit|starttls|none)$")]
    tls: Option<String>,
    /// smtp: who signs in; nobody if absent.
    #[schema(max_length = 256)]
    username: Option<String>,
    /// smtp: the address messages come from.
    #[schema(max_length = 254)]
    from_address: Option<String>,
    /// smtp: the name messages come from; the app's own if absent.
    #[schema(max_length = 100)]
    from_name: Option<String>,
    /// smtp: where answers go.
    #[schema(max_length = 254)]
    reply_to: Option<String>,
    /// twilio: the account.
    #[schema(max_length = 64)]
    account_sid: Option<String>,
    /// twilio: an API key, where not the account itself signs in.
    #[schema(max_length = 64)]
    api_key_sid: Option<String>,
    /// twilio: a number, a sender id, or a messaging service (`MG…`).
    #[schema(max_length = 64)]
    from: Option<String>,
    /// twilio: where the API is, where not at Twilio.
    #[schema(max_length = 2048)]
    base_url: Option<String>,
    /// webhook: where.
    #[schema(max_length = 2048)]
    url: Option<String>,
}

/// The providers of a channel.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "documents the body, which the handler takes apart"
)]
pub(super) struct SetDeliveryRequest {
    /// In the order in which they are asked.
    #[schema(min_items = 1, max_items = 3)]
    providers: Vec<NewProvider>,
}

refusals!(
    SetDeliveryRefusals = ALWAYS | OPERATOR | BODY + AppNotFound,
    Conflict
);

/// Set who carries an app's messages of one channel
///
/// In place of the providers before. Hosts must be in the public Internet, or in a network that the
/// deployment permits. `If-Match` with the ETag keeps two operators from overwriting each other
/// (`"0"`: only where there are none yet). Scope `delivery:write`.
#[utoipa::path(
    put, path = "/admin/apps/{app_id}/delivery/{channel}", operation_id = "setDelivery", tag = "Messages",
    params(
        ("app_id" = uuid::Uuid, Path, description = "The app."),
        ("channel" = String, Path, pattern = "^(email|sms)$", description = "The channel."),
        ("If-Match" = Option<String>, Header, pattern = "^(\"[0-9]{1,18}\"|\\*)$", description = "The ETag the change was made against."),
    ),
    request_body = SetDeliveryRequest,
    responses(
        (status = 200, description = "The providers as they are now.", body = ChannelView,
            headers(("ETag" = String, description = "Their version, for `If-Match`."))),
        SetDeliveryRefusals,
    ),
    security(("admin_key" = [])),
)]
pub(in crate::operator) async fn set(
    State(face): State<Arc<OperatorFace>>,
    Authenticated(operator): Authenticated,
    Path((app, channel_name)): Path<(String, String)>,
    headers: HeaderMap,
    body: JsonBody,
) -> ApiResult<ChannelView> {
    let (app, channel) = (app_id(&app)?, channel(&channel_name)?);
    let mut fields = Fields::from(body);
    let providers = match fields.take("providers") {
        Some(Value::Array(list)) => Some(list),
        given => {
            let message = if given.is_some() {
                "Must be a list"
            } else {
                "Is required"
            };
            fields.refuse("providers", message);
            None
        }
    };
    let expected = if_match(&headers, &mut fields);
    fields.refuse_unknown();
    let (providers, expected) = fields.finish(|| Some((providers?, expected?)))?;
    let providers = messages::parse_providers(channel, providers)?;
    let set =
        messages::set_delivery(&face.core, &operator, app, channel, providers, expected).await?;
    Ok(set.into())
}

refusals!(
    ResetDeliveryRefusals = ALWAYS | OPERATOR + ValidationError,
    AppNotFound,
    NotFound,
    Conflict
);

/// Delete an app's providers of one channel, and their secrets
///
/// The deployment's own sender carries its messages then. Scope `delivery:write`.
#[utoipa::path(
    delete, path = "/admin/apps/{app_id}/delivery/{channel}", operation_id = "resetDelivery", tag = "Messages",
    params(
        ("app_id" = uuid::Uuid, Path, description = "The app."),
        ("channel" = String, Path, pattern = "^(email|sms)$", description = "The channel."),
        ("If-Match" = Option<String>, Header, pattern = "^(\"[0-9]{1,18}\"|\\*)$", description = "The ETag the change was made against."),
    ),
    responses((status = 200, description = "Gone.", body = Success), ResetDeliveryRefusals),
    security(("admin_key" = [])),
)]
pub(in crate::operator) async fn reset(
    State(face): State<Arc<OperatorFace>>,
    Authenticated(operator): Authenticated,
    Path((app, channel_name)): Path<(String, String)>,
    headers: HeaderMap,
) -> ApiResult<Json<Success>> {
    let (app, channel) = (app_id(&app)?, channel(&channel_name)?);
    let mut fields = Fields::empty();
    let expected = if_match(&headers, &mut fields);
    let expected = fields.finish(|| expected)?;
    messages::reset_delivery(&face.core, &operator, app, channel, expected).await?;
    Ok(Json(Success { success: true }))
}
