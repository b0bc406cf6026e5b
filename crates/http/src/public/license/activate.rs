//! `POST /license/activate`

use std::net::IpAddr;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use doorward_domain::license::{Device, parse_line};
use doorward_domain::secret::SecretText;
use doorward_domain::{ActivationId, AppId};
use doorward_service::licenses::{self, Activate, Asker};
use serde::Serialize;
use utoipa::ToSchema;

use super::{PublicFace, client_ip};
use crate::docs::refusals;
use crate::error::ApiResult;
use crate::license::fields;
use crate::public::send_otp::client_ip_schema;
use crate::read::AppBody;
use crate::shell::Meta;

/// A device wants a slot.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "documents the body, which the handler takes apart"
)]
pub(super) struct ActivateLicenseRequest {
    /// The app.
    #[schema(value_type = uuid::Uuid)]
    app_id: AppId,
    /// Its secret.
    #[schema(value_type = String, max_length = 4096, example = "<64 hex characters>")]
    app_secret: SecretText,
    /// The key, as somebody typed it.
    #[schema(value_type = String, max_length = 4096, example = "ACME-0000-0000-0000-0000")]
    license_key: SecretText,
    /// What the device keeps from its first installation on, best a UUID. Without it the device is
    /// told by its `user_agent`, and where that is absent too by the User-Agent of this request.
    #[schema(min_length = 1, max_length = 200)]
    device_id: Option<String>,
    /// The device's User-Agent, for want of a `device_id`.
    #[schema(min_length = 1, max_length = 4096)]
    user_agent: Option<String>,
    /// What its user calls it.
    #[schema(min_length = 1, max_length = 200)]
    device_label: Option<String>,
    /// The end user's address, for the limit per address and the audit.
    #[schema(schema_with = client_ip_schema, required = false)]
    client_ip: Option<IpAddr>,
}

/// The device has a slot.
#[derive(Serialize, ToSchema)]
pub(super) struct ActivateLicenseAnswer {
    /// Its slot.
    #[schema(value_type = uuid::Uuid)]
    activation_id: ActivationId,
    /// Whether it has had it before.
    already_activated: bool,
    /// Slots that are taken.
    activations_used: i64,
    /// Slots there are.
    max_activations: i64,
}

refusals!(
    ActivateLicenseRefusals = ALWAYS | BODY | APP + LicenseInvalid,
    LicenseNotFound,
    LicenseRevoked,
    LicenseSuspended,
    LicenseExpired,
    LicenseMaxActivations,
    RateLimited
);

/// Activate a licence on a device
///
/// Takes a slot. A device that has one gets the same answer again, with 200, also when the licence
/// is full.
#[utoipa::path(
    post, path = "/license/activate", operation_id = "activateLicense", tag = "Licences",
    request_body = ActivateLicenseRequest,
    responses(
        (status = 200, description = "The device has had its slot before.", body = ActivateLicenseAnswer),
        (status = 201, description = "The device has a new slot.", body = ActivateLicenseAnswer),
        ActivateLicenseRefusals,
    ),
    security((), ("app" = [])),
)]
pub(super) async fn activate(
    State(face): State<Arc<PublicFace>>,
    meta: Meta,
    mut body: AppBody,
) -> ApiResult<(StatusCode, Json<ActivateLicenseAnswer>)> {
    let key = fields::key(&mut body.fields);
    let sent_by = meta.context().origin.user_agent;
    let device = fields::device(&mut body.fields, sent_by.as_deref());
    let device_label = body.fields.optional("device_label", parse_line);
    let ip = client_ip(&mut body);
    let (credentials, (request, ip)) = body.finish(|| {
        let request = Activate {
            key: key?,
            device: device?,
            device_label: device_label?,
        };
        Some((request, ip?))
    })?;
    let mut app = face.authenticate(&meta, credentials).await?;
    if sent_by.and_then(|text| Device::from_user_agent(&text)) == Some(request.device.clone()) {
        // It is the device's own: no words of the backend's for the audit.
        app.context.origin.user_agent = None;
    }
    let asker = Asker::app(app, ip);
    let done = licenses::activate(&face.core, &asker, request).await?;
    let status = if done.already_activated {
        StatusCode::OK
    } else {
        StatusCode::CREATED
    };
    Ok((
        status,
        Json(ActivateLicenseAnswer {
            activation_id: done.activation_id,
            already_activated: done.already_activated,
            activations_used: done.activations_used,
            max_activations: done.max_activations,
        }),
    ))
}
