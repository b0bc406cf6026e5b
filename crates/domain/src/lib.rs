//! What exists in Doorward and its pure rules.
//!
//! No I/O and no async: everything here can be tested with a fixed clock and fixed randomness.
//! Words are those of the glossary (`docs/architecture.md`).

pub mod app;
pub mod audit;
pub mod clock;
pub mod code;
pub mod contact;
pub mod entitlement;
pub mod ids;
pub mod license;
pub mod limit;
pub mod organization;
pub mod otp;
pub mod outbox;
pub mod random;
pub mod reason;
pub mod revocation;
pub mod role;
pub mod scope;
pub mod secret;
pub mod session;
pub mod settings;
pub mod signing;
pub mod sms;
pub mod stats;
pub mod template;
pub mod time;
pub mod user;

pub use clock::{Clock, OffsetClock, SystemClock};
pub use code::Code;
pub use ids::*;
pub use random::{OsRandom, SecureRandom};
pub use time::Timestamp;
