//! Telling an unknown app from a wrong secret by what the answer costs.

use doorward_domain::secret::AppSecret;
use doorward_domain::{AppId, Code, OsRandom};
use doorward_service::{Core, apps};
use doorward_testkit::database::Counts;
use doorward_testkit::on_both_engines;
use doorward_testkit::platform::{Platform, TestApp};

use super::support::code;

/// (reads, writes) of one refusal.
async fn cost(
    platform: &Platform,
    (core, counts): (&Core, &Counts),
    app: AppId,
    secret: &AppSecret,
) -> (usize, usize) {
    let (reads, writes) = counts.so_far();
    let refused = apps::authenticate(core, platform.context(), app, secret).await;
    assert_eq!(code(refused), Some(Code::TokenInvalid));
    let (reads_after, writes_after) = counts.so_far();
    (reads_after - reads, writes_after - writes)
}

fn invented(n: u128) -> AppId {
    AppId::from_uuid(uuid::Uuid::from_u128(n))
}

on_both_engines! {
    // The event of a refusal was written before the answer, as long as the budget of its source
    // lasted: once invented ids had used up theirs, only an app that exists answered slowly.
    async fn refused_credentials_cost_the_same_whatever_is_wrong(db: TestDatabase) {
        let platform = Platform::start(&db).await;
        let app = platform.app("shop").await;
        let dead = platform.app("dead").await;
        apps::deactivate(&platform.core, &platform.operator(), dead.id, platform.deliberate(dead.id)).await.unwrap();
        let (core, counts) = platform.counted_node().await;
        let node = (&*core, &counts);
        let wrong = AppSecret::generate(&OsRandom);
        let mut invented_ids = (1_000..).map(invented);
        for budget in ["full", "used up by invented ids", "used up by all"] {
            for _round in ["not cached", "cached"] {
                for (what, id, secret) in [
                    ("unknown", invented_ids.next().unwrap(), &wrong),
                    ("unknown, again", invented(7), &wrong),
                    ("wrong secret", app.id, &wrong),
                    ("another app's secret", app.id, &dead.secret),
                    ("deactivated", dead.id, &dead.secret),
                    ("deactivated and wrong", dead.id, &wrong),
                    // The oldest app stands in for one that does not exist; its secret is no key.
                    ("unknown, with a secret that exists", invented(8), &app.secret),
                ] {
                    assert_eq!(cost(&platform, node, id, secret).await, (1, 0), "{what}, {budget}");
                }
                platform.authenticate_at(&core, &app).await.unwrap();
            }
            for n in 0..300 {
                let id = if budget == "full" { invented(n) } else { app.id };
                cost(&platform, node, id, &wrong).await;
            }
            core.flush_refusals().await.unwrap();
        }
    }

    async fn inventing_ids_throws_no_app_out_of_the_cache(db: TestDatabase) {
        let platform = Platform::start(&db).await;
        let app = platform.app("shop").await;
        let (core, counts) = platform.counted_node().await;
        platform.authenticate_at(&core, &app).await.unwrap();
        for n in 0..5_000 {
            cost(&platform, (&core, &counts), invented(n), &app.secret).await;
        }
        let before = counts.so_far();
        platform.authenticate_at(&core, &app).await.unwrap();
        assert_eq!(counts.so_far(), before, "served from memory");
    }

    async fn refusals_are_written_later_and_once(db: TestDatabase) {
        let platform = Platform::start(&db).await;
        let app = platform.app("shop").await;
        let wrong = TestApp { secret: AppSecret::generate(&OsRandom), ..app.clone() };
        for _ in 0..3 {
            let refused = platform.authenticate_at(&platform.core, &wrong).await;
            assert_eq!(code(refused), Some(Code::TokenInvalid));
        }
        let (one, other) =
            tokio::join!(platform.core.flush_refusals(), platform.core.flush_refusals());
        one.and(other).unwrap();
        platform.core.flush_refusals().await.unwrap();
        let events = platform.events(Some(app.id)).await;
        let refused = events.iter().filter(|event| event.action == "app.authentication_failed");
        assert_eq!(refused.count(), 3);
    }
}
