//! Metrics: the recorder, installed before anything counts.

use std::time::Duration;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

use crate::Outcome;
use crate::failure::Failure;

/// Bounds of the histograms of durations, in seconds: from a cached answer to a time-out.
const SECONDS: &[f64] = &[
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
];
/// Bounds of the histogram of transactions per commit.
const JOBS: &[f64] = &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0];

/// How often what is recorded is folded into the histograms.
const UPKEEP: Duration = Duration::from_secs(5);

/// Installs the recorder; once per process.
pub(super) fn install() -> Outcome<PrometheusHandle> {
    let failed = |error: &dyn std::fmt::Display| Failure::failed("METRICS", error.to_string());
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), SECONDS)
        .and_then(|builder| {
            builder.set_buckets_for_metric(Matcher::Suffix("_jobs".to_owned()), JOBS)
        })
        .map_err(|error| failed(&error))?
        .install_recorder()
        .map_err(|error| failed(&error))?;
    doorward_delivery::worker::describe_metrics();
    Ok(handle)
}

/// Folds until it is dropped.
pub(super) async fn upkeep(handle: PrometheusHandle) {
    loop {
        tokio::time::sleep(UPKEEP).await;
        handle.run_upkeep();
    }
}
