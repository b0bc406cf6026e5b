//! The data of the platform.

pub(crate) mod admin_keys;
pub(crate) mod alarms;
pub(crate) mod apps;
pub(crate) mod audit;
pub(crate) mod delivery;
pub(crate) mod doctor;
pub(crate) mod idempotency;
pub(crate) mod jobs;
pub(crate) mod licenses;
pub(crate) mod maintenance;
pub(crate) mod outbox;
pub(crate) mod revocations;
pub(crate) mod signing_keys;
pub(crate) mod users;
