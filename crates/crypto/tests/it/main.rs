//! What the crate promises, from outside.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that fails may panic"
)]

mod known_answers;
mod license;
mod opaque;
mod otp;
mod refresh;
mod replay;
mod rotation;
mod seal;
mod signing;
mod support;
