//! `/admin/apps/{app_id}/license-keys`: the keys that sign an app's licence files.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use doorward_domain::signing::SigningAlg;
use doorward_domain::time::iso;
use doorward_service::license_keys::{self, StoredLicenseKey};
use doorward_service::{Error, TimeCursor};
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::docs::refusals;
use crate::error::ApiResult;
use crate::operator::OperatorFace;
use crate::operator::apps::app_id;
use crate::operator::auth::Authenticated;
use crate::operator::deliberate::{DangerousRequest, meant};
use crate::read::{Fields, JsonBody, Page, Paged, QueryFields};

/// A key that signs, or signed, an app's licence files: its public side.
#[derive(Serialize, ToSchema)]
#[schema(as = LicenseSigningKey)]
pub(crate) struct LicenseKeyView {
    /// Its id, as files name it.
    kid: String,
    /// What it signs with.
    #[schema(value_type = String, example = "EdDSA")]
    alg: SigningAlg,
    /// `active` or `retired`. A retired one stays published: files it signed are in use.
    state: &'static str,
    /// Creation.
    #[schema(format = DateTime)]
    created_at: String,
    /// When it stopped signing.
    #[schema(format = DateTime)]
    retired_at: Option<String>,
}

impl From<StoredLicenseKey> for LicenseKeyView {
    fn from(key: StoredLicenseKey) -> Self {
        Self {
            kid: key.kid,
            alg: key.alg,
            state: if key.retired_at.is_none() {
                "active"
            } else {
                "retired"
            },
            created_at: iso(key.created_at),
            retired_at: key.retired_at.map(iso),
        }
    }
}

/// An app's licence keys.
#[derive(Serialize, ToSchema)]
pub(crate) struct LicenseSigningKeys {
    /// The keys, newest first; there are 32 at most.
    #[serde(flatten)]
    page: Paged<LicenseKeyView>,
    /// The JWKS document of all of them, to build into the app's programs, as it is published.
    #[schema(value_type = Object)]
    jwks: Box<RawValue>,
}

refusals!(
    ListLicenseKeysRefusals = ALWAYS | OPERATOR + ValidationError,
    AppNotFound
);

/// List the keys that sign an app's licence files
///
/// The first one is made when somebody asks. Scope `keys:read`.
#[utoipa::path(
    get, path = "/admin/apps/{app_id}/license-keys", operation_id = "listLicenseKeys", tag = "Licences",
    params(
        ("app_id" = uuid::Uuid, Path, description = "The app."),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 100, description = "Most items; 50 if absent."),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the former page."),
    ),
    responses((status = 200, description = "The keys.", body = LicenseSigningKeys), ListLicenseKeysRefusals),
    security(("admin_key" = [])),
)]
pub(crate) async fn list(
    State(face): State<Arc<OperatorFace>>,
    Authenticated(operator): Authenticated,
    Path(app): Path<String>,
    QueryFields(mut fields): QueryFields,
) -> ApiResult<Json<LicenseSigningKeys>> {
    let app_id = app_id(&app)?;
    let page = Page::read_with(&mut fields, str::parse::<TimeCursor>);
    fields.refuse_unknown();
    let page = fields.finish(|| page)?;
    let (after, fetch) = (page.cursor.as_ref(), page.fetch());
    let (keys, set) = license_keys::list(&face.core, &operator, app_id, after, fetch).await?;
    Ok(Json(LicenseSigningKeys {
        page: page.of(
            keys,
            |key| TimeCursor {
                at: key.created_at,
                id: key.kid.clone(),
            },
            LicenseKeyView::from,
        ),
        jwks: document(set.jwks)?,
    }))
}

/// The key that signs from now on.
#[derive(Serialize, ToSchema)]
pub(crate) struct RotatedLicenseKey {
    /// Its id.
    kid: String,
    /// The JWKS document with it: ship it with the app's programs.
    #[schema(value_type = Object)]
    jwks: Box<RawValue>,
}

refusals!(
    RotateLicenseKeyRefusals = ALWAYS | OPERATOR | BODY + AppNotFound,
    Conflict
);

/// Replace the key that signs an app's licence files
///
/// New files need the new key: programs that do not know it refuse them. Scope `keys:write`.
#[utoipa::path(
    post, path = "/admin/apps/{app_id}/license-keys/rotate", operation_id = "rotateLicenseKey", tag = "Licences",
    params(("app_id" = uuid::Uuid, Path, description = "The app.")),
    request_body = DangerousRequest,
    responses((status = 200, description = "Replaced.", body = RotatedLicenseKey), RotateLicenseKeyRefusals),
    security(("admin_key" = [])),
)]
pub(crate) async fn rotate(
    State(face): State<Arc<OperatorFace>>,
    Authenticated(operator): Authenticated,
    Path(app): Path<String>,
    body: JsonBody,
) -> ApiResult<Json<RotatedLicenseKey>> {
    let app_id = app_id(&app)?;
    let mut fields = Fields::from(body);
    let meant = meant(&mut fields);
    fields.refuse_unknown();
    let deliberate = fields.finish(|| meant)?.by(&operator)?;
    let set = license_keys::rotate(&face.core, &operator, app_id, deliberate).await?;
    Ok(Json(RotatedLicenseKey {
        kid: set.active_kid,
        jwks: document(set.jwks)?,
    }))
}

fn document(text: String) -> ApiResult<Box<RawValue>> {
    Ok(RawValue::from_string(text).map_err(|error| Error::internal(error.to_string()))?)
}
