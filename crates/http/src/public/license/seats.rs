//! `POST /license/deactivate` and `POST /license/release`

use std::net::IpAddr;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use doorward_domain::secret::SecretText;
use doorward_domain::time::iso;
use doorward_domain::{ActivationId, AppId};
use doorward_service::licenses::{self, Asker, Release, Which};
use serde::Serialize;
use utoipa::ToSchema;

use super::{PublicFace, Success, client_ip};
use crate::docs::refusals;
use crate::error::ApiResult;
use crate::license::{fields, no_such_activation};
use crate::public::send_otp::client_ip_schema;
use crate::read::{AppBody, uuid};
use crate::shell::Meta;

/// A slot is to be taken from a device.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "documents the body, which the handler takes apart"
)]
pub(super) struct DeactivateLicenseRequest {
    /// The app.
    #[schema(value_type = uuid::Uuid)]
    app_id: AppId,
    /// Its secret.
    #[schema(value_type = String, max_length = 4096, example = "<64 hex characters>")]
    app_secret: SecretText,
    /// The device's slot.
    #[schema(value_type = uuid::Uuid)]
    activation_id: ActivationId,
}

/// A lost device is to be released, by whoever holds the key.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "documents the body, which the handler takes apart"
)]
pub(super) struct ReleaseLicenseRequest {
    /// The app.
    #[schema(value_type = uuid::Uuid)]
    app_id: AppId,
    /// Its secret.
    #[schema(value_type = String, max_length = 4096, example = "<64 hex characters>")]
    app_secret: SecretText,
    /// The key, as somebody typed it.
    #[schema(value_type = String, max_length = 4096, example = "ACME-0000-0000-0000-0000")]
    license_key: SecretText,
    /// The lost device's slot, as the licence's status lists it.
    #[schema(value_type = uuid::Uuid)]
    activation_id: ActivationId,
    /// The end user's address, for the limit per address and the audit.
    #[schema(schema_with = client_ip_schema, required = false)]
    client_ip: Option<IpAddr>,
}

/// The slot will be free.
#[derive(Serialize, ToSchema)]
pub(super) struct ReleaseLicenseAnswer {
    /// Always true.
    success: bool,
    /// From when on.
    #[schema(format = DateTime)]
    slot_free_at: String,
}

refusals!(
    DeactivateLicenseRefusals = ALWAYS | BODY | APP + RateLimited;
    404: LicenseNotActivated
);

refusals!(
    ReleaseLicenseRefusals = ALWAYS | BODY | APP + LicenseInvalid,
    LicenseNotFound,
    LicenseRevoked,
    LicenseSuspended,
    LicenseExpired,
    RateLimited;
    404: LicenseNotActivated
);

/// Deactivate a device
///
/// Frees its slot at once. For an activation that is unknown, another app's or over already:
/// `LICENSE_NOT_ACTIVATED` with status 404.
#[utoipa::path(
    post, path = "/license/deactivate", operation_id = "deactivateLicense", tag = "Licences",
    request_body = DeactivateLicenseRequest,
    responses((status = 200, description = "Its slot is free.", body = Success), DeactivateLicenseRefusals),
    security((), ("app" = [])),
)]
pub(super) async fn deactivate(
    State(face): State<Arc<PublicFace>>,
    meta: Meta,
    mut body: AppBody,
) -> ApiResult<Json<Success>> {
    let id = body.fields.required("activation_id", uuid);
    let (credentials, id) = body.finish(|| id)?;
    let asker = Asker::app(face.authenticate(&meta, credentials).await?, None);
    licenses::deactivate(&face.core, &asker, id, None)
        .await
        .map_err(no_such_activation)?;
    Ok(Json(Success::new()))
}

/// Release a lost device
///
/// Self-service for the holder of a licence, where the app allows it (`license_self_release`). The
/// slot is free after the app's cooling-off time; until then the device can come back to it. An
/// activation that is not a live one of this licence: `LICENSE_NOT_ACTIVATED` with status 404.
#[utoipa::path(
    post, path = "/license/release", operation_id = "releaseLicense", tag = "Licences",
    request_body = ReleaseLicenseRequest,
    responses((status = 200, description = "It is released.", body = ReleaseLicenseAnswer), ReleaseLicenseRefusals),
    security((), ("app" = [])),
)]
pub(super) async fn release(
    State(face): State<Arc<PublicFace>>,
    meta: Meta,
    mut body: AppBody,
) -> ApiResult<Json<ReleaseLicenseAnswer>> {
    let key = fields::key(&mut body.fields);
    let id = body.fields.required("activation_id", uuid);
    let ip = client_ip(&mut body);
    let (credentials, (request, ip)) = body.finish(|| {
        let request = Release {
            which: Which::Key(key?),
            activation_id: id?,
        };
        Some((request, ip?))
    })?;
    let asker = Asker::app(face.authenticate(&meta, credentials).await?, ip);
    let free_at = licenses::release(&face.core, &asker, request)
        .await
        .map_err(no_such_activation)?;
    Ok(Json(ReleaseLicenseAnswer {
        success: true,
        slot_free_at: iso(free_at),
    }))
}
