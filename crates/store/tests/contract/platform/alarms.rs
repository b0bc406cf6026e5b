//! Alarms that are to be told.

use doorward_domain::sms::AlarmKind;
use doorward_store::app::SmsAlarm;
use doorward_store::platform::UntoldAlarm;
use doorward_testkit::database::TestDatabase;
use tokio::task::JoinSet;

use crate::support::{Scope, at, new_alarm, platform, seed_app};

contract! {
    each_alarm_is_told_by_one_node: PlatformWrite::take_untold_alarm, PlatformWrite::alarm_told;
    an_alarm_knows_who_was_told: PlatformWrite::alarm_told_to;
    an_alarm_waits_for_whoever_has_it: PlatformWrite::alarm_waits;
    alarms_of_every_kind_are_told: PlatformWrite::take_untold_alarm;
}

/// As a node does at that time, for a minute.
async fn take(db: &TestDatabase, now: i64) -> Option<UntoldAlarm> {
    platform(db)
        .write(move |p| p.take_untold_alarm(at(now), at(now + 60)))
        .await
}

async fn due(db: &TestDatabase, now: i64) -> UntoldAlarm {
    take(db, now).await.expect("an alarm is due")
}

async fn raise(scope: &Scope, alarm: &SmsAlarm) -> bool {
    let alarm = alarm.clone();
    scope.write(move |app| app.raise_sms_alarm(&alarm)).await
}

async fn told(db: &TestDatabase, untold: &UntoldAlarm) -> bool {
    let (id, alarm) = (untold.app_id, untold.alarm.clone());
    platform(db).write(move |p| p.alarm_told(id, &alarm)).await
}

async fn told_to(db: &TestDatabase, untold: &UntoldAlarm, whom: &'static str) -> bool {
    let (id, alarm) = (untold.app_id, untold.alarm.clone());
    platform(db)
        .write(move |p| p.alarm_told_to(id, &alarm, whom))
        .await
}

/// The same alarm, raised at another time.
fn anew(raised_at: i64) -> SmsAlarm {
    SmsAlarm {
        raised_at: at(raised_at),
        active_until: at(raised_at + 100),
        ..new_alarm()
    }
}

async fn each_alarm_is_told_by_one_node(db: TestDatabase) {
    let (app, other) = (seed_app(&db).await, seed_app(&db).await);
    for scope in [&app, &other] {
        assert!(raise(scope, &new_alarm()).await);
    }
    assert_eq!(take(&db, -1).await, None);
    let mut nodes = JoinSet::new();
    for _ in 0..6 {
        let platform = platform(&db);
        nodes.spawn(async move {
            platform
                .write(move |p| p.take_untold_alarm(at(0), at(60)))
                .await
        });
    }
    let mut taken: Vec<_> = nodes.join_all().await.into_iter().flatten().collect();
    taken.sort_by_key(|untold| untold.app_id);
    let mut ids = [app.id, other.id];
    ids.sort();
    let untold = |app_id| UntoldAlarm {
        app_id,
        alarm: new_alarm(),
        attempt: 1,
        told: Vec::new(),
        until: at(60),
    };
    assert_eq!(
        taken,
        ids.map(untold),
        "the others of the nodes get nothing"
    );
    assert_eq!(take(&db, 59).await, None, "somebody is at it");
    assert!(told(&db, &untold(app.id)).await);
    assert!(!told(&db, &untold(app.id)).await, "once");
    let again = due(&db, 60).await;
    assert_eq!(
        (again.app_id, again.attempt),
        (other.id, 2),
        "its node is gone"
    );
    assert_eq!(take(&db, 60).await, None);
    // Raised anew, it is to be told anew; that the old one was told says nothing.
    assert!(raise(&app, &anew(200)).await);
    assert!(!told(&db, &untold(app.id)).await);
    assert!(told(&db, &again).await);
    let due = due(&db, 200).await;
    assert_eq!((due.attempt, due.alarm), (1, anew(200)));
}

async fn an_alarm_knows_who_was_told(db: TestDatabase) {
    let app = seed_app(&db).await;
    raise(&app, &new_alarm()).await;
    let first = due(&db, 0).await;
    assert!(told_to(&db, &first, "webhook").await);
    assert!(!told_to(&db, &first, "webhook").await, "once");
    let second = due(&db, 60).await;
    assert_eq!(second.told, ["webhook"]);
    assert!(told_to(&db, &first, "email").await, "who was told was told");
    assert_eq!(due(&db, 120).await.told, ["webhook", "email"]);
    // Of the one that is raised anew nobody was told; also where the version before raises it, which
    // clears nothing.
    assert!(raise(&app, &anew(200)).await);
    assert!(!told_to(&db, &first, "email").await);
    let third = due(&db, 200).await;
    assert!(third.told.is_empty());
    assert!(told_to(&db, &third, "email").await);
    assert_eq!(due(&db, 260).await.told, ["email"]);
}

async fn an_alarm_waits_for_whoever_has_it(db: TestDatabase) {
    let app = seed_app(&db).await;
    raise(&app, &new_alarm()).await;
    let waits = async |taken: &UntoldAlarm, until: i64| {
        let taken = taken.clone();
        platform(&db)
            .write(move |p| p.alarm_waits(&taken, at(until)))
            .await
    };
    let first = due(&db, 0).await;
    let second = due(&db, 60).await;
    assert!(!waits(&first, 61).await, "another node has it by now");
    assert!(waits(&second, 90).await);
    assert!(!waits(&second, 300).await, "once");
    assert_eq!(take(&db, 89).await, None);
    let third = due(&db, 90).await;
    assert_eq!(third.attempt, 3);
    assert!(raise(&app, &anew(200)).await);
    assert!(!waits(&third, 300).await, "it was raised anew");
    assert!(take(&db, 200).await.is_some());
}

async fn alarms_of_every_kind_are_told(db: TestDatabase) {
    let app = seed_app(&db).await;
    for kind in AlarmKind::ALL {
        let alarm = SmsAlarm {
            kind,
            ..new_alarm()
        };
        assert!(raise(&app, &alarm).await);
    }
    for _ in AlarmKind::ALL {
        assert!(take(&db, 0).await.is_some());
    }
    assert_eq!(take(&db, 0).await, None);
}
