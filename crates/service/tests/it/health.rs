//! Health: asked by anybody, and as often as they like.

use doorward_service::health::{self, HealthStatus};
use doorward_testkit::on_both_engines;
use doorward_testkit::platform::Platform;

on_both_engines! {
    async fn everybodys_health_costs_one_read_a_second(db: TestDatabase) {
        let platform = Platform::start(&db).await;
        let (core, counts) = platform.counted_node().await;
        let (before, _) = counts.so_far();
        let reads = || counts.so_far().0 - before;
        for second in 1..=3 {
            let mut asking = tokio::task::JoinSet::new();
            for _ in 0..50 {
                let core = core.clone();
                asking.spawn(async move { health::status(&core).await });
            }
            let told = asking.join_all().await;
            assert!(told.iter().all(|status| *status == HealthStatus::Ok));
            assert_eq!(reads(), second, "all in one moment share one look");
            platform.advance(1);
        }
        // The details are fresh for each who may see them.
        for more in 1..=2 {
            health::details(&core).await;
            assert_eq!(reads(), 3 + more);
        }
    }

    async fn bad_news_is_kept_for_a_second_too(db: TestDatabase) {
        let platform = Platform::start(&db).await;
        assert_eq!(health::status(&platform.core).await, HealthStatus::Ok);
        platform.core.store.close().await;
        assert_eq!(health::status(&platform.core).await, HealthStatus::Ok);
        platform.advance(1);
        assert_eq!(health::status(&platform.core).await, HealthStatus::Unavailable);
    }

    async fn a_server_about_to_stop_says_so(db: TestDatabase) {
        let platform = Platform::start(&db).await;
        assert_eq!(health::status(&platform.core).await, HealthStatus::Ok);
        health::announce_stop(&platform.core);
        assert_eq!(health::status(&platform.core).await, HealthStatus::Unavailable);
        let details = health::details(&platform.core).await;
        assert_eq!(details.status, HealthStatus::Unavailable);
        assert!(details.database.reachable);
    }
}
