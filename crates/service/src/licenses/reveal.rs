//! Showing a key again.

use std::sync::Arc;

use doorward_domain::audit::Action;
use doorward_domain::scope::Scope;
use doorward_domain::secret::SecretText;
use doorward_domain::{AppId, Code, LicenseId};

use super::Asker;
use crate::context::{Describe, Operator};
use crate::core::Core;
use crate::error::{Error, Result};

/// Shows the key of a licence to an operator, who says why. The act is written to the audit log
/// before the key is given out.
///
/// # Errors
/// [`Code::Forbidden`] without `licenses:write`; [`Code::AppNotFound`]; [`Code::LicenseNotFound`];
/// [`Code::Conflict`] for a licence without a key.
pub async fn reveal(
    core: &Core,
    operator: &Operator,
    app_id: AppId,
    id: LicenseId,
    reason: String,
) -> Result<SecretText> {
    let asker = Asker::Operator(operator.clone(), app_id);
    let keyring = Arc::clone(&core.keyring);
    asker
        .write(core, Scope::LicensesWrite, move |here, tx| {
            let mut scope = tx.app(here.app.id);
            let Some(sealed) = scope.sealed_license_key(id)? else {
                let there = scope.license(id, here.context.now())?.is_some();
                return Ok(Err(if there {
                    keyless()
                } else {
                    Code::LicenseNotFound.into()
                }));
            };
            let key = keyring
                .open_license_key(here.app.id, id, &sealed)
                .map_err(|error| Error::internal(format!("the key of licence {id}: {error}")))?;
            let event = here
                .event(Action::LicenseRevealed)
                .on("license", id)
                .with(serde_json::json!({ "reason": reason }));
            scope.audit(&event)?;
            Ok(Ok(key))
        })
        .await
}

fn keyless() -> Error {
    Error::new(Code::Conflict).with_message("This licence has no key: its user holds it.")
}
