//! What one client, or all together, may ask of the server.

use std::time::Duration;

use crate::config::reader::Reader;
use crate::config::registry;

/// `[limits]`
#[derive(Debug, Clone)]
pub(crate) struct Limits {
    /// Largest request body.
    pub(crate) body_bytes: usize,
    /// Time for the headers of a request.
    pub(crate) header: Duration,
    /// Time for a whole request.
    pub(crate) request: Duration,
    /// Requests worked on at once.
    pub(crate) concurrency: usize,
    /// Open connections per face.
    pub(crate) connections: usize,
}

impl Limits {
    pub(crate) fn read(reader: &mut Reader<'_>) -> Self {
        Self {
            body_bytes: reader.number(&registry::BODY_BYTES),
            header: reader.seconds(&registry::HEADER_SECONDS),
            request: reader.seconds(&registry::REQUEST_SECONDS),
            concurrency: reader.number(&registry::CONCURRENCY),
            connections: reader.number(&registry::CONNECTIONS),
        }
    }
}
