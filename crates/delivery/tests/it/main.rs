//! The senders against real servers, and the worker on both engines.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that finds something else than it expects has failed"
)]

mod capture;
mod certificates;
mod chain;
mod messages;
mod reports;
mod smtp;
mod twilio;
mod web_server;
mod webhook;
mod worker;
