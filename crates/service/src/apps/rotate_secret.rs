//! Replacing an app's secret.

use std::sync::Arc;

use doorward_crypto::opaque::app_secret_hash;
use doorward_domain::audit::Action;
use doorward_domain::scope::Scope;
use doorward_domain::secret::AppSecret;
use doorward_domain::time::plus_seconds;
use doorward_domain::{AppId, Code};
use serde::{Deserialize, Serialize};

use crate::context::{Describe, Operator};
use crate::core::Core;
use crate::error::{Error, Result};
use crate::idempotency::kept;
use crate::proof::Deliberate;

/// Longest overlap of two secrets, in seconds.
pub const MAX_OVERLAP_SECONDS: i64 = 7 * 86_400;

/// What is answered.
#[derive(Serialize, Deserialize)]
struct Rotated {
    #[serde(with = "kept::app_secret")]
    secret: AppSecret,
}

/// Replaces an app's secret and gives the new one, shown this once. The old one dies at once on
/// every node, unless an overlap in seconds (1 to 604,800) is chosen. Confirmed by slug or id.
///
/// # Errors
/// [`Code::Forbidden`] without `apps:write`; [`Code::AppNotFound`]; [`Code::ValidationError`].
pub async fn rotate_secret(
    core: &Core,
    operator: &Operator,
    id: AppId,
    overlap_seconds: Option<i64>,
    deliberate: Deliberate,
) -> Result<AppSecret> {
    core.authorise(operator, Scope::AppsWrite).await?;
    if overlap_seconds.is_some_and(|seconds| !(1..=MAX_OVERLAP_SECONDS).contains(&seconds)) {
        return Err(Error::field(
            "overlap_seconds",
            "Must be between 1 and 604800",
        ));
    }
    let context = &operator.context;
    let now = context.now();
    let secret = AppSecret::generate(&*context.random);
    let hash = app_secret_hash(&secret);
    let overlap_until = overlap_seconds.map(|seconds| plus_seconds(now, seconds));
    let event = context
        .event(Some(id), Action::AppSecretRotated)
        .on("app", id)
        .with(serde_json::json!({
            "overlap_seconds": overlap_seconds, "reason": deliberate.reason(),
        }));
    let deliberate = Arc::new(deliberate);
    let rotated = core
        .create(operator, Some(id), move |tx| {
            let mut platform = tx.platform();
            let app = platform
                .app(id)?
                .ok_or_else(|| Error::new(Code::AppNotFound))?;
            deliberate.names_app(&app)?;
            if !platform.rotate_secret(id, &hash, overlap_until, now)? {
                return Err(Error::new(Code::AppNotFound));
            }
            platform.audit(&event)?;
            Ok(Ok(Rotated {
                secret: secret.clone(),
            }))
        })
        .await?;
    core.apps.forget(id);
    Ok(rotated.secret)
}
