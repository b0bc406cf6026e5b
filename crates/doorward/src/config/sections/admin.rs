//! The operator face.

use std::net::SocketAddr;

use crate::config::reader::Reader;
use crate::config::registry;

/// `[admin]`
#[derive(Debug, Clone)]
pub(crate) struct Admin {
    /// Where the operator face listens.
    pub(crate) listen: SocketAddr,
}

impl Admin {
    pub(crate) fn read(reader: &mut Reader<'_>) -> Self {
        let host = reader.address(&registry::ADMIN_HOST);
        Self {
            listen: SocketAddr::new(host, reader.number(&registry::ADMIN_PORT)),
        }
    }
}
