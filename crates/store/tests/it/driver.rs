//! What both drivers promise.

use doorward_testkit::on_both_engines;

on_both_engines! {
    async fn a_second_migration_run_finds_nothing_to_do(db: TestDatabase) {
        let status = db.store().migrate().await.expect("migrates");
        assert_eq!((status.current, status.latest), (1, 1));
        assert!(status.applied_now.is_empty());
    }
}
