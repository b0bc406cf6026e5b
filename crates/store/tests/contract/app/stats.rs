//! What happened in an app on a day.

use doorward_domain::UserId;
use doorward_domain::stats::{Counted, Sketch};
use doorward_store::app::DayPart;
use doorward_testkit::database::TestDatabase;

use crate::support::{Scope, fresh, seed_app};

contract! {
    what_a_part_has_counted_is_what_it_wrote_last: AppRead::stats, AppWrite::put_stats;
    days_are_read_from_one_to_another: AppRead::stats;
}

fn part(day: i64, first: i64) -> DayPart {
    let mut users = Sketch::default();
    users.add(UserId::from_uuid(fresh()));
    DayPart {
        day,
        part_id: fresh(),
        counts: std::array::from_fn(|n| first + i64::try_from(n).expect("few")),
        users,
    }
}

async fn put(app: &Scope, part: &DayPart) {
    let part = part.clone();
    app.write(move |app| app.put_stats(&part)).await;
}

async fn read(app: &Scope, from: i64, to: i64) -> Vec<DayPart> {
    app.read(move |app| app.stats(from, to)).await
}

async fn what_a_part_has_counted_is_what_it_wrote_last(db: TestDatabase) {
    let app = seed_app(&db).await;
    let (one, two) = (part(7, 1), part(7, 100));
    for part in [&one, &two, &one] {
        put(&app, part).await;
    }
    let grown = DayPart {
        counts: [50; Counted::COUNT],
        users: Sketch::default(),
        ..one.clone()
    };
    put(&app, &grown).await;
    let mut expected = vec![grown, two];
    expected.sort_by_key(|part| part.part_id);
    assert_eq!(read(&app, 7, 7).await, expected);
}

async fn days_are_read_from_one_to_another(db: TestDatabase) {
    let (app, other) = (seed_app(&db).await, seed_app(&db).await);
    let parts: Vec<_> = (1..=5).map(|day| part(day, day)).collect();
    for part in &parts {
        put(&app, part).await;
    }
    put(&other, &part(3, 0)).await;
    assert_eq!(read(&app, 2, 4).await, parts[1..4]);
    assert_eq!(read(&app, 6, 9).await, []);
}
