//! The data of one app.

pub(crate) mod audit;
pub(crate) mod claims;
pub(crate) mod current;
pub(crate) mod delivery;
pub(crate) mod license_keys;
pub(crate) mod license_search;
pub(crate) mod license_seats;
pub(crate) mod licenses;
pub(crate) mod limits;
pub(crate) mod members;
pub(crate) mod organizations;
pub(crate) mod otp;
pub(crate) mod outbox;
pub(crate) mod replays;
pub(crate) mod revocations;
pub(crate) mod roles;
pub(crate) mod rotation;
pub(crate) mod secrets;
pub(crate) mod sessions;
pub(crate) mod sms_usage;
pub(crate) mod stats;
pub(crate) mod templates;
pub(crate) mod users;
