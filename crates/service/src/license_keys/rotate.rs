//! Rotation on demand. There is no scheduled one: programs carry the public keys with them.

use std::sync::Arc;

use doorward_domain::audit::Action;
use doorward_domain::scope::Scope;
use doorward_domain::{AppId, Code};

use super::load::generate;
use super::publish::{LicenseKeySet, set};
use crate::context::{Describe, Operator};
use crate::core::Core;
use crate::error::{Error, Result};
use crate::proof::Deliberate;

/// Most keys an app can have. They stay published for ever, and verifiers refuse more than 64.
const MOST_KEYS: usize = 32;

/// Gives an app a new key for its licence files. The former one signs nothing any more; its private
/// part is erased, its public part stays published, because files it signed are in use.
///
/// # Errors
/// [`Code::Forbidden`] without `keys:write`; [`Code::AppNotFound`]; [`Code::ValidationError`] when
/// another app is confirmed; [`Code::Conflict`] when somebody else rotated at the same moment, or after
/// 32 keys.
pub async fn rotate(
    core: &Core,
    operator: &Operator,
    app_id: AppId,
    deliberate: Deliberate,
) -> Result<LicenseKeySet> {
    core.authorise(operator, Scope::KeysWrite).await?;
    let key = generate(core, &operator.context, app_id)?;
    let context = operator.context.clone();
    let deliberate = Arc::new(deliberate);
    let keys = core
        .store
        .write(move |tx| {
            let Some(found) = tx.platform().app(app_id)? else {
                return Err(Error::new(Code::AppNotFound));
            };
            deliberate.names_app(&found)?;
            let mut app = tx.app(app_id);
            let keys = app.license_keys()?;
            if keys.len() >= MOST_KEYS {
                return Err(Error::new(Code::Conflict).with_message(format!(
                    "An app can have {MOST_KEYS} licence keys: all of them stay published."
                )));
            }
            let former = keys.iter().find(|key| key.retired_at.is_none());
            let changed = Error::new(Code::Conflict)
                .with_message("The licence key was rotated at the same moment.");
            if let Some(former) = former
                && !app.retire_license_key(&former.kid, context.now())?
            {
                return Err(changed);
            }
            if !app.insert_license_key(&key)? {
                return Err(changed);
            }
            app.audit(
                &context
                    .event(Some(app_id), Action::LicenseKeyRotated)
                    .on("license_key", &key.kid)
                    .with(serde_json::json!({
                        "alg": key.alg.as_str(),
                        "reason": deliberate.reason(),
                        "former": former.map(|former| &former.kid),
                    })),
            )?;
            Ok::<_, Error>(app.license_keys()?)
        })
        .await?;
    set(core, app_id, &keys)
}
