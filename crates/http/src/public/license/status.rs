//! `POST /license/status`

use std::net::IpAddr;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use doorward_domain::secret::SecretText;
use doorward_domain::{ActivationId, AppId, LicenseId};
use doorward_service::licenses::{self, Asker};
use utoipa::ToSchema;

use super::{PublicFace, client_ip};
use crate::docs::refusals;
use crate::error::ApiResult;
use crate::license::fields;
use crate::license::view::LicenseStatus;
use crate::public::send_otp::client_ip_schema;
use crate::read::{AppBody, Page};
use crate::shell::Meta;

/// How does a licence stand? Exactly one of `license_key` and `license_id` is given.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "documents the body, which the handler takes apart"
)]
pub(super) struct LicenseStatusRequest {
    /// The app.
    #[schema(value_type = uuid::Uuid)]
    app_id: AppId,
    /// Its secret.
    #[schema(value_type = String, max_length = 4096, example = "<64 hex characters>")]
    app_secret: SecretText,
    /// The key, as somebody typed it.
    #[schema(value_type = Option<String>, max_length = 4096, example = "ACME-0000-0000-0000-0000")]
    license_key: Option<SecretText>,
    /// The licence.
    #[schema(value_type = Option<uuid::Uuid>)]
    license_id: Option<LicenseId>,
    /// Most devices shown; 50 if absent.
    #[schema(minimum = 1, maximum = 100)]
    limit: Option<u32>,
    /// `activations_next_cursor` of the former page.
    #[schema(value_type = Option<uuid::Uuid>)]
    cursor: Option<ActivationId>,
    /// The end user's address, for the limit per address and the audit.
    #[schema(schema_with = client_ip_schema, required = false)]
    client_ip: Option<IpAddr>,
}

refusals!(
    LicenseStatusRefusals = ALWAYS | BODY | APP + LicenseInvalid,
    LicenseNotFound,
    RateLimited
);

/// Show a licence and its devices
///
/// However it stands. The devices are those that hold a slot, the released ones that cool off
/// among them.
#[utoipa::path(
    post, path = "/license/status", operation_id = "licenseStatus", tag = "Licences",
    request_body = LicenseStatusRequest,
    responses((status = 200, description = "The licence.", body = LicenseStatus), LicenseStatusRefusals),
    security((), ("app" = [])),
)]
pub(super) async fn status(
    State(face): State<Arc<PublicFace>>,
    meta: Meta,
    mut body: AppBody,
) -> ApiResult<Json<LicenseStatus>> {
    let which = fields::which(&mut body.fields);
    let page = Page::read_body(&mut body.fields);
    let ip = client_ip(&mut body);
    let (credentials, (which, page, ip)) = body.finish(|| Some((which?, page?, ip?)))?;
    let asker = Asker::app(face.authenticate(&meta, credentials).await?, ip);
    let devices = fields::devices(&page);
    let (license, held) = licenses::show(&face.core, &asker, which, devices).await?;
    let now = face.core.clock.now();
    Ok(Json(LicenseStatus::new(license, held, devices.limit, now)))
}
