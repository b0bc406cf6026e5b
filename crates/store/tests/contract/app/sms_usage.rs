//! Counts of text messages, and alarms.

use doorward_domain::sms::{AlarmKind, SmsCounts, UsageUnit};
use doorward_store::app::{SmsAlarm, SmsPeriod};
use doorward_testkit::database::TestDatabase;
use tokio::task::JoinSet;

use crate::support::{Scope, at, new_alarm, new_period, seed_app};

contract! {
    counts_add_up_over_periods_and_shards: AppWrite::count_sms, AppRead::sms_counts;
    an_outcome_counts_in_day_and_slot: AppWrite::count_sms_outcome;
    prefixes_of_a_period_are_listed: AppRead::sms_prefixes;
    an_alarm_is_raised_once_until_it_ends:
        AppWrite::raise_sms_alarm, AppRead::sms_alarm, AppRead::sms_alarms;
}

async fn count(app: &Scope, period: SmsPeriod, shard: u32, counts: SmsCounts) {
    app.write(move |app| app.count_sms(&period, shard, counts))
        .await;
}

async fn counts_add_up_over_periods_and_shards(db: TestDatabase) {
    let (app, other) = (seed_app(&db).await, seed_app(&db).await);
    let slot = |seconds| SmsPeriod {
        unit: UsageUnit::Slot,
        starts_at: at(seconds),
        ..new_period()
    };
    for seconds in [0, 300, 600] {
        count(&app, slot(seconds), 0, SmsCounts::SENT).await;
        count(&app, slot(seconds), 0, SmsCounts::SENT).await;
        count(&app, slot(seconds), 3, SmsCounts::VERIFIED).await;
        count(&app, slot(seconds), 5, SmsCounts::DELIVERED).await;
        count(&app, slot(seconds), 5, SmsCounts::FAILED).await;
        count(&app, slot(seconds), 6, SmsCounts::FAILED).await;
    }
    count(&other, slot(0), 0, SmsCounts::SENT).await;
    count(&app, new_period(), 0, SmsCounts::SENT).await;
    let whole = SmsPeriod {
        prefix: String::new(),
        ..slot(0)
    };
    count(&app, whole, 0, SmsCounts::SENT).await;
    for (from, before, sent, verified) in [
        (0, 900, 6, 3),
        (0, 600, 4, 2),
        (300, 301, 2, 1),
        (301, 600, 0, 0),
        (900, 1000, 0, 0),
    ] {
        let counts = app
            .read(move |app| app.sms_counts(UsageUnit::Slot, "+91", at(from), at(before)))
            .await;
        let expected = SmsCounts {
            sent,
            verified,
            delivered: verified,
            failed: 2 * verified,
        };
        assert_eq!(counts, expected, "{from} to {before}");
    }
}

async fn an_outcome_counts_in_day_and_slot(db: TestDatabase) {
    let app = seed_app(&db).await;
    app.write(|app| app.count_sms_outcome("+91", at(0), 3, SmsCounts::DELIVERED))
        .await;
    for (unit, prefix, expected) in [
        (UsageUnit::Day, "", 1),
        (UsageUnit::Day, "+91", 1),
        (UsageUnit::Slot, "+91", 1),
        (UsageUnit::Slot, "", 0),
        (UsageUnit::Month, "+91", 0),
    ] {
        let counts = app
            .read(move |app| app.sms_counts(unit, prefix, at(-86_400), at(1)))
            .await;
        assert_eq!(counts.delivered, expected, "{unit:?} {prefix}");
        assert_eq!(counts.maybe_arrived(), 0);
    }
}

async fn prefixes_of_a_period_are_listed(db: TestDatabase) {
    let app = seed_app(&db).await;
    for (prefix, seconds, shard) in [
        ("+91", 0, 0),
        ("", 0, 0),
        ("+1", 0, 0),
        ("+44", 300, 0),
        ("+49", 0, 2),
    ] {
        let period = SmsPeriod {
            prefix: prefix.to_owned(),
            starts_at: at(seconds),
            ..new_period()
        };
        count(&app, period, shard, SmsCounts::SENT).await;
    }
    let list = async |unit, after, limit| {
        app.read(move |app| app.sms_prefixes(unit, at(0), after, limit))
            .await
    };
    assert_eq!(list(UsageUnit::Month, None, 10).await, ["+1", "+91"]);
    assert_eq!(list(UsageUnit::Month, None, 1).await, ["+1"]);
    assert_eq!(list(UsageUnit::Month, Some("+1"), 10).await, ["+91"]);
    assert!(list(UsageUnit::Month, Some("+91"), 10).await.is_empty());
    assert!(list(UsageUnit::Day, None, 10).await.is_empty());
}

async fn raise(app: &Scope, alarm: SmsAlarm) -> bool {
    app.write(move |app| app.raise_sms_alarm(&alarm)).await
}

async fn an_alarm_is_raised_once_until_it_ends(db: TestDatabase) {
    let app = seed_app(&db).await;
    let first = new_alarm();
    let mut callers = JoinSet::new();
    for _ in 0..8 {
        let (app, alarm) = (app.clone(), first.clone());
        callers.spawn(async move { raise(&app, alarm).await });
    }
    let raised = callers.join_all().await;
    assert_eq!(raised.iter().filter(|raised| **raised).count(), 1);
    let read = async |kind| app.read(move |app| app.sms_alarm(kind, "+91")).await;
    assert_eq!(read(AlarmKind::Pumping).await, Some(first.clone()));
    assert_eq!(read(AlarmKind::DayBudget).await, None);
    let during = SmsAlarm {
        raised_at: at(99),
        active_until: at(200),
        ..first.clone()
    };
    assert!(!raise(&app, during).await);
    let after = SmsAlarm {
        raised_at: at(100),
        active_until: at(300),
        stops: false,
        ..first.clone()
    };
    assert!(raise(&app, after.clone()).await);
    let budget = SmsAlarm {
        kind: AlarmKind::DayBudget,
        prefix: String::new(),
        raised_at: at(101),
        ..first
    };
    assert!(raise(&app, budget.clone()).await);
    let all = app.read(|app| app.sms_alarms(10)).await;
    assert_eq!(all, [budget.clone(), after]);
    assert_eq!(app.read(|app| app.sms_alarms(1)).await, [budget]);
}
