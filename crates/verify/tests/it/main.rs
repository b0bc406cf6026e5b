//! Hostile and good tokens.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that fails may panic"
)]

mod accept;
mod build;
mod claims;
mod ecdsa;
mod form;
mod header;
mod keys;
mod license;
mod revocations;
mod rotating;
mod support;
mod time;
mod vectors;
mod wycheproof;
