//! `/admin/apps/{app_id}/tenants`: organizations and their members.

pub(super) mod change;
pub(super) mod list;
pub(super) mod members;

use axum::Json;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use doorward_domain::organization::Organization;
use doorward_domain::time::iso;
use doorward_domain::{AppId, TenantId};
use doorward_service::Error;
use serde::Serialize;
use utoipa::ToSchema;

use super::apps::app_id;
use crate::error::ApiResult;
use crate::read::uuid;

/// An organization.
#[derive(Serialize, ToSchema)]
#[schema(as = Tenant)]
pub(crate) struct TenantView {
    /// Its id: `tenant_id` in tokens.
    #[schema(value_type = uuid::Uuid)]
    id: TenantId,
    /// Its app.
    #[schema(value_type = uuid::Uuid)]
    app_id: AppId,
    /// Its name for people.
    name: String,
    /// Grows with every change; also the ETag.
    version: i64,
    /// Creation.
    #[schema(format = DateTime)]
    created_at: String,
    /// Last change.
    #[schema(format = DateTime)]
    updated_at: String,
    /// Since then it goes into no token, and nobody joins it.
    #[schema(format = DateTime)]
    archived_at: Option<String>,
}

impl TenantView {
    fn new(app_id: AppId, organization: Organization) -> Self {
        Self {
            id: organization.id,
            app_id,
            name: organization.name,
            version: organization.version,
            created_at: iso(organization.created_at),
            updated_at: iso(organization.updated_at),
            archived_at: organization.archived_at.map(iso),
        }
    }
}

/// With the version as its entity tag, for `If-Match`.
impl IntoResponse for TenantView {
    fn into_response(self) -> Response {
        let etag = format!("\"{}\"", self.version);
        ([(header::ETAG, etag)], Json(self)).into_response()
    }
}

fn ids((app, tenant): &(String, String)) -> ApiResult<(AppId, TenantId)> {
    Ok((app_id(app)?, tenant_id(tenant)?))
}

fn tenant_id(text: &str) -> ApiResult<TenantId> {
    Ok(uuid(text).map_err(|message| Error::field("tenant_id", message))?)
}
