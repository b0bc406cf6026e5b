//! How `doorward delivery usage` prints.

use doorward_domain::time::iso;
use doorward_service::messages::{PrefixUsage, SmsAlarm, SmsUsage};
use serde::Serialize;

use crate::output::{Report, table};

/// Codes by SMS to numbers that begin so.
#[derive(Serialize)]
struct PrefixView {
    prefix: String,
    day_sent: i64,
    day_verified: i64,
    day_delivered: i64,
    day_failed: i64,
    month_sent: i64,
    per_day: Option<i64>,
    per_month: Option<i64>,
    window_sent: Option<i64>,
    window_verified: Option<i64>,
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
#[derive(Serialize)]
struct AlarmView {
    kind: &'static str,
    prefix: String,
    raised_at: String,
    until: String,
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
#[derive(Serialize)]
pub(super) struct UsageView {
    day: String,
    month: String,
    total: PrefixView,
    prefixes: Vec<PrefixView>,
    alarms: Vec<AlarmView>,
}

impl From<SmsUsage> for UsageView {
    fn from(usage: SmsUsage) -> Self {
        Self {
            day: iso(usage.day),
            month: iso(usage.month),
            total: usage.total.into(),
            prefixes: usage.prefixes.into_iter().map(PrefixView::from).collect(),
            alarms: usage.alarms.into_iter().map(AlarmView::from).collect(),
        }
    }
}

fn all_or(prefix: &str) -> String {
    if prefix.is_empty() { "all" } else { prefix }.to_owned()
}

impl Report for UsageView {
    fn human(&self) -> String {
        let of_budget = |sent: i64, budget: Option<i64>| match budget {
            Some(budget) => format!("{sent} of {budget}"),
            None => sent.to_string(),
        };
        let rows: Vec<_> = std::iter::once(&self.total)
            .chain(&self.prefixes)
            .map(|usage| {
                [
                    all_or(&usage.prefix),
                    of_budget(usage.day_sent, usage.per_day),
                    usage.day_verified.to_string(),
                    usage.day_delivered.to_string(),
                    usage.day_failed.to_string(),
                    of_budget(usage.month_sent, usage.per_month),
                ]
            })
            .collect();
        let mut out = table(
            [
                "NUMBERS",
                "TODAY",
                "VERIFIED",
                "DELIVERED",
                "FAILED",
                "THIS MONTH",
            ],
            &rows,
        );
        if !self.alarms.is_empty() {
            let rows: Vec<_> = self
                .alarms
                .iter()
                .map(|alarm| {
                    [
                        alarm.kind.to_owned(),
                        all_or(&alarm.prefix),
                        alarm.raised_at.clone(),
                        alarm.until.clone(),
                        if alarm.stops { "yes" } else { "no" }.to_owned(),
                    ]
                })
                .collect();
            let alarms = table(["ALARM", "NUMBERS", "RAISED AT", "UNTIL", "STOPS"], &rows);
            out.push_str(&format!("\n{alarms}"));
        }
        out
    }
}
