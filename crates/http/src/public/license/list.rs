//! `POST /license/list`

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use doorward_domain::secret::SecretText;
use doorward_domain::{AppId, TenantId, UserId};
use doorward_service::licenses::{self, Asker};
use utoipa::ToSchema;

use super::PublicFace;
use crate::docs::refusals;
use crate::error::ApiResult;
use crate::license::cursor::LicenseCursor;
use crate::license::view::LicenseView;
use crate::license::{documented, fields};
use crate::read::{AppBody, Page, Paged};
use crate::shell::Meta;

/// Which licences. What is absent does not matter.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "documents the body, which the handler takes apart"
)]
pub(super) struct ListLicensesRequest {
    /// The app.
    #[schema(value_type = uuid::Uuid)]
    app_id: AppId,
    /// Its secret.
    #[schema(value_type = String, max_length = 4096, example = "<64 hex characters>")]
    app_secret: SecretText,
    /// Only this user's.
    #[schema(value_type = Option<uuid::Uuid>)]
    user_id: Option<UserId>,
    /// Only this organization's.
    #[schema(value_type = Option<uuid::Uuid>)]
    tenant_id: Option<TenantId>,
    /// Only what was issued to exactly this.
    #[schema(min_length = 1, max_length = 200)]
    issued_to: Option<String>,
    /// Only what has a label that begins so.
    #[schema(min_length = 1, max_length = 200)]
    label_prefix: Option<String>,
    /// Only what stands so.
    #[schema(schema_with = documented::state, required = false)]
    state: (),
    /// Only keys that end so.
    #[schema(pattern = "^[0-9A-Za-z]{4}$")]
    key_hint: Option<String>,
    /// Most items; 50 if absent.
    #[schema(minimum = 1, maximum = 100)]
    limit: Option<u32>,
    /// `next_cursor` of the former page of the same search.
    cursor: Option<String>,
}

refusals!(ListLicensesRefusals = ALWAYS | BODY | APP);

/// List licences
///
/// Newest first; with `label_prefix` in the order of the labels, unless something more exact leads: a user,
/// `issued_to`, `key_hint`, or the state `suspended` or `revoked`. A page looks at a bounded number of
/// licences: it may hold fewer than `limit`, or none, although there are more; go on until `next_cursor` is
/// null.
#[utoipa::path(
    post, path = "/license/list", operation_id = "listLicenses", tag = "Licences",
    request_body = ListLicensesRequest,
    responses((status = 200, description = "A page.", body = Paged<LicenseView>), ListLicensesRefusals),
    security((), ("app" = [])),
)]
pub(super) async fn list(
    State(face): State<Arc<PublicFace>>,
    meta: Meta,
    mut body: AppBody,
) -> ApiResult<Json<Paged<LicenseView>>> {
    let filter = fields::filter(&mut body.fields);
    let page = Page::read_body_with(&mut body.fields, |text| {
        LicenseCursor::read(text, filter.as_ref())
    });
    let (credentials, (filter, page)) = body.finish(|| Some((filter?, page?)))?;
    let asker = Asker::app(face.authenticate(&meta, credentials).await?, None);
    let found = licenses::list(&face.core, &asker, fields::on_page(filter, page)).await?;
    let now = face.core.clock.now();
    let items = found.licenses.into_iter();
    let items = items
        .map(|license| LicenseView::new(license, now))
        .collect();
    Ok(Json(Paged::new(items, found.next.map(LicenseCursor))))
}
