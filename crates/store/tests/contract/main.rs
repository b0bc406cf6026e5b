//! The contract of the store's methods, on both engines: what each does, that another app's id finds
//! and changes nothing, and that of any number of simultaneous callers exactly one wins.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that finds something else than it expects has failed"
)]

#[macro_use]
mod support;

mod app;
mod foreign;
mod oracle;
mod plans;
mod platform;
mod race;
mod registry;
mod sources;
mod statements;
