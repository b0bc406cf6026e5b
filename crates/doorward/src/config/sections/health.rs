//! Who sees the details of `GET /health`.

use doorward_domain::secret::SecretText;

use crate::config::reader::Reader;
use crate::config::registry;

/// `[health]`
#[derive(Debug, Clone)]
pub(crate) struct Health {
    /// The secret that shows the details.
    pub(crate) secret: Option<SecretText>,
}

impl Health {
    pub(crate) fn read(reader: &mut Reader<'_>) -> Self {
        Self {
            secret: reader.secret(&registry::HEALTH_SECRET),
        }
    }
}
