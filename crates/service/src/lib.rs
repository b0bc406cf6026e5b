//! The use cases: one folder per capability, one step per file.
//!
//! HTTP, command line and jobs all call these; they hold the rules and ask for authorisation.

pub mod admin_keys;
pub mod alarms;
pub mod apps;
pub mod audit;
mod caller;
pub mod context;
pub mod core;
mod cursor;
pub mod doctor;
pub mod error;
pub mod health;
mod idempotency;
pub mod incidents;
pub mod jobs;
pub mod license_keys;
pub mod licenses;
pub mod limits;
pub mod maintenance;
pub mod messages;
pub mod organizations;
pub mod otp;
pub mod proof;
mod refusals;
pub mod restored;
pub mod revocations;
pub mod roles;
pub mod sessions;
pub mod signing;
pub mod stats;
pub mod users;

pub use self::core::{Core, CoreParts, PlatformSettings};
pub use caller::Caller;
pub use context::{AppContext, Context, Credential, Describe, Operator, Origin};
pub use cursor::TimeCursor;
pub use error::{Error, FieldError, Result};
pub use idempotency::IdempotencyKey;
pub use proof::{Deliberate, FreshProof};
