//! (dev) A server in process, actors, a fake clock, a database per test.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a test that finds something else than it expects has failed"
)]

pub mod database;
pub mod platform;
pub mod skip;
pub mod smtp;
