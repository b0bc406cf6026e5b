//! `POST /license/update`

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use doorward_domain::secret::SecretText;
use doorward_domain::{AppId, LicenseId};
use doorward_service::licenses::{self, Asker};
use utoipa::ToSchema;

use super::PublicFace;
use crate::docs::refusals;
use crate::error::ApiResult;
use crate::license::view::LicenseView;
use crate::license::{documented, fields};
use crate::read::AppBody;
use crate::shell::Meta;

/// New terms (RFC 7396): what is absent stays, `null` empties a field. Exactly one of `license_key`
/// and `license_id` is given.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "documents the body, which the handler takes apart"
)]
pub(super) struct UpdateLicenseRequest {
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
    /// A name for people.
    #[schema(min_length = 1, max_length = 200)]
    label: Option<String>,
    /// Whom it is sold to.
    #[schema(min_length = 1, max_length = 200)]
    issued_to: Option<String>,
    /// Its new end, in the future; null for none.
    #[schema(format = DateTime)]
    expires_at: Option<String>,
    /// Device slots: not fewer than are in use.
    #[schema(minimum = 1, maximum = 100_000)]
    max_activations: Option<i64>,
    /// Merged into the entitlements.
    #[schema(schema_with = documented::entitlements_patch, required = false)]
    entitlements: (),
    /// Merged into the metadata.
    #[schema(value_type = Option<Object>)]
    metadata: Option<()>,
}

refusals!(
    UpdateLicenseRefusals = ALWAYS | BODY | APP + LicenseInvalid,
    LicenseNotFound,
    LicenseRevoked,
    Conflict,
    RateLimited
);

/// Change or renew a licence
///
/// A suspended or expired one can be changed, a revoked one not.
#[utoipa::path(
    post, path = "/license/update", operation_id = "updateLicense", tag = "Licences",
    request_body = UpdateLicenseRequest,
    responses((status = 200, description = "The licence after the change.", body = LicenseView), UpdateLicenseRefusals),
    security((), ("app" = [])),
)]
pub(super) async fn update(
    State(face): State<Arc<PublicFace>>,
    meta: Meta,
    mut body: AppBody,
) -> ApiResult<Json<LicenseView>> {
    let which = fields::which(&mut body.fields);
    let change = fields::change(&mut body.fields);
    let (credentials, (which, change)) = body.finish(|| Some((which?, change?)))?;
    let asker = Asker::app(face.authenticate(&meta, credentials).await?, None);
    let license = licenses::update(&face.core, &asker, which, change).await?;
    Ok(Json(LicenseView::new(license, face.core.clock.now())))
}
