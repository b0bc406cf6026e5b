//! The revocation feed: what an app's consumers are told beyond the life of its access tokens.
//!
//! A document of one app, signed with the keys of its access tokens, lists sessions and users whose
//! tokens no longer count. It holds no more than a token lives, and names nobody: entries are
//! hashes that only somebody with a token in hand can look up.
//!
//! A consumer keeps one [`Revocations`], gives it to its [`crate::VerifierBuilder::revocations`],
//! and lets a [`RotatingRevocations`] keep it new from one background task. The issuer makes the
//! document with [`RevocationsBuilder`]: both sides use one encoding.

mod blind;
mod build;
mod held;
mod list;
mod rotating;

pub use build::RevocationsBuilder;
pub use held::{Revocations, Taken, WhenStale};
pub use list::{RevocationList, RevocationsError};
pub use rotating::{
    FeedAnswer, FeedRequest, FeedTiming, FetchRevocations, PollError, Polled, RotatingRevocations,
};

/// The `typ` of the document.
pub const REVOCATIONS_TYP: &str = "revocations+jwt";

/// Longest document that is looked at, in bytes: some 600,000 sessions or 450,000 users.
pub const MAX_REVOCATIONS_LEN: usize = 16 * 1024 * 1024;
