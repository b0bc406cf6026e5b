//! `GET /admin/apps/{app_id}/delivery/usage`

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use doorward_domain::sms::is_prefix;
use doorward_domain::time::iso;
use doorward_service::messages::{self, PrefixUsage, SmsAlarm, SmsUsage};
use serde::Serialize;
use utoipa::ToSchema;

use crate::docs::refusals;
use crate::error::ApiResult;
use crate::operator::OperatorFace;
use crate::operator::apps::app_id;
use crate::operator::auth::Authenticated;
use crate::read::{Page, QueryFields};

/// Codes by SMS to numbers that begin so.
#[derive(Serialize, ToSchema)]
#[schema(as = SmsPrefixUsage)]
pub(super) struct PrefixView {
    /// The beginning of the numbers; empty for the whole app.
    prefix: String,
    /// Asked for today.
    day_sent: i64,
    /// Typed in today.
    day_verified: i64,
    /// Of those asked for today, reported as delivered by a provider.
    day_delivered: i64,
    /// Of those asked for today, given up or reported as not delivered.
    day_failed: i64,
    /// Asked for this month.
    month_sent: i64,
    /// Budget of a day; null for none.
    per_day: Option<i64>,
    /// Budget of a month; null for none.
    per_month: Option<i64>,
    /// Asked for within the window of the pumping alarm; null for the whole app.
    window_sent: Option<i64>,
    /// Typed in within that window.
    window_verified: Option<i64>,
    /// Not delivered within that window: they are left out of the share.
    window_failed: Option<i64>,
}

impl From<PrefixUsage> for PrefixView {
    fn from(usage: PrefixUsage) -> Self {
        Self {
            prefix: usage.prefix,
            day_sent: usage.day.sent,
            day_verified: usage.day.verified,
            day_delivered: usage.day.delivered,
            day_failed: usage.day.failed,
            month_sent: usage.month_sent,
            per_day: Some(usage.per_day).filter(|budget| *budget > 0),
            per_month: Some(usage.per_month).filter(|budget| *budget > 0),
            window_sent: usage.window.map(|window| window.sent),
            window_verified: usage.window.map(|window| window.verified),
            window_failed: usage.window.map(|window| window.failed),
        }
    }
}

/// An alarm.
#[derive(Serialize, ToSchema)]
#[schema(as = SmsAlarm)]
pub(super) struct AlarmView {
    /// `day_budget`, `month_budget` or `pumping`.
    kind: &'static str,
    /// Numbers that begin so; empty for the whole app.
    prefix: String,
    /// When it was raised.
    #[schema(format = DateTime)]
    raised_at: String,
    /// Until when it holds, and is not raised again.
    #[schema(format = DateTime)]
    until: String,
    /// Whether nothing is sent there until then.
    stops: bool,
}

impl From<SmsAlarm> for AlarmView {
    fn from(alarm: SmsAlarm) -> Self {
        Self {
            kind: alarm.kind.as_str(),
            prefix: alarm.prefix,
            raised_at: iso(alarm.raised_at),
            until: iso(alarm.active_until),
            stops: alarm.stops,
        }
    }
}

/// What an app's text messages came to.
#[derive(Serialize, ToSchema)]
#[schema(as = SmsUsage)]
pub(super) struct UsageView {
    /// Beginning of the day (UTC).
    #[schema(format = DateTime)]
    day: String,
    /// Beginning of the month (UTC).
    #[schema(format = DateTime)]
    month: String,
    /// The whole app.
    total: PrefixView,
    /// By beginning of the number, of what was sent to this month.
    prefixes: Vec<PrefixView>,
    /// Give it as `cursor` to get more prefixes; null when these are the last.
    prefixes_next_cursor: Option<String>,
    /// Of each kind and prefix the latest, newest first; at most 100. Every one is in the audit
    /// (`delivery.alarm`).
    alarms: Vec<AlarmView>,
}

impl UsageView {
    fn new(usage: SmsUsage, page: &Page<PrefixPlace>) -> Self {
        let place = |usage: &PrefixUsage| PrefixPlace(usage.prefix.clone());
        let (prefixes, prefixes_next_cursor) = page
            .of(usage.prefixes, place, PrefixView::from)
            .into_parts();
        Self {
            day: iso(usage.day),
            month: iso(usage.month),
            total: usage.total.into(),
            prefixes,
            prefixes_next_cursor,
            alarms: usage.alarms.into_iter().map(AlarmView::from).collect(),
        }
    }
}

/// A place among prefixes, written without the `+`, which means a blank in a query.
#[derive(Clone)]
struct PrefixPlace(String);

impl std::fmt::Display for PrefixPlace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0.trim_start_matches('+'))
    }
}

impl std::str::FromStr for PrefixPlace {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let prefix = format!("+{text}");
        if is_prefix(&prefix) {
            Ok(Self(prefix))
        } else {
            Err("Must be the prefixes_next_cursor of a former page")
        }
    }
}

refusals!(
    SmsUsageRefusals = ALWAYS | OPERATOR + ValidationError,
    AppNotFound
);

/// Show what an app's text messages came to
///
/// Codes asked for and typed in, against the budgets of the app's settings, and the alarms. Scope
/// `delivery:read`.
#[utoipa::path(
    get, path = "/admin/apps/{app_id}/delivery/usage", operation_id = "showSmsUsage", tag = "Messages",
    params(
        ("app_id" = uuid::Uuid, Path, description = "The app."),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 100, description = "Most prefixes; 50 if absent."),
        ("cursor" = Option<String>, Query, description = "`prefixes_next_cursor` of the former page."),
    ),
    responses((status = 200, description = "The usage.", body = UsageView), SmsUsageRefusals),
    security(("admin_key" = [])),
)]
pub(in crate::operator) async fn show(
    State(face): State<Arc<OperatorFace>>,
    Authenticated(operator): Authenticated,
    Path(app): Path<String>,
    QueryFields(mut fields): QueryFields,
) -> ApiResult<Json<UsageView>> {
    let app_id = app_id(&app)?;
    let page = Page::read_with(&mut fields, str::parse::<PrefixPlace>);
    fields.refuse_unknown();
    let page = fields.finish(|| page)?;
    let after = page.cursor.clone().map(|PrefixPlace(prefix)| prefix);
    let usage = messages::sms_usage(&face.core, &operator, app_id, after, page.fetch()).await?;
    Ok(Json(UsageView::new(usage, &page)))
}
