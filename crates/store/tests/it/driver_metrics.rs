//! What is measured.

use doorward_testkit::on_both_engines;
use metrics_exporter_prometheus::PrometheusBuilder;

use crate::support::{Hold, Probe, Tune, insert};

on_both_engines! {
    async fn waiting_work_and_refusals_are_measured(db: TestDatabase) {
        let recorder = PrometheusBuilder::new().build_recorder();
        let raw = {
            // The handles are made by this thread, before the driver's first await.
            let _local = metrics::set_default_local_recorder(&recorder);
            Probe::driver(&db, Tune { threads: 1, queue: 1 }).await
        };
        let table = "CREATE TABLE probe (id BIGINT NOT NULL PRIMARY KEY)";
        raw.write(move |tx| tx.execute(table, &[])).await.unwrap();
        let hold = Hold::writer(&raw).await;
        let waiting = raw.write(|tx| insert(tx, 1));
        raw.write(|tx| insert(tx, 2)).await.unwrap_err();
        hold.release().await;
        waiting.await.unwrap();
        raw.0.close().await;
        let text = recorder.handle().render();
        let engine = db.engine().as_str();
        let busy = format!("doorward_store_busy_total{{engine=\"{engine}\"}} 1");
        let writes = format!("{{engine=\"{engine}\",access=\"write\"}}");
        for line in [format!("doorward_store_queue_seconds_count{writes} 3"), busy] {
            assert!(text.contains(&line), "{line}: {text}");
        }
        for name in ["doorward_store_transaction_seconds_sum", "doorward_store_batch_jobs_sum"] {
            assert!(text.contains(name), "{name}: {text}");
        }
    }
}
