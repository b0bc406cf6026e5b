//! What somebody tried who wanted in: each test is an attack that once worked, or would be the
//! worst if it did.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that finds something else than it expects has failed"
)]

mod contacts;
mod feeds;
mod floods;
mod keys;
mod licenses;
mod limits;
mod oracle;
mod races;
mod support;
mod tenancy;
mod tokens;
