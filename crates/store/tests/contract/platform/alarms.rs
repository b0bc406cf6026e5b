//! Alarms that are to be told.

use doorward_store::app::SmsAlarm;
use doorward_testkit::database::TestDatabase;
use tokio::task::JoinSet;

use crate::support::{at, new_alarm, platform, seed_app};

contract! {
    each_alarm_is_told_by_one_node: PlatformWrite::take_untold_alarms, PlatformWrite::alarm_told;
}

async fn each_alarm_is_told_by_one_node(db: TestDatabase) {
    let (app, other) = (seed_app(&db).await, seed_app(&db).await);
    for scope in [&app, &other] {
        assert!(scope.write(|app| app.raise_sms_alarm(&new_alarm())).await);
    }
    let take = async |now: i64| {
        platform(&db)
            .write(move |p| p.take_untold_alarms(at(now), at(now + 60), 10))
            .await
    };
    assert!(take(-1).await.is_empty());
    let mut nodes = JoinSet::new();
    for _ in 0..6 {
        let platform = platform(&db);
        nodes.spawn(async move {
            platform
                .write(move |p| p.take_untold_alarms(at(0), at(60), 10))
                .await
        });
    }
    let mut taken: Vec<_> = nodes.join_all().await.into_iter().flatten().collect();
    taken.sort_by_key(|untold| untold.app_id);
    let mut ids = [app.id, other.id];
    ids.sort();
    let found: Vec<_> = taken
        .iter()
        .map(|untold| (untold.app_id, untold.attempt, &untold.alarm))
        .collect();
    let alarm = new_alarm();
    assert_eq!(found, [(ids[0], 1, &alarm), (ids[1], 1, &alarm)]);
    assert!(take(59).await.is_empty(), "somebody is at it");
    let told = async |alarm: SmsAlarm| {
        let id = app.id;
        platform(&db).write(move |p| p.alarm_told(id, &alarm)).await
    };
    assert!(told(alarm.clone()).await);
    assert!(!told(alarm.clone()).await, "once");
    let again = take(60).await;
    assert_eq!(again.len(), 1, "the node that had the other one is gone");
    assert_eq!((again[0].app_id, again[0].attempt), (other.id, 2));
    // Raised anew, it is to be told anew; that the old one was told says nothing.
    let anew = SmsAlarm {
        raised_at: at(200),
        active_until: at(300),
        ..alarm.clone()
    };
    let raised = anew.clone();
    assert!(app.write(move |app| app.raise_sms_alarm(&raised)).await);
    assert!(!told(alarm).await);
    let due = take(200).await;
    let due: Vec<_> = due
        .iter()
        .filter(|untold| untold.app_id == app.id)
        .collect();
    assert_eq!((due.len(), due[0].attempt, &due[0].alarm), (1, 1, &anew));
}
