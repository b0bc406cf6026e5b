//! Looking at signing keys.

use doorward_domain::scope::Scope;
use doorward_store::platform::StoredSigningKey;

use crate::context::Operator;
use crate::core::Core;
use crate::error::Result;

/// The newest keys, retired ones included, without their private parts.
///
/// # Errors
/// [`doorward_domain::Code::Forbidden`] without `keys:read`.
pub async fn list(core: &Core, operator: &Operator) -> Result<Vec<StoredSigningKey>> {
    core.authorise(operator, Scope::KeysRead).await?;
    let mut keys = core
        .store
        .read(|tx| tx.platform().all_signing_keys(100))
        .await?;
    for key in &mut keys {
        key.sealed_private = None;
    }
    Ok(keys)
}
