//! `POST /license/checkout`

use std::net::IpAddr;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use doorward_domain::license::Device;
use doorward_domain::secret::SecretText;
use doorward_domain::time::iso;
use doorward_domain::{ActivationId, AppId, LicenseId};
use doorward_service::licenses::{self, Asker, Checkout, MIN_FILE_SECONDS};
use serde::Serialize;
use utoipa::ToSchema;

use super::{PublicFace, client_ip};
use crate::docs::refusals;
use crate::error::ApiResult;
use crate::license::fields;
use crate::public::send_otp::client_ip_schema;
use crate::read::AppBody;
use crate::shell::Meta;

/// A device has to run without the network.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "documents the body, which the handler takes apart"
)]
pub(super) struct CheckoutLicenseRequest {
    /// The app.
    #[schema(value_type = uuid::Uuid)]
    app_id: AppId,
    /// Its secret.
    #[schema(value_type = String, max_length = 4096, example = "<64 hex characters>")]
    app_secret: SecretText,
    /// The key, as somebody typed it. The device must be activated on it.
    #[schema(value_type = Option<String>, max_length = 4096, example = "ACME-0000-0000-0000-0000")]
    license_key: Option<SecretText>,
    /// The licence, where the app's backend answers for its user. The device takes a slot if it has
    /// none.
    #[schema(value_type = Option<uuid::Uuid>)]
    license_id: Option<LicenseId>,
    /// The device's id.
    #[schema(min_length = 1, max_length = 200)]
    device_id: String,
    /// How long the file shall live, in seconds: 300 up to the app's `license_file_max_seconds`. By
    /// default the app's `license_file_seconds`.
    #[schema(minimum = 300, maximum = 31_536_000)]
    ttl_seconds: Option<i64>,
    /// The end user's address, for the limit per address and the audit.
    #[schema(schema_with = client_ip_schema, required = false)]
    client_ip: Option<IpAddr>,
}

/// A licence file.
#[derive(Serialize, ToSchema)]
pub(super) struct CheckoutLicenseAnswer {
    /// The file: text that can be kept, mailed and pasted.
    license_file: String,
    /// The licence.
    #[schema(value_type = uuid::Uuid)]
    license_id: LicenseId,
    /// The device's slot.
    #[schema(value_type = uuid::Uuid)]
    activation_id: ActivationId,
    /// When the file ends: at the latest with the licence.
    #[schema(format = DateTime)]
    expires_at: String,
}

refusals!(
    CheckoutLicenseRefusals = ALWAYS | BODY | APP + LicenseInvalid,
    LicenseNotFound,
    LicenseRevoked,
    LicenseSuspended,
    LicenseExpired,
    LicenseNotActivated,
    LicenseMaxActivations,
    RateLimited
);

/// Check out a licence file for use without the network
///
/// The device's program verifies it with the public keys of
/// `GET /apps/{app_id}/license-keys.json`, which are built into it. Until the file ends nothing can
/// take it back.
#[utoipa::path(
    post, path = "/license/checkout", operation_id = "checkoutLicense", tag = "Licences",
    request_body = CheckoutLicenseRequest,
    responses((status = 200, description = "The file.", body = CheckoutLicenseAnswer), CheckoutLicenseRefusals),
    security((), ("app" = [])),
)]
pub(super) async fn checkout(
    State(face): State<Arc<PublicFace>>,
    meta: Meta,
    mut body: AppBody,
) -> ApiResult<Json<CheckoutLicenseAnswer>> {
    let which = fields::which(&mut body.fields);
    let device_id = body.fields.required("device_id", Device::parse_id);
    let ttl_seconds = body
        .fields
        .optional_int("ttl_seconds", MIN_FILE_SECONDS..=31_536_000);
    let ip = client_ip(&mut body);
    let (credentials, (request, ip)) = body.finish(|| {
        let (Device::Id(device_id) | Device::UserAgent(device_id)) = device_id?;
        let request = Checkout {
            which: which?,
            device_id,
            ttl_seconds: ttl_seconds?,
        };
        Some((request, ip?))
    })?;
    let asker = Asker::app(face.authenticate(&meta, credentials).await?, ip);
    let done = licenses::checkout(&face.core, &asker, request).await?;
    Ok(Json(CheckoutLicenseAnswer {
        license_file: done.file,
        license_id: done.license_id,
        activation_id: done.activation_id,
        expires_at: iso(done.expires_at),
    }))
}
