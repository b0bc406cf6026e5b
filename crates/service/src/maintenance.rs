//! Deleting what is dead: by itself, on one node at a time, in bounded batches.

use doorward_domain::Timestamp;
use doorward_domain::audit::Action;
use doorward_domain::scope::Scope;
use doorward_domain::time::plus_seconds;
use doorward_store::platform::Purged;

use crate::context::{Describe, Operator};
use crate::core::Core;
use crate::error::{Error, Result};

/// The job's name.
pub const MAINTENANCE: &str = "maintenance";

/// Rows of each kind deleted in one transaction: short enough that no request waits for it.
const BATCH: u32 = 500;
/// Transactions in one run; what is left is for the next run.
const BATCHES: u32 = 200;
/// Seconds for which the audit says who a stranger was: somebody who asked for a code and became no
/// user.
const STRANGER_SECONDS: i64 = 90 * 86_400;
/// Deleted users who are erased in one run; what is left is for the next.
const ERASED_IN_A_RUN: u32 = 200;
/// Seconds after which another node may take a run over.
const LEASE_SECONDS: i64 = 120;

/// What a run came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Run {
    /// Another node is at it, or has been recently.
    NotDue,
    /// Done, with what was deleted.
    Done(Purged),
}

/// Runs maintenance unless another node is at it. With `force`, even when it ran recently.
///
/// # Errors
/// When the database is out of reach.
pub async fn run(core: &Core, force: bool) -> Result<Run> {
    let now = core.clock.now();
    let node = core.node;
    let not_since = if force {
        now
    } else {
        plus_seconds(now, -core.settings.maintenance_interval_seconds)
    };
    let until = plus_seconds(now, LEASE_SECONDS);
    let leased = core
        .store
        .write(move |tx| {
            Ok::<_, Error>(
                tx.platform()
                    .lease_job(MAINTENANCE, node, now, until, not_since)?,
            )
        })
        .await?;
    if !leased {
        return Ok(Run::NotDue);
    }
    let outcome = work(core).await;
    let (ok, report) = match &outcome {
        Ok(purged) => (true, serde_json::json!(purged).to_string()),
        Err(error) => (false, error.code().as_str().to_owned()),
    };
    let now = core.clock.now();
    core.store
        .write(move |tx| {
            Ok::<_, Error>(
                tx.platform()
                    .finish_job(MAINTENANCE, node, now, ok, &report)?,
            )
        })
        .await?;
    let purged = outcome?;
    metrics::counter!("doorward_maintenance_deleted_total").increment(purged.total());
    Ok(Run::Done(purged))
}

/// What is known of maintenance.
#[derive(Debug, Clone)]
pub struct Standing {
    /// The last end, good or bad.
    pub last_run_at: Option<Timestamp>,
    /// The last good end.
    pub last_ok_at: Option<Timestamp>,
    /// Rows removed by kind, or the error code it failed with.
    pub last_report: Option<serde_json::Value>,
    /// Seconds between two runs.
    pub interval_seconds: i64,
}

/// What is known of maintenance, for an operator.
///
/// # Errors
/// [`doorward_domain::Code::Forbidden`] without `metrics:read`.
pub async fn standing(core: &Core, operator: &Operator) -> Result<Standing> {
    core.authorise(operator, Scope::MetricsRead).await?;
    let job = core
        .store
        .read(|tx| Ok::<_, Error>(tx.platform().job(MAINTENANCE)?))
        .await?;
    let report = job.as_ref().and_then(|job| job.last_report.clone());
    Ok(Standing {
        last_run_at: job.as_ref().and_then(|job| job.last_run_at),
        last_ok_at: job.as_ref().and_then(|job| job.last_ok_at),
        last_report: report
            .map(|text| serde_json::from_str(&text).unwrap_or_else(|_| text.clone().into())),
        interval_seconds: core.settings.maintenance_interval_seconds,
    })
}

/// Runs maintenance now, for an operator.
///
/// # Errors
/// [`doorward_domain::Code::Forbidden`] without `maintenance:write`; when the database is out of
/// reach.
pub async fn run_as(core: &Core, operator: &Operator) -> Result<Run> {
    core.authorise(operator, Scope::MaintenanceWrite).await?;
    let outcome = run(core, true).await?;
    if let Run::Done(purged) = outcome {
        let event = operator
            .context
            .event(None, Action::MaintenanceRun)
            .with(serde_json::json!({ "deleted": purged.total() }));
        core.store
            .write(move |tx| Ok::<_, Error>(tx.platform().audit(&event)?))
            .await?;
    }
    Ok(outcome)
}

/// Runs maintenance when it is due, and again at once while a run leaves something over: what dies
/// in an interval may be more than one run deletes.
///
/// # Errors
/// When the database is out of reach.
pub async fn keep_up(core: &Core) -> Result<()> {
    let full = u64::from(BATCH) * u64::from(BATCHES);
    let mut force = false;
    while let Run::Done(purged) = run(core, force).await?
        && purged.total() >= full
    {
        force = true;
    }
    Ok(())
}

/// The change of the master key is the rarer work, and what is dead does not wait for it.
async fn work(core: &Core) -> Result<Purged> {
    let mut purged = purge(core).await?;
    purged.users = crate::users::erase_due(core, ERASED_IN_A_RUN).await?;
    crate::licenses::reseal(core).await?;
    crate::messages::reseal(core).await?;
    // What was deleted, here or by an erasure before, is in the write-ahead log until then.
    if !core.store.tidy().await? {
        tracing::info!("the write-ahead log is being read: it is emptied by the next maintenance");
    }
    Ok(purged)
}

async fn purge(core: &Core) -> Result<Purged> {
    let mut total = Purged::default();
    for _ in 0..BATCHES {
        let now = core.clock.now();
        let keep_until = plus_seconds(now, -core.settings.keep_dead_seconds);
        let batch = core
            .store
            .write(move |tx| {
                let mut platform = tx.platform();
                let mut purged = platform.purge(now, keep_until, BATCH)?;
                let before = plus_seconds(now, -STRANGER_SECONDS);
                purged.audit_personal = platform.purge_strangers(before, BATCH)?;
                Ok::<_, Error>(purged)
            })
            .await?;
        total.add(&batch);
        if batch.total() == 0 {
            break;
        }
    }
    Ok(total)
}
