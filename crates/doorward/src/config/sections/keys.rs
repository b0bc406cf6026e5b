//! The master key and its predecessors.

use doorward_crypto::keyring::{Keyring, MasterKey, MasterKeyError};
use doorward_domain::secret::SecretText;

use crate::config::reader::Reader;
use crate::config::{Variable, registry};

/// `[keys]`
#[derive(Debug, Clone)]
pub(crate) struct Keys {
    /// What seals.
    pub(crate) master: Option<SecretText>,
    /// What still opens.
    pub(crate) previous: Vec<SecretText>,
}

impl Keys {
    pub(crate) fn read(reader: &mut Reader<'_>) -> Self {
        let keys = Self {
            master: reader.secret(&registry::MASTER_KEY),
            previous: reader.list(&registry::PREVIOUS_MASTER_KEYS),
        };
        if let Some(key) = &keys.master {
            check(reader, &registry::MASTER_KEY, key);
        }
        for key in &keys.previous {
            check(reader, &registry::PREVIOUS_MASTER_KEYS, key);
        }
        keys
    }

    /// The keyring they make; `None` without a master key.
    ///
    /// # Errors
    /// When one of them is malformed or guessable.
    pub(crate) fn keyring(&self) -> Result<Option<Keyring>, MasterKeyError> {
        let parse = |text: &SecretText| MasterKey::from_hex_or_base64(text.expose());
        let Some(master) = &self.master else {
            return Ok(None);
        };
        let previous = self
            .previous
            .iter()
            .map(parse)
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Some(Keyring::new(parse(master)?, previous)))
    }
}

fn check(reader: &mut Reader<'_>, variable: &Variable, key: &SecretText) {
    if let Err(error) = MasterKey::from_hex_or_base64(key.expose()) {
        reader.problem(variable, error.to_string());
    }
}
