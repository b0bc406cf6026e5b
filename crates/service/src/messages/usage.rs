//! What an app's text messages came to, and its alarms.

use doorward_domain::scope::Scope;
use doorward_domain::sms::{AlarmKind, Periods, SmsCounts, SmsSettings, UsageUnit};
use doorward_domain::time::plus_seconds;
use doorward_domain::{AppId, Timestamp};
use doorward_store::StoreError;
use doorward_store::app::AppRead;
pub use doorward_store::app::SmsAlarm;

use crate::caller::Caller;
use crate::context::Operator;
use crate::core::Core;
use crate::error::Result;

/// Alarms shown.
const ALARMS: u32 = 100;

/// Most prefixes of one page, and one more that tells whether there is a next.
const PAGE_MAX: u32 = 101;

/// What was sent to numbers that begin so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrefixUsage {
    /// The beginning of the numbers; empty for the whole app.
    pub prefix: String,
    /// Today.
    pub day: SmsCounts,
    /// This month; verified ones are counted by day only.
    pub month_sent: i64,
    /// Budget of a day; 0 for none.
    pub per_day: i64,
    /// Budget of a month; 0 for none.
    pub per_month: i64,
    /// Within the window of the pumping alarm, up to now; `None` for the whole app.
    pub window: Option<SmsCounts>,
}

/// What an app's text messages came to.
#[derive(Debug, Clone)]
pub struct SmsUsage {
    /// Beginning of the day (UTC).
    pub day: Timestamp,
    /// Beginning of the month (UTC).
    pub month: Timestamp,
    /// The whole app.
    pub total: PrefixUsage,
    /// A page of the beginnings of the numbers that were sent to this month, in their order.
    pub prefixes: Vec<PrefixUsage>,
    /// Of each kind and prefix the latest, newest first; at most 100.
    pub alarms: Vec<SmsAlarm>,
}

/// Shows it, with at most so many prefixes (101 at most) after the given one.
///
/// # Errors
/// [`doorward_domain::Code::Forbidden`] without `delivery:read`;
/// [`doorward_domain::Code::AppNotFound`].
pub async fn show(
    core: &Core,
    operator: &Operator,
    app_id: AppId,
    after: Option<String>,
    limit: u32,
) -> Result<SmsUsage> {
    let limit = limit.clamp(1, PAGE_MAX);
    let caller = Caller::Operator(operator, app_id);
    core.read_as(caller, Scope::DeliveryRead, move |here, tx| {
        let settings = here.app.settings.sms.clone();
        let periods = Periods::at(here.now());
        let from = plus_seconds(periods.slot, -settings.pumping_window_seconds);
        let mut scope = tx.app(here.app.id);
        let mut total = of_prefix(&mut scope, &periods, "")?;
        (total.per_day, total.per_month) = (settings.per_day, settings.per_month);
        let mut prefixes = Vec::new();
        let page = scope.sms_prefixes(UsageUnit::Month, periods.month, after.as_deref(), limit)?;
        for prefix in page {
            let mut usage = of_prefix(&mut scope, &periods, &prefix)?;
            if let Some(budget) = settings.budget_of(&prefix) {
                (usage.per_day, usage.per_month) = (budget.per_day, budget.per_month);
            }
            let window = scope.sms_counts(UsageUnit::Slot, &prefix, from, Timestamp::MAX)?;
            usage.window = Some(window);
            prefixes.push(usage);
        }
        let mut alarms = scope.sms_alarms(ALARMS)?;
        for alarm in alarms.iter_mut().filter(|alarm| alarm.stops) {
            alarm.stops = still_stops(&mut scope, &periods, &settings, alarm)?;
        }
        Ok(SmsUsage {
            day: periods.day,
            month: periods.month,
            total,
            prefixes,
            alarms,
        })
    })
    .await
}

/// Whether an alarm stops messages: that of a budget does for as long as the budget is used up, which it
/// is no more when somebody has raised or lifted it.
fn still_stops(
    scope: &mut AppRead<'_>,
    periods: &Periods,
    settings: &SmsSettings,
    alarm: &SmsAlarm,
) -> std::result::Result<bool, StoreError> {
    if alarm.kind == AlarmKind::Pumping {
        return Ok(true);
    }
    let usage = of_prefix(scope, periods, &alarm.prefix)?;
    let (per_day, per_month) = match alarm.prefix.as_str() {
        "" => (settings.per_day, settings.per_month),
        prefix => settings
            .budget_of(prefix)
            .map_or((0, 0), |budget| (budget.per_day, budget.per_month)),
    };
    let (sent, budget) = match alarm.kind {
        AlarmKind::MonthBudget => (usage.month_sent, per_month),
        _ => (usage.day.sent, per_day),
    };
    Ok(budget > 0 && sent >= budget)
}

fn of_prefix(
    scope: &mut AppRead<'_>,
    periods: &Periods,
    prefix: &str,
) -> std::result::Result<PrefixUsage, StoreError> {
    let month = scope.sms_counts(UsageUnit::Month, prefix, periods.month, periods.next_month)?;
    Ok(PrefixUsage {
        prefix: prefix.to_owned(),
        day: scope.sms_counts(UsageUnit::Day, prefix, periods.day, periods.next_day)?,
        month_sent: month.sent,
        per_day: 0,
        per_month: 0,
        window: None,
    })
}
