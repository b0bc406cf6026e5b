//! Looking at signing keys.

use doorward_domain::scope::Scope;
use doorward_store::platform::StoredSigningKey;

use crate::context::Operator;
use crate::core::Core;
use crate::cursor::TimeCursor;
use crate::error::Result;

/// Keys, newest first and retired ones included, after the given place, without their private parts;
/// at most 101.
///
/// # Errors
/// [`doorward_domain::Code::Forbidden`] without `keys:read`.
pub async fn list(
    core: &Core,
    operator: &Operator,
    after: Option<TimeCursor>,
    limit: u32,
) -> Result<Vec<StoredSigningKey>> {
    core.authorise(operator, Scope::KeysRead).await?;
    let limit = limit.clamp(1, 101);
    let mut keys = core
        .store
        .read(move |tx| {
            let after = after.as_ref().map(|place| (place.at, place.id.as_str()));
            tx.platform().all_signing_keys(after, limit)
        })
        .await?;
    for key in &mut keys {
        key.sealed_private = None;
    }
    Ok(keys)
}
