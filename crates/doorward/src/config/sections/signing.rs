//! Signing keys.

use doorward_domain::signing::SigningAlg;

use crate::config::reader::Reader;
use crate::config::registry;

/// `[signing]`
#[derive(Debug, Clone)]
pub(crate) struct Signing {
    /// What new keys are.
    pub(crate) algorithm: SigningAlg,
    /// Age at which the active key is replaced, in days; `None`: only on demand.
    pub(crate) rotation_days: Option<i64>,
}

impl Signing {
    pub(crate) fn read(reader: &mut Reader<'_>) -> Self {
        Self {
            algorithm: SigningAlg::parse(reader.choice(&registry::SIGNING_ALGORITHM))
                .unwrap_or(SigningAlg::Rs256Bits2048),
            rotation_days: Some(reader.integer(&registry::SIGNING_ROTATION_DAYS))
                .filter(|days| *days > 0),
        }
    }
}
