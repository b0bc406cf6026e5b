//! Work that one node does at a time.

use doorward_domain::{NodeId, Timestamp};
use doorward_store::platform::JobRecord;
use doorward_testkit::database::TestDatabase;

use crate::support::{Platform, at, fresh, micros, platform};

contract! {
    one_node_has_a_job_until_it_ends_or_the_lease_does: PlatformWrite::lease_job;
    a_job_that_ran_lately_is_not_given: PlatformWrite::lease_job;
    a_job_is_given_back_with_a_report: PlatformWrite::finish_job, PlatformRead::job;
}

fn node() -> NodeId {
    NodeId::from_uuid(fresh())
}

async fn lease(platform: &Platform, node: NodeId, now: Timestamp, until: Timestamp) -> bool {
    platform
        .write(move |p| p.lease_job("maintenance", node, now, until, now))
        .await
}

async fn finish(platform: &Platform, node: NodeId, seconds: i64, ok: bool, report: &str) -> bool {
    let report = report.to_owned();
    platform
        .write(move |p| p.finish_job("maintenance", node, at(seconds), ok, &report))
        .await
}

async fn one_node_has_a_job_until_it_ends_or_the_lease_does(db: TestDatabase) {
    let platform = platform(&db);
    let (one, two) = (node(), node());
    assert!(lease(&platform, one, at(0), at(30)).await);
    assert!(
        !lease(&platform, two, micros(30, -1), at(60)).await,
        "one has it"
    );
    assert!(
        lease(&platform, one, at(10), at(40)).await,
        "the holder may extend"
    );
    assert!(
        !lease(&platform, two, at(30), at(60)).await,
        "it was extended"
    );
    assert!(
        lease(&platform, two, at(40), at(70)).await,
        "the lease has ended"
    );
    assert!(
        !finish(&platform, one, 41, true, "late").await,
        "one has lost it"
    );
    assert!(finish(&platform, two, 42, true, "done").await);
    assert!(lease(&platform, one, at(42), at(72)).await, "given back");
    let other = platform
        .write(move |p| p.lease_job("rotation", two, at(42), at(72), at(42)))
        .await;
    assert!(other, "another job");
}

async fn a_job_that_ran_lately_is_not_given(db: TestDatabase) {
    let platform = platform(&db);
    let (one, two) = (node(), node());
    assert!(lease(&platform, one, at(0), at(30)).await);
    assert!(finish(&platform, one, 5, false, "failed").await);
    let since = async |node: NodeId, since: Timestamp| {
        platform
            .write(move |p| p.lease_job("maintenance", node, at(60), at(90), since))
            .await
    };
    assert!(!since(two, micros(5, -1)).await, "it ended after that");
    assert!(!since(one, micros(5, -1)).await, "also for who ran it");
    assert!(since(two, at(5)).await, "it ended exactly then");
}

async fn a_job_is_given_back_with_a_report(db: TestDatabase) {
    let platform = platform(&db);
    let node = node();
    // Another job of the same node, which nothing here is about.
    platform
        .write(move |p| p.lease_job("another", node, at(0), at(90), at(0)))
        .await;
    let another = async || platform.read(|p| p.job("another")).await;
    let untouched = another().await;
    assert!(untouched.is_some());
    let job = async || platform.read(|p| p.job("maintenance")).await;
    assert_eq!(job().await, None, "it never ran");
    assert!(
        !finish(&platform, node, 1, true, "").await,
        "nobody leased it"
    );
    lease(&platform, node, at(0), at(30)).await;
    let mut expected = JobRecord {
        name: "maintenance".to_owned(),
        last_run_at: None,
        last_ok_at: None,
        last_report: None,
    };
    assert_eq!(job().await, Some(expected.clone()), "it is running");
    assert!(finish(&platform, node, 5, true, "gelöscht: 3 🧹").await);
    (expected.last_run_at, expected.last_ok_at) = (Some(at(5)), Some(at(5)));
    expected.last_report = Some("gelöscht: 3 🧹".to_owned());
    assert_eq!(job().await, Some(expected.clone()));
    assert!(!finish(&platform, node, 6, true, "twice").await);

    lease(&platform, node, at(10), at(30)).await;
    assert!(finish(&platform, node, 15, false, "").await);
    expected.last_run_at = Some(at(15));
    expected.last_report = Some(String::new());
    assert_eq!(job().await, Some(expected), "the last good end stays");
    assert_eq!(another().await, untouched);
}
