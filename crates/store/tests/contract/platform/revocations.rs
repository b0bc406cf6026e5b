//! News for the revocation feeds.

use doorward_domain::AppId;
use doorward_domain::revocation::Revocation;
use doorward_testkit::database::TestDatabase;

use crate::support::{at, micros, new_revocation, platform, seed_app};

contract! {
    news_of_all_apps_comes_at_once: PlatformRead::revocations_since;
}

async fn news_of_all_apps_comes_at_once(db: TestDatabase) {
    let (one, other, platform) = (seed_app(&db).await, seed_app(&db).await, platform(&db));
    let mut written: Vec<(AppId, Revocation)> = Vec::new();
    for (scope, seconds) in [(&one, 10), (&other, 20)] {
        let entry = new_revocation(at(seconds), at(900));
        scope.write(move |app| app.insert_revocation(&entry)).await;
        written.push((scope.id, entry));
    }
    let since = async |time, limit| {
        let mut found = platform
            .read(move |p| p.revocations_since(time, limit))
            .await;
        found.sort_by_key(|(_, entry)| entry.recorded_at);
        found
    };
    assert_eq!(since(at(10), 9).await, written);
    assert_eq!(since(micros(10, 1), 9).await, written[1..]);
    assert!(since(micros(20, 1), 9).await.is_empty());
    assert_eq!(since(at(0), 1).await.len(), 1);
}
