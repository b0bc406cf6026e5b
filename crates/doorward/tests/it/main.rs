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
mod delivery;
mod dev;
mod doctor;
mod every_command;
mod help;
mod incidents;
mod licenses;
mod lists;
mod log;
mod organizations;
mod people;
mod refusals;
mod serve;
mod sessions;
mod stop;
mod support;
mod templates;
mod upkeep;
