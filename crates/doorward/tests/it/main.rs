//! The command line, run as a process.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that finds something else than it expects has failed"
)]

mod backup;
mod beside;
mod config;
mod db;
mod dev;
mod doctor;
mod help;
mod licenses;
mod log;
mod organizations;
mod refusals;
mod serve;
mod stop;
mod support;
