//! `/admin/apps/{app_id}/limits`: the limits of an app, and who has used them up.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use doorward_domain::limit::LimitRule;
use doorward_service::Error;
use doorward_service::limits::{self, Standing, Subject};
use serde::Serialize;
use utoipa::ToSchema;

use super::OperatorFace;
use super::apps::app_id;
use super::auth::Authenticated;
use crate::docs::refusals;
use crate::error::ApiResult;
use crate::read::{Fields, JsonBody, ip, uuid};

/// How a limit stands.
#[derive(Serialize, ToSchema)]
#[schema(as = LimitStanding)]
pub(super) struct LimitView {
    /// Its name among the app's settings (`settings.limits`).
    name: &'static str,
    /// So many …
    max: u32,
    /// … in any so many seconds.
    seconds: u32,
    /// Counted in the window at present.
    used: u32,
    /// Seconds until one more is allowed; 0 when it is now.
    retry_after: i64,
}

impl From<Standing> for LimitView {
    fn from(standing: Standing) -> Self {
        let LimitRule { max, seconds } = standing.rule;
        Self {
            name: standing.name,
            max,
            seconds,
            used: standing.used,
            retry_after: standing.retry_after,
        }
    }
}

/// Limits.
#[derive(Serialize, ToSchema)]
pub(super) struct LimitList {
    /// Each one: at most 2 of the app, a contact, an address or a licence. Not paged.
    items: Vec<LimitView>,
}

impl From<Vec<Standing>> for LimitList {
    fn from(found: Vec<Standing>) -> Self {
        Self {
            items: found.into_iter().map(LimitView::from).collect(),
        }
    }
}

/// Whose limits. Exactly one field.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "documents the body, which the handler takes apart"
)]
pub(super) struct LimitSubjectRequest {
    /// An e-mail address or a phone number.
    #[schema(max_length = 254)]
    contact: Option<String>,
    /// A client's address; of IPv6 its /64.
    address: Option<String>,
    /// A licence.
    #[schema(value_type = Option<uuid::Uuid>)]
    license_id: Option<String>,
}

refusals!(
    AppLimitsRefusals = ALWAYS | OPERATOR + ValidationError,
    AppNotFound
);

/// The limits of an app as a whole, and how they stand
///
/// Change any limit with `PATCH /admin/apps/{app_id}` (`settings.limits`). Scope `apps:read`.
#[utoipa::path(
    get, path = "/admin/apps/{app_id}/limits", operation_id = "appLimits", tag = "Limits",
    params(("app_id" = uuid::Uuid, Path, description = "The app.")),
    responses((status = 200, description = "Its limits.", body = LimitList), AppLimitsRefusals),
    security(("admin_key" = [])),
)]
pub(super) async fn of_app(
    State(face): State<Arc<OperatorFace>>,
    Authenticated(operator): Authenticated,
    Path(app): Path<String>,
) -> ApiResult<Json<LimitList>> {
    let found = limits::show(&face.core, &operator, app_id(&app)?, Subject::App).await?;
    Ok(Json(found.into()))
}

refusals!(ShowLimitsRefusals = ALWAYS | OPERATOR | BODY + AppNotFound);

/// How the limits of an address, a contact or a licence stand
///
/// A body, so that no address stands in a URL. Changes nothing. Scope `users:read`.
#[utoipa::path(
    post, path = "/admin/apps/{app_id}/limits/show", operation_id = "showLimits", tag = "Limits",
    params(("app_id" = uuid::Uuid, Path, description = "The app.")),
    request_body = LimitSubjectRequest,
    responses((status = 200, description = "Its limits.", body = LimitList), ShowLimitsRefusals),
    security(("admin_key" = [])),
)]
pub(super) async fn show(
    State(face): State<Arc<OperatorFace>>,
    Authenticated(operator): Authenticated,
    Path(app): Path<String>,
    body: JsonBody,
) -> ApiResult<Json<LimitList>> {
    let (app_id, subject) = (app_id(&app)?, read(body)?);
    let found = limits::show(&face.core, &operator, app_id, subject).await?;
    Ok(Json(found.into()))
}

refusals!(ClearLimitsRefusals = ALWAYS | OPERATOR | BODY + AppNotFound);

/// Let an address, a contact or a licence begin anew
///
/// For somebody who has locked himself out. Answers how the limits stood before. Scope `users:write`.
#[utoipa::path(
    post, path = "/admin/apps/{app_id}/limits/clear", operation_id = "clearLimits", tag = "Limits",
    params(("app_id" = uuid::Uuid, Path, description = "The app.")),
    request_body = LimitSubjectRequest,
    responses((status = 200, description = "Cleared; how they stood before.", body = LimitList), ClearLimitsRefusals),
    security(("admin_key" = [])),
)]
pub(super) async fn clear(
    State(face): State<Arc<OperatorFace>>,
    Authenticated(operator): Authenticated,
    Path(app): Path<String>,
    body: JsonBody,
) -> ApiResult<Json<LimitList>> {
    let (app_id, subject) = (app_id(&app)?, read(body)?);
    let found = limits::clear(&face.core, &operator, app_id, subject).await?;
    Ok(Json(found.into()))
}

fn read(body: JsonBody) -> ApiResult<Subject> {
    let mut fields = Fields::from(body);
    let contact = fields.optional("contact", limits::parse_contact);
    let address = fields.optional("address", ip);
    let license = fields.optional("license_id", uuid);
    fields.refuse_unknown();
    let (contact, address, license) = fields.finish(|| Some((contact?, address?, license?)))?;
    match (contact, address, license) {
        (Some(contact), None, None) => Ok(Subject::Contact(contact)),
        (None, Some(address), None) => Ok(Subject::Address(address)),
        (None, None, Some(license)) => Ok(Subject::License(license)),
        _ => Err(Error::field(
            "contact",
            "Give exactly one of contact, address and license_id",
        )
        .into()),
    }
}
