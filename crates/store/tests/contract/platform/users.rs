//! Users of all apps whose time is over.

use doorward_testkit::database::TestDatabase;

use crate::support::{at, email, platform, seed_app, seed_user};

contract! {
    the_longest_due_come_first: PlatformRead::users_to_erase;
}

async fn the_longest_due_come_first(db: TestDatabase) {
    let (app, other, platform) = (seed_app(&db).await, seed_app(&db).await, platform(&db));
    let mut due = Vec::new();
    for (scope, end) in [(&app, 30), (&other, 10), (&app, 20), (&app, 90)] {
        let user = seed_user(scope, email(&format!("u{end}@example.com"))).await;
        scope
            .write(move |app| app.delete_user(user, at(end), at(1)))
            .await;
        due.push((end, scope.id, user));
    }
    seed_user(&app, email("alive@example.com")).await;
    due.sort_by_key(|(end, ..)| *end);
    let due: Vec<_> = due.into_iter().map(|(_, app, user)| (app, user)).collect();
    let find = async |seconds: i64, limit: u32| {
        platform
            .read(move |p| p.users_to_erase(at(seconds), limit))
            .await
    };
    assert_eq!(find(30, 10).await, due[..3]);
    assert_eq!(find(29, 10).await, due[..2]);
    assert_eq!(find(90, 1).await, due[..1]);
    let (_, restored) = due[0];
    other
        .write(move |app| app.restore_user(restored, at(5)))
        .await;
    assert_eq!(find(30, 10).await, due[1..3]);
}
