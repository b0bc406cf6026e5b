//! `GET /admin/apps/{app_id}/stats`

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use doorward_domain::stats::{Counted, parse_day, show_day};
use doorward_service::stats::{self, Day};
use serde::Serialize;
use utoipa::ToSchema;

use super::OperatorFace;
use super::apps::app_id;
use super::auth::Authenticated;
use crate::docs::refusals;
use crate::error::ApiResult;
use crate::read::QueryFields;

/// What happened in an app on a day.
#[derive(Serialize, ToSchema)]
#[schema(as = DayStats)]
pub(super) struct DayView {
    /// The day (UTC).
    #[schema(format = Date)]
    day: String,
    /// Different users who signed in or refreshed: exact up to 256, beyond that an estimate with a
    /// standard error of 2.3 %.
    active_users: i64,
    /// Sign-ins.
    sign_ins: i64,
    /// Attempts to sign in that were refused.
    sign_in_failures: i64,
    /// Codes asked for by e-mail.
    codes_email: i64,
    /// Codes asked for by SMS.
    codes_sms: i64,
    /// Refresh tokens exchanged.
    refreshes: i64,
    /// Exchanges that were refused.
    refresh_failures: i64,
    /// Devices activated on a licence, or found activated.
    license_activations: i64,
    /// Licences found good on a device.
    license_verifies: i64,
    /// Activations and verifications that were refused.
    license_failures: i64,
    /// E-mails that a provider took over.
    email_accepted: i64,
    /// E-mails that a provider reported as delivered.
    email_delivered: i64,
    /// E-mails given up, or reported as not delivered.
    email_failed: i64,
    /// SMS that a provider took over. One that is sent again by another provider counts again.
    sms_accepted: i64,
    /// SMS that a provider reported as delivered.
    sms_delivered: i64,
    /// SMS given up, or reported as not delivered.
    sms_failed: i64,
}

impl From<Day> for DayView {
    fn from(day: Day) -> Self {
        Self {
            day: show_day(day.day),
            active_users: day.active_users,
            sign_ins: day.get(Counted::SignIn),
            sign_in_failures: day.get(Counted::SignInFailure),
            codes_email: day.get(Counted::CodeEmail),
            codes_sms: day.get(Counted::CodeSms),
            refreshes: day.get(Counted::Refresh),
            refresh_failures: day.get(Counted::RefreshFailure),
            license_activations: day.get(Counted::LicenseActivation),
            license_verifies: day.get(Counted::LicenseVerify),
            license_failures: day.get(Counted::LicenseFailure),
            email_accepted: day.get(Counted::EmailAccepted),
            email_delivered: day.get(Counted::EmailDelivered),
            email_failed: day.get(Counted::EmailFailed),
            sms_accepted: day.get(Counted::SmsAccepted),
            sms_delivered: day.get(Counted::SmsDelivered),
            sms_failed: day.get(Counted::SmsFailed),
        }
    }
}

/// Statistics of an app.
#[derive(Serialize, ToSchema)]
pub(super) struct AppStats {
    /// Every day that was asked for, in order; at most 92. Ask for other days to go on.
    items: Vec<DayView>,
}

refusals!(
    AppStatsRefusals = ALWAYS | OPERATOR + ValidationError,
    AppNotFound
);

/// Statistics of an app, day by day
///
/// Each node writes what it has counted every ten seconds. Kept for 400 days. Scope `metrics:read`.
#[utoipa::path(
    get, path = "/admin/apps/{app_id}/stats", operation_id = "appStats", tag = "Apps",
    params(
        ("app_id" = uuid::Uuid, Path, description = "The app."),
        ("from" = Option<String>, Query, format = Date, description = "The first day (UTC); 30 days before the end if absent."),
        ("to" = Option<String>, Query, format = Date, description = "The last day; today if absent. At most 92 days."),
    ),
    responses((status = 200, description = "The days.", body = AppStats), AppStatsRefusals),
    security(("admin_key" = [])),
)]
pub(super) async fn show(
    State(face): State<Arc<OperatorFace>>,
    Authenticated(operator): Authenticated,
    Path(app): Path<String>,
    QueryFields(mut fields): QueryFields,
) -> ApiResult<Json<AppStats>> {
    let app_id = app_id(&app)?;
    let from = fields.optional("from", parse_day);
    let to = fields.optional("to", parse_day);
    fields.refuse_unknown();
    let (from, to) = fields.finish(|| Some((from?, to?)))?;
    let days = stats::read(&face.core, &operator, app_id, from, to).await?;
    Ok(Json(AppStats {
        items: days.into_iter().map(DayView::from).collect(),
    }))
}
