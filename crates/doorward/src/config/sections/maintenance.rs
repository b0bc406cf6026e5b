//! The job that removes what is dead.

use crate::config::reader::Reader;
use crate::config::registry;

/// `[maintenance]`
#[derive(Debug, Clone)]
pub(crate) struct Maintenance {
    /// How often, in seconds.
    pub(crate) interval_seconds: i64,
}

impl Maintenance {
    pub(crate) fn read(reader: &mut Reader<'_>) -> Self {
        Self {
            interval_seconds: reader.integer(&registry::MAINTENANCE_SECONDS),
        }
    }
}
