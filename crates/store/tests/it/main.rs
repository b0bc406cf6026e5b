//! The drivers and the migrations, on both engines.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that finds something else than it expects has failed"
)]

mod copy;
mod driver;
mod driver_failover;
mod driver_metrics;
mod driver_postgres;
mod driver_reads;
mod driver_sqlite;
mod driver_tls;
mod driver_values;
mod migrate;
mod support;
