//! The job that removes what is dead.

use std::time::Duration;

use crate::config::reader::Reader;
use crate::config::registry;

/// `[maintenance]`
#[derive(Debug, Clone)]
pub(crate) struct Maintenance {
    /// How often.
    pub(crate) interval: Duration,
}

impl Maintenance {
    pub(crate) fn read(reader: &mut Reader<'_>) -> Self {
        Self {
            interval: reader.seconds(&registry::MAINTENANCE_SECONDS),
        }
    }
}
