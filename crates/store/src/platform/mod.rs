//! The data of the platform: apps, keys, jobs, the outbox, the audit log.

mod admin_keys;
mod alarms;
mod apps;
mod audit;
mod audit_search;
mod delivery;
mod doctor;
mod idempotency;
mod jobs;
mod licenses;
mod maintenance;
mod outbox;
mod revocations;
mod signing_keys;
mod users;

use crate::port::Connection;

pub use admin_keys::AdminKey;
pub use alarms::UntoldAlarm;
pub use apps::{AppChange, Candidate};
pub use audit::StoredEvent;
pub(crate) use audit::{event as stored_event, insert_event};
pub use audit_search::{AuditFilter, AuditPage, Party};
pub use delivery::OutdatedDelivery;
pub use doctor::OldSecret;
pub use idempotency::IdempotentAnswer;
pub use jobs::JobRecord;
pub use licenses::OutdatedLicenseKey;
pub use maintenance::Purged;
pub use outbox::{Handover, LeaseRequest, OutboxDepth};
pub use signing_keys::StoredSigningKey;

/// Reads the data of the platform.
pub struct PlatformRead<'a> {
    pub(crate) connection: &'a mut dyn Connection,
}

impl<'a> PlatformRead<'a> {
    pub(crate) fn new(connection: &'a mut dyn Connection) -> Self {
        Self { connection }
    }
}

/// Reads and writes the data of the platform.
pub struct PlatformWrite<'a>(PlatformRead<'a>);

impl<'a> PlatformWrite<'a> {
    pub(crate) fn new(connection: &'a mut dyn Connection) -> Self {
        Self(PlatformRead::new(connection))
    }
}

impl<'a> std::ops::Deref for PlatformWrite<'a> {
    type Target = PlatformRead<'a>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl std::ops::DerefMut for PlatformWrite<'_> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}
