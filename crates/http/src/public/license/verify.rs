//! `POST /license/verify`

use std::net::IpAddr;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use doorward_domain::secret::SecretText;
use doorward_domain::time::iso;
use doorward_domain::{ActivationId, AppId, LicenseId};
use doorward_service::licenses::{self, Asker, Verify};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::{PublicFace, client_ip};
use crate::docs::refusals;
use crate::error::ApiResult;
use crate::license::{documented, fields};
use crate::public::send_otp::client_ip_schema;
use crate::read::AppBody;
use crate::shell::Meta;

/// A program starts on a device.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "documents the body, which the handler takes apart"
)]
pub(super) struct VerifyLicenseRequest {
    /// The app.
    #[schema(value_type = uuid::Uuid)]
    app_id: AppId,
    /// Its secret.
    #[schema(value_type = String, max_length = 4096, example = "<64 hex characters>")]
    app_secret: SecretText,
    /// The key, as somebody typed it.
    #[schema(value_type = String, max_length = 4096, example = "ACME-0000-0000-0000-0000")]
    license_key: SecretText,
    /// The device, as it was activated.
    #[schema(min_length = 1, max_length = 200)]
    device_id: Option<String>,
    /// The User-Agent that the device was activated by, for want of a `device_id`.
    #[schema(min_length = 1, max_length = 4096)]
    user_agent: Option<String>,
    /// The end user's address, for the limit per address and the audit.
    #[schema(schema_with = client_ip_schema, required = false)]
    client_ip: Option<IpAddr>,
}

/// The licence is good on this device.
#[derive(Serialize, ToSchema)]
pub(super) struct VerifyLicenseAnswer {
    /// Always true.
    valid: bool,
    /// The licence.
    #[schema(value_type = uuid::Uuid)]
    license_id: LicenseId,
    /// The device's slot.
    #[schema(value_type = uuid::Uuid)]
    activation_id: ActivationId,
    /// The licence's end; null when it has none.
    #[schema(format = DateTime)]
    expires_at: Option<String>,
    /// Now.
    #[schema(format = DateTime)]
    last_verified_at: String,
    /// What the licence entitles to.
    #[schema(schema_with = documented::entitlements)]
    entitlements: Value,
    /// Anything the app keeps with it.
    #[schema(value_type = Object)]
    metadata: Map<String, Value>,
}

refusals!(
    VerifyLicenseRefusals = ALWAYS | BODY | APP + LicenseInvalid,
    LicenseNotFound,
    LicenseRevoked,
    LicenseSuspended,
    LicenseExpired,
    LicenseNotActivated,
    RateLimited
);

/// Verify a licence on a device
///
/// To be asked at every start of the program. Needs no free slot.
#[utoipa::path(
    post, path = "/license/verify", operation_id = "verifyLicense", tag = "Licences",
    request_body = VerifyLicenseRequest,
    responses((status = 200, description = "It is good.", body = VerifyLicenseAnswer), VerifyLicenseRefusals),
    security((), ("app" = [])),
)]
pub(super) async fn verify(
    State(face): State<Arc<PublicFace>>,
    meta: Meta,
    mut body: AppBody,
) -> ApiResult<Json<VerifyLicenseAnswer>> {
    let key = fields::key(&mut body.fields);
    let device = fields::device(&mut body.fields, None);
    let ip = client_ip(&mut body);
    let (credentials, (request, ip)) = body.finish(|| {
        let request = Verify {
            key: key?,
            device: device?,
        };
        Some((request, ip?))
    })?;
    let asker = Asker::app(face.authenticate(&meta, credentials).await?, ip);
    let good = licenses::verify(&face.core, &asker, request).await?;
    Ok(Json(VerifyLicenseAnswer {
        valid: true,
        license_id: good.license_id,
        activation_id: good.activation_id,
        expires_at: good.expires_at.map(iso),
        last_verified_at: iso(good.last_verified_at),
        entitlements: serde_json::to_value(good.entitlements).unwrap_or_default(),
        metadata: good.metadata,
    }))
}
