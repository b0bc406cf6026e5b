//! What is counted of text messages, and over which time.

use crate::time::{Timestamp, plus_seconds};

/// Length of the finest step, in seconds.
pub const SLOT_SECONDS: i64 = 300;

/// Shards that outcomes count in, besides shard 0, which is the one of sends.
pub const OUTCOME_SHARDS: u32 = 8;

/// Over which time is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum UsageUnit {
    /// Five minutes: for the share of verified codes.
    Slot,
    /// A day of UTC.
    Day,
    /// A month of UTC.
    Month,
}

impl UsageUnit {
    /// As stored.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Slot => "slot",
            Self::Day => "day",
            Self::Month => "month",
        }
    }

    /// Seconds after its beginning when nobody asks for it any more.
    #[must_use]
    pub const fn kept_seconds(self) -> i64 {
        const DAY: i64 = 86_400;
        match self {
            Self::Slot => DAY,
            Self::Day => 100 * DAY,
            Self::Month => 800 * DAY,
        }
    }
}

/// What was counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SmsCounts {
    /// Codes asked for by SMS; decoys among them, so that nobody learns from a budget who is known.
    pub sent: i64,
    /// Codes that were typed in.
    pub verified: i64,
    /// Messages that a provider reported as delivered.
    pub delivered: i64,
    /// Messages that surely did not arrive: given up, or reported so by a provider.
    pub failed: i64,
}

impl SmsCounts {
    /// One code asked for.
    pub const SENT: Self = Self {
        sent: 1,
        ..Self::NONE
    };
    /// One code typed in.
    pub const VERIFIED: Self = Self {
        verified: 1,
        ..Self::NONE
    };
    /// One message that arrived.
    pub const DELIVERED: Self = Self {
        delivered: 1,
        ..Self::NONE
    };
    /// One message that did not arrive.
    pub const FAILED: Self = Self {
        failed: 1,
        ..Self::NONE
    };
    /// Nothing.
    const NONE: Self = Self {
        sent: 0,
        verified: 0,
        delivered: 0,
        failed: 0,
    };

    /// Messages that may have arrived: all but those that surely did not.
    #[must_use]
    pub const fn maybe_arrived(&self) -> i64 {
        let rest = self.sent.saturating_sub(self.failed);
        if rest > 0 { rest } else { 0 }
    }
}

/// The beginnings of the periods that a moment is in, and the ends of the longer ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Periods {
    /// Of the five minutes.
    pub slot: Timestamp,
    /// Of the day.
    pub day: Timestamp,
    /// Of the next day.
    pub next_day: Timestamp,
    /// Of the month.
    pub month: Timestamp,
    /// Of the next month.
    pub next_month: Timestamp,
}

impl Periods {
    /// Those of a moment.
    #[must_use]
    pub fn at(now: Timestamp) -> Self {
        let second = now.as_second();
        let back =
            |length: i64| Timestamp::from_second(second - second.rem_euclid(length)).unwrap_or(now);
        let day = back(86_400);
        let date = day.to_zoned(jiff::tz::TimeZone::UTC).date();
        let begins = |date: jiff::civil::Date| {
            date.to_zoned(jiff::tz::TimeZone::UTC)
                .map_or(now, |zoned| zoned.timestamp())
        };
        let first = date.first_of_month();
        let next = first
            .checked_add(jiff::Span::new().months(1))
            .unwrap_or(jiff::civil::Date::MAX);
        Self {
            slot: back(SLOT_SECONDS),
            day,
            next_day: plus_seconds(day, 86_400),
            month: begins(first),
            next_month: begins(next),
        }
    }
}

/// Why somebody should look at an app's text messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AlarmKind {
    /// The budget of the day is used up.
    DayBudget,
    /// The budget of the month is used up.
    MonthBudget,
    /// Codes go where nobody types them in.
    Pumping,
}

impl AlarmKind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::DayBudget, Self::MonthBudget, Self::Pumping];

    /// As stored and as shown.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::DayBudget => "day_budget",
            Self::MonthBudget => "month_budget",
            Self::Pumping => "pumping",
        }
    }

    /// From the stored form.
    #[must_use]
    pub fn from_stored(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_begin_and_end_in_utc() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let periods = Periods::at(at("2026-12-31T23:59:59.5Z"));
        assert_eq!(periods.slot, at("2026-12-31T23:55:00Z"));
        assert_eq!(periods.day, at("2026-12-31T00:00:00Z"));
        assert_eq!(periods.next_day, at("2027-01-01T00:00:00Z"));
        assert_eq!(periods.month, at("2026-12-01T00:00:00Z"));
        assert_eq!(periods.next_month, at("2027-01-01T00:00:00Z"));
        let february = Periods::at(at("2028-02-29T12:00:00Z"));
        assert_eq!(february.next_month, at("2028-03-01T00:00:00Z"));
    }
}
