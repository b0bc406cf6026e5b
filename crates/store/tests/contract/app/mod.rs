//! The data of one app.

pub(crate) mod audit;
pub(crate) mod current;
pub(crate) mod license_search;
pub(crate) mod license_seats;
pub(crate) mod licenses;
pub(crate) mod limits;
pub(crate) mod otp;
pub(crate) mod outbox;
pub(crate) mod replays;
pub(crate) mod rotation;
pub(crate) mod secrets;
pub(crate) mod sessions;
pub(crate) mod users;
