//! `GET /admin/apps/{app_id}/licenses` and `GET /admin/apps/{app_id}/licenses/{license_id}`

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use doorward_domain::license::LicenseState;
use doorward_service::licenses::{self, Asker, Which};
use utoipa::ToSchema;

use super::{app_id, ids};
use crate::docs::refusals;
use crate::error::ApiResult;
use crate::license::cursor::LicenseCursor;
use crate::license::fields;
use crate::license::view::{LicenseStatus, LicenseView, Tagged};
use crate::operator::OperatorFace;
use crate::operator::auth::Authenticated;
use crate::read::{Page, Paged, QueryFields};

/// How a licence stands, from the closed list.
struct StateName;

impl utoipa::PartialSchema for StateName {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::Type::String)
            .enum_values(Some(LicenseState::ALL.map(LicenseState::as_str)))
            .into()
    }
}

impl ToSchema for StateName {}

refusals!(
    ListAppLicensesRefusals = ALWAYS | OPERATOR + ValidationError,
    AppNotFound
);

/// List licences
///
/// Newest first; with `label_prefix` in the order of the labels, unless something more exact leads: a user,
/// `issued_to`, `key_hint`, or the state `suspended` or `revoked`. A page looks at a bounded number of
/// licences: it may hold fewer than `limit`, or none, although there are more; go on until `next_cursor` is
/// null. Scope `licenses:read`.
#[utoipa::path(
    get, path = "/admin/apps/{app_id}/licenses", operation_id = "listAppLicenses", tag = "Licences",
    params(
        ("app_id" = uuid::Uuid, Path, description = "The app."),
        ("user_id" = Option<uuid::Uuid>, Query, description = "Only this user's."),
        ("tenant_id" = Option<uuid::Uuid>, Query, description = "Only this organization's."),
        ("issued_to" = Option<String>, Query, min_length = 1, max_length = 200, description = "Only what was issued to exactly this."),
        ("label_prefix" = Option<String>, Query, min_length = 1, max_length = 200, description = "Only what has a label that begins so."),
        ("state" = inline(Option<StateName>), Query, description = "Only what stands so by itself; `suspended` leaves out those that rest only because their user is switched off or deleted."),
        ("key_hint" = Option<String>, Query, pattern = "^[0-9A-Za-z]{4}$", description = "Only keys that end so."),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 100, description = "Most items; 50 if absent."),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the former page of the same search."),
    ),
    responses((status = 200, description = "A page.", body = Paged<LicenseView>), ListAppLicensesRefusals),
    security(("admin_key" = [])),
)]
pub(crate) async fn list(
    State(face): State<Arc<OperatorFace>>,
    Authenticated(operator): Authenticated,
    Path(app): Path<String>,
    QueryFields(mut fields): QueryFields,
) -> ApiResult<Json<Paged<LicenseView>>> {
    let app_id = app_id(&app)?;
    let filter = fields::filter(&mut fields);
    let page = Page::read_with(&mut fields, |text| {
        LicenseCursor::read(text, filter.as_ref())
    });
    fields.refuse_unknown();
    let (filter, page) = fields.finish(|| Some((filter?, page?)))?;
    let asker = Asker::Operator(operator, app_id);
    let found = licenses::list(&face.core, &asker, fields::on_page(filter, page)).await?;
    let now = face.core.clock.now();
    let items = found.licenses.into_iter();
    let items = items
        .map(|license| LicenseView::new(license, now))
        .collect();
    Ok(Json(Paged::new(items, found.next.map(LicenseCursor))))
}

refusals!(
    ShowAppLicenseRefusals = ALWAYS | OPERATOR + ValidationError,
    AppNotFound,
    LicenseNotFound
);

/// Show a licence and its devices
///
/// The devices are those that hold a slot, the released ones that cool off among them. Scope
/// `licenses:read`.
#[utoipa::path(
    get, path = "/admin/apps/{app_id}/licenses/{license_id}", operation_id = "showAppLicense", tag = "Licences",
    params(
        ("app_id" = uuid::Uuid, Path, description = "The app."),
        ("license_id" = uuid::Uuid, Path, description = "The licence."),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 100, description = "Most devices; 50 if absent."),
        ("cursor" = Option<uuid::Uuid>, Query, description = "`activations_next_cursor` of the former page."),
    ),
    responses(
        (status = 200, description = "The licence.", body = LicenseStatus,
            headers(("ETag" = String, description = "Its version, for `If-Match`."))),
        ShowAppLicenseRefusals,
    ),
    security(("admin_key" = [])),
)]
pub(crate) async fn show(
    State(face): State<Arc<OperatorFace>>,
    Authenticated(operator): Authenticated,
    Path(path): Path<(String, String)>,
    QueryFields(mut fields): QueryFields,
) -> ApiResult<Tagged<LicenseStatus>> {
    let (app_id, id) = ids(&path)?;
    let page = Page::read(&mut fields);
    fields.refuse_unknown();
    let devices = fields::devices(&fields.finish(|| page)?);
    let asker = Asker::Operator(operator, app_id);
    let (license, held) = licenses::show(&face.core, &asker, Which::Id(id), devices).await?;
    let now = face.core.clock.now();
    Ok(Tagged::status(license, held, devices.limit, now))
}
