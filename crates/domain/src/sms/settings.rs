//! What is set about an app's text messages.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::is_prefix;

/// Most countries, and most budgets of prefixes.
pub const MAX_PREFIXES: usize = 64;

/// Largest budget.
const BUDGET_MAX: i64 = 100_000_000;

/// What is set about an app's text messages. Numbers count messages; days and months are those of
/// UTC.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SmsSettings {
    /// Messages of a day; 0 for no budget.
    pub per_day: i64,
    /// Messages of a month; 0 for no budget.
    pub per_month: i64,
    /// Beginnings of numbers that are sent to, e.g. `+91`; empty for everywhere.
    pub countries: Vec<String>,
    /// Budgets of numbers that begin so. The longest beginning counts.
    pub prefix_budgets: Vec<PrefixBudget>,
    /// Messages to a country within the window from which on the share of verified ones is looked at;
    /// 0 for never.
    pub pumping_min_sends: i64,
    /// The share of verified ones, in percent, below which there is an alarm (1 to 100).
    pub pumping_verified_percent: i64,
    /// The window in seconds (900 to 21,600), in steps of five minutes; the last, unfinished step is
    /// left out.
    pub pumping_window_seconds: i64,
    /// How long nothing is sent to that country after the alarm, in seconds (600 to 604,800); 0 for
    /// an alarm alone.
    pub pumping_stop_seconds: i64,
    /// As [`AppSettings::later`](crate::app::AppSettings::later).
    #[serde(flatten)]
    pub later: BTreeMap<String, Value>,
}

/// The budget of numbers that begin so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PrefixBudget {
    /// `+` and 1 to 7 digits.
    pub prefix: String,
    /// Messages of a day; 0 for no budget.
    #[serde(default)]
    pub per_day: i64,
    /// Messages of a month; 0 for no budget.
    #[serde(default)]
    pub per_month: i64,
}

impl Default for SmsSettings {
    fn default() -> Self {
        Self {
            per_day: 0,
            per_month: 0,
            countries: Vec::new(),
            prefix_budgets: Vec::new(),
            pumping_min_sends: 100,
            pumping_verified_percent: 20,
            pumping_window_seconds: 3_600,
            pumping_stop_seconds: 0,
            later: BTreeMap::new(),
        }
    }
}

impl SmsSettings {
    /// Every prefix that is named.
    pub fn prefixes(&self) -> impl Iterator<Item = &str> {
        let budgets = self.prefix_budgets.iter();
        let budgets = budgets.map(|budget| budget.prefix.as_str());
        self.countries.iter().map(String::as_str).chain(budgets)
    }

    /// Whether numbers of this kind are sent to at all.
    #[must_use]
    pub fn permits(&self, number: &str) -> bool {
        self.countries.is_empty()
            || self
                .countries
                .iter()
                .any(|prefix| number.starts_with(prefix.as_str()))
    }

    /// The budget of exactly this prefix.
    #[must_use]
    pub fn budget_of(&self, prefix: &str) -> Option<&PrefixBudget> {
        self.prefix_budgets
            .iter()
            .find(|budget| budget.prefix == prefix)
    }

    /// Every field that is out of range, as (field, message).
    #[must_use]
    pub fn problems(&self) -> Vec<(&'static str, String)> {
        let mut out = Vec::new();
        let mut range = |field, value: i64, low: i64, high: i64, none: bool| {
            if !((low..=high).contains(&value) || none && value == 0) {
                let or = if none && low > 0 { "0, or " } else { "" };
                out.push((field, format!("Must be {or}between {low} and {high}")));
            }
        };
        range("settings.sms.per_day", self.per_day, 0, BUDGET_MAX, true);
        range(
            "settings.sms.per_month",
            self.per_month,
            0,
            BUDGET_MAX,
            true,
        );
        range(
            "settings.sms.pumping_min_sends",
            self.pumping_min_sends,
            10,
            1_000_000,
            true,
        );
        range(
            "settings.sms.pumping_verified_percent",
            self.pumping_verified_percent,
            1,
            100,
            false,
        );
        range(
            "settings.sms.pumping_window_seconds",
            self.pumping_window_seconds,
            900,
            21_600,
            false,
        );
        range(
            "settings.sms.pumping_stop_seconds",
            self.pumping_stop_seconds,
            600,
            604_800,
            true,
        );
        const PREFIX: &str = "Must be + and 1 to 7 digits, e.g. +91";
        if self.countries.len() > MAX_PREFIXES {
            let message = format!("Must be at most {MAX_PREFIXES}");
            out.push(("settings.sms.countries", message));
        } else if !self.countries.iter().all(|prefix| is_prefix(prefix)) {
            out.push(("settings.sms.countries", PREFIX.to_owned()));
        }
        const BUDGETS: &str = "settings.sms.prefix_budgets";
        let budgets = &self.prefix_budgets;
        let mut seen: Vec<&str> = budgets
            .iter()
            .map(|budget| budget.prefix.as_str())
            .collect();
        seen.sort_unstable();
        seen.dedup();
        let sane = |value: i64| (0..=BUDGET_MAX).contains(&value);
        if budgets.len() > MAX_PREFIXES {
            out.push((BUDGETS, format!("Must be at most {MAX_PREFIXES}")));
        } else if !budgets.iter().all(|budget| is_prefix(&budget.prefix)) {
            out.push((BUDGETS, PREFIX.to_owned()));
        } else if seen.len() != budgets.len() {
            out.push((BUDGETS, "Must name each prefix once".to_owned()));
        } else if !budgets.iter().all(|b| sane(b.per_day) && sane(b.per_month)) {
            out.push((BUDGETS, format!("Must be between 0 and {BUDGET_MAX}")));
        }
        out
    }
}
