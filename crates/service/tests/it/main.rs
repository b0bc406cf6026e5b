//! Use cases, through their front door, on both engines.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test that finds something else than it expects has failed"
)]

mod apps;
mod codes;
mod concurrency;
mod copy;
mod doctor;
mod health;
mod licenses;
mod messages;
mod model;
mod model_replay;
mod organizations;
mod sessions;
mod signing_keys;
mod sms_guard;
mod upgrade;
mod users;
