//! What codes by SMS may cost an app: countries, budgets, and alarms where codes go that nobody types
//! in.
//!
//! Everything here looks at the number and at the app's traffic, never at whether the number is
//! known; a decoy counts like a real message when it is asked for. What becomes of a message afterwards
//! is another matter: only a real one is sent again and counts once more, or is left out of the share
//! because it did not arrive. So an answer tells who is a user to nobody but who can use up a budget to
//! its last message, alone, with a number whose messages are reported as failed.

use doorward_domain::audit::{Action, Actor};
use doorward_domain::contact::Contact;
use doorward_domain::random::below;
use doorward_domain::sms::{
    AlarmKind, OUTCOME_SHARDS, Periods, SLOT_SECONDS, SmsCounts, SmsSettings, UsageUnit, prefix_of,
};
use doorward_domain::time::{plus_seconds, seconds_until};
use doorward_domain::{AppId, Code};
use doorward_store::WriteTx;
use doorward_store::app::{SmsAlarm, SmsPeriod};

use crate::caller::Here;
use crate::context::{AppContext, Describe};
use crate::error::Result;

/// What is to be done with a message that is asked for.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    /// Why it is not sent, and for how many seconds that holds.
    pub(crate) refusal: Option<(Code, i64)>,
    /// Alarms that were raised just now.
    pub(crate) alarms: Vec<SmsAlarm>,
}

/// Whether the app sends SMS to this country at all.
pub(super) fn permits(settings: &SmsSettings, contact: &Contact) -> bool {
    match contact {
        Contact::Email(_) => true,
        Contact::Phone(phone) => settings.permits(phone.as_str()),
    }
}

/// What is to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sms {
    /// A code.
    Code,
    /// A test of an operator's: it costs what a code costs, but nobody types anything in.
    Test,
}

/// Judges a message by SMS and counts it, unless it is refused. To be called when the row of the
/// app's limit is held: sends of an app are then one after the other, and budgets are exact.
pub(super) fn judge(here: &Here, tx: &mut WriteTx<'_>, contact: &Contact) -> Result<Verdict> {
    match counted_under(&here.app.settings.sms, contact) {
        Some(prefix) => judge_prefix(here, tx, prefix, Sms::Code),
        None => Ok(Verdict::default()),
    }
}

/// What a message to this contact is counted under, if it is by SMS.
pub(crate) fn counted_under(settings: &SmsSettings, contact: &Contact) -> Option<String> {
    match contact {
        Contact::Email(_) => None,
        Contact::Phone(phone) => Some(prefix_of(phone, settings)),
    }
}

/// As [`judge`], for numbers that begin so.
pub(crate) fn judge_prefix(
    here: &Here,
    tx: &mut WriteTx<'_>,
    prefix: String,
    what: Sms,
) -> Result<Verdict> {
    let mut guard = Guard {
        here,
        settings: &here.app.settings.sms,
        prefix,
        periods: Periods::at(here.now()),
        verdict: Verdict::default(),
    };
    guard.pumping(tx)?;
    guard.budgets(tx)?;
    if guard.verdict.refusal.is_none() {
        guard.count(tx, what)?;
    }
    Ok(guard.verdict)
}

struct Guard<'a> {
    here: &'a Here,
    settings: &'a SmsSettings,
    prefix: String,
    periods: Periods,
    verdict: Verdict,
}

impl Guard<'_> {
    fn refuse(&mut self, code: Code, until: doorward_domain::Timestamp) {
        let seconds = seconds_until(self.here.context.now(), until, 1);
        self.verdict.refusal.get_or_insert((code, seconds));
    }

    /// The share of codes to this country that are typed in. Codes of the last, unfinished step have
    /// had no time for it and are left out, as are those that surely did not arrive; what came before an
    /// alarm has been dealt with.
    fn pumping(&mut self, tx: &mut WriteTx<'_>) -> Result<()> {
        let (now, settings) = (self.here.context.now(), self.settings);
        let mut scope = tx.app(self.here.app.id);
        let former = scope.sms_alarm(AlarmKind::Pumping, &self.prefix)?;
        if let Some(former) = former.as_ref().filter(|alarm| alarm.active_until > now) {
            if former.stops && settings.pumping_stop_seconds > 0 {
                self.refuse(Code::SmsCountryBlocked, former.active_until);
            }
            return Ok(());
        }
        if settings.pumping_min_sends == 0 {
            return Ok(());
        }
        let slot = self.periods.slot;
        let from = plus_seconds(slot, -settings.pumping_window_seconds);
        let from = former.map_or(from, |former| from.max(former.active_until));
        let mut counts =
            |from, before| scope.sms_counts(UsageUnit::Slot, &self.prefix, from, before);
        let old = counts(from, slot)?;
        let arrived = old.maybe_arrived();
        if arrived < settings.pumping_min_sends {
            return Ok(());
        }
        let new = counts(slot, plus_seconds(slot, SLOT_SECONDS))?;
        let verified = old.verified.saturating_add(new.verified);
        let wanted = arrived.saturating_mul(settings.pumping_verified_percent);
        if verified.saturating_mul(100) >= wanted {
            return Ok(());
        }
        let stops = settings.pumping_stop_seconds > 0;
        let seconds = if stops {
            settings.pumping_stop_seconds
        } else {
            settings.pumping_window_seconds
        };
        let until = plus_seconds(now, seconds);
        let details = serde_json::json!({
            "sent": old.sent, "failed": old.failed, "verified": verified,
        });
        let prefix = self.prefix.clone();
        self.alarm(tx, AlarmKind::Pumping, prefix, until, stops, details)?;
        if stops {
            self.refuse(Code::SmsCountryBlocked, until);
        }
        Ok(())
    }

    fn budgets(&mut self, tx: &mut WriteTx<'_>) -> Result<()> {
        let Periods {
            day,
            next_day,
            month,
            next_month,
            ..
        } = self.periods;
        let own = self.settings.budget_of(&self.prefix);
        let (own_day, own_month) = own.map_or((0, 0), |own| (own.per_day, own.per_month));
        let prefix = self.prefix.clone();
        let mut last = Vec::new();
        for (prefix, unit, begins, ends, most) in [
            (
                "",
                UsageUnit::Month,
                month,
                next_month,
                self.settings.per_month,
            ),
            ("", UsageUnit::Day, day, next_day, self.settings.per_day),
            (&prefix, UsageUnit::Month, month, next_month, own_month),
            (&prefix, UsageUnit::Day, day, next_day, own_day),
        ] {
            if most == 0 {
                continue;
            }
            let mut scope = tx.app(self.here.app.id);
            let sent = scope.sms_counts(unit, prefix, begins, ends)?.sent;
            let kind = match unit {
                UsageUnit::Month => AlarmKind::MonthBudget,
                UsageUnit::Day | UsageUnit::Slot => AlarmKind::DayBudget,
            };
            if sent >= most {
                self.refuse(Code::SmsBudgetExhausted, ends);
                self.exhausted(tx, kind, prefix, ends, most)?;
            } else if sent + 1 == most {
                last.push((kind, prefix, ends, most));
            }
        }
        // The one that takes the last place says so at once, unless another rule keeps it back.
        if self.verdict.refusal.is_none() {
            for (kind, prefix, ends, most) in last {
                self.exhausted(tx, kind, prefix, ends, most)?;
            }
        }
        Ok(())
    }

    fn exhausted(
        &mut self,
        tx: &mut WriteTx<'_>,
        kind: AlarmKind,
        prefix: &str,
        ends: doorward_domain::Timestamp,
        budget: i64,
    ) -> Result<()> {
        let details = serde_json::json!({ "budget": budget });
        self.alarm(tx, kind, prefix.to_owned(), ends, true, details)
    }

    /// Raises an alarm, once until it ends, with its audit event.
    fn alarm(
        &mut self,
        tx: &mut WriteTx<'_>,
        kind: AlarmKind,
        prefix: String,
        until: doorward_domain::Timestamp,
        stops: bool,
        mut details: serde_json::Value,
    ) -> Result<()> {
        let alarm = SmsAlarm {
            kind,
            prefix,
            raised_at: self.here.context.now(),
            active_until: until,
            stops,
        };
        let mut scope = tx.app(self.here.app.id);
        if !scope.raise_sms_alarm(&alarm)? {
            return Ok(());
        }
        if let Some(details) = details.as_object_mut() {
            let until = doorward_domain::time::iso(until);
            details.insert("kind".to_owned(), kind.as_str().into());
            details.insert("until".to_owned(), until.into());
            details.insert("stops".to_owned(), stops.into());
            if !alarm.prefix.is_empty() {
                details.insert("prefix".to_owned(), alarm.prefix.as_str().into());
            }
        }
        // Nobody in particular did this: it is about all who were sent codes.
        let mut context = self.here.context.acting(Actor::System);
        context.origin.ip = None;
        context.origin.user_agent = None;
        context.origin.of_person = false;
        let event = context
            .event(Some(self.here.app.id), Action::DeliveryAlarm)
            .on("app", self.here.app.id)
            .with(details);
        scope.audit(&event)?;
        self.verdict.alarms.push(alarm);
        Ok(())
    }

    fn count(&self, tx: &mut WriteTx<'_>, what: Sms) -> Result<()> {
        let Periods {
            slot, day, month, ..
        } = self.periods;
        let prefix = self.prefix.as_str();
        for (unit, prefix, starts_at) in [
            (UsageUnit::Month, "", month),
            (UsageUnit::Day, "", day),
            (UsageUnit::Month, prefix, month),
            (UsageUnit::Day, prefix, day),
            (UsageUnit::Slot, prefix, slot),
        ] {
            // Of a test, which nobody types in, nothing follows for the share of those who do.
            if unit == UsageUnit::Slot && what == Sms::Test {
                continue;
            }
            let period = SmsPeriod {
                unit,
                prefix: prefix.to_owned(),
                starts_at,
            };
            tx.app(self.here.app.id)
                .count_sms(&period, 0, SmsCounts::SENT)?;
        }
        Ok(())
    }
}

/// Counts a code that was typed in. Nothing of the whole app is held, so it counts in a shard of its
/// own.
pub(super) fn verified(app: &AppContext, tx: &mut WriteTx<'_>, contact: &Contact) -> Result<()> {
    let Some(prefix) = counted_under(&app.app.settings.sms, contact) else {
        return Ok(());
    };
    let shard = 1 + below(&*app.context.random, OUTCOME_SHARDS);
    let now = app.context.now();
    let mut scope = tx.app(app.app.id);
    Ok(scope.count_sms_outcome(&prefix, now, shard, SmsCounts::VERIFIED)?)
}

/// Tells the metrics and the log of alarms, once they are committed.
pub(crate) fn announce(app_id: AppId, alarms: &[SmsAlarm]) {
    for alarm in alarms {
        metrics::counter!("doorward_sms_alarms_total", "kind" => alarm.kind.as_str()).increment(1);
        tracing::warn!(
            %app_id,
            kind = alarm.kind.as_str(),
            prefix = alarm.prefix,
            until = %alarm.active_until,
            stops = alarm.stops,
            "the text messages of an app need a look"
        );
    }
}
