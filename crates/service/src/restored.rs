//! After the database has gone back in time: said in the audit log, and sessions ended.

use doorward_domain::audit::Action;
use doorward_domain::scope::Scope;

use crate::context::{Describe, Operator};
use crate::core::Core;
use crate::error::{Error, Result};
use crate::revocations::switched_off_app;

/// Apps whose revocation is recorded at a time.
const PAGE: u32 = 200;

/// What is known of the restore.
#[derive(Debug, Clone)]
pub struct Restored {
    /// The backup, for the audit log: a file's name, or what did it.
    pub from: String,
    /// SHA-256 of the backup in hexadecimal, where there is a file.
    pub sha256: Option<String>,
    /// Whether every session of every app ends.
    pub end_sessions: bool,
}

/// Notes that the database was restored. With `end_sessions`, whoever was signed in signs in again,
/// and access tokens no longer count at consumers that subscribe to revocations. Gives the number of
/// apps whose sessions were ended.
///
/// # Errors
/// [`doorward_domain::Code::Forbidden`] without `apps:write`.
pub async fn record(core: &Core, operator: &Operator, restored: Restored) -> Result<u64> {
    core.authorise(operator, Scope::AppsWrite).await?;
    let context = operator.context.clone();
    let event = context
        .event(None, Action::DatabaseRestored)
        .with(serde_json::json!({
            "from": restored.from,
            "sha256": restored.sha256,
            "sessions_ended": restored.end_sessions,
        }));
    core.store
        .write(move |tx| {
            tx.platform().audit(&event)?;
            if !restored.end_sessions {
                return Ok::<_, Error>(0);
            }
            let apps = tx.platform().end_every_session(context.now())?;
            let mut last = None;
            loop {
                let page = tx.platform().apps(last, PAGE)?;
                let Some(end) = page.last() else {
                    return Ok(apps);
                };
                last = Some(end.id);
                for app in &page {
                    switched_off_app(&context, app, tx)?;
                }
            }
        })
        .await
}
