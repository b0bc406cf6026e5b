//! Health: one word for everybody, details for who knows the health secret.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use doorward_domain::scope::Scope;
use doorward_domain::{Timestamp, time::iso};
use doorward_store::platform::{JobRecord, OutboxDepth};
use serde::Serialize;

use crate::context::Operator;
use crate::core::Core;
use crate::error::Error;
use crate::maintenance::MAINTENANCE;

/// Longest wait for the database before it counts as out of reach.
const PATIENCE: Duration = Duration::from_secs(2);

/// Whether the service can do its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum HealthStatus {
    /// It can.
    Ok,
    /// The database is out of reach, or the server is about to stop.
    Unavailable,
}

/// The details.
#[derive(Debug, Clone, Serialize)]
pub struct HealthDetails {
    /// Whether the service can do its work.
    pub status: HealthStatus,
    /// Version of the program.
    pub version: &'static str,
    /// The engine and whether it answers.
    pub database: DatabaseHealth,
    /// Schema version of the database and of this program.
    pub migrations: Option<MigrationHealth>,
    /// The active signing key.
    pub signing_key: Option<SigningKeyHealth>,
    /// The last maintenance run.
    pub maintenance: Option<MaintenanceHealth>,
    /// Messages waiting to be sent.
    pub outbox: Option<OutboxHealth>,
}

/// The database.
#[derive(Debug, Clone, Serialize)]
pub struct DatabaseHealth {
    /// `sqlite` or `postgres`.
    pub engine: &'static str,
    /// Whether it answers.
    pub reachable: bool,
}

/// The schema.
#[derive(Debug, Clone, Serialize)]
pub struct MigrationHealth {
    /// Version of the database.
    pub current: i64,
    /// Version this program brings.
    pub latest: i64,
}

/// The active signing key.
#[derive(Debug, Clone, Serialize)]
pub struct SigningKeyHealth {
    /// Its id.
    pub kid: String,
    /// Seconds since it began to sign.
    pub age_seconds: i64,
}

/// The last maintenance run.
#[derive(Debug, Clone, Serialize)]
pub struct MaintenanceHealth {
    /// Its end (ISO 8601), good or bad.
    pub last_run_at: Option<String>,
    /// The last good end.
    pub last_ok_at: Option<String>,
}

/// Messages waiting to be sent.
#[derive(Debug, Clone, Serialize)]
pub struct OutboxHealth {
    /// How many (counted up to 10,000).
    pub queued: i64,
    /// Seconds for which the oldest has been due; 0 when none is.
    pub oldest_due_seconds: i64,
}

/// Microseconds for which an answer to everybody holds.
const KEPT: i64 = 1_000_000;

/// The last answer to everybody.
#[derive(Default)]
pub(crate) struct HealthCache {
    /// Held while the database is asked: who comes meanwhile waits for that answer.
    last: tokio::sync::Mutex<Option<(Timestamp, HealthStatus)>>,
    stopping: AtomicBool,
}

/// Whether the service can do its work, for everybody: however many ask, the database is asked once
/// a second.
pub async fn status(core: &Core) -> HealthStatus {
    if core.health.stopping.load(Relaxed) {
        return HealthStatus::Unavailable;
    }
    let mut last = core.health.last.lock().await;
    if let Some((at, status)) = *last {
        let age = core.clock.now().as_microsecond() - at.as_microsecond();
        // A clock that was put back makes no answer last longer.
        if (0..KEPT).contains(&age) {
            return status;
        }
    }
    let status = ask(core).await;
    *last = Some((core.clock.now(), status));
    status
}

/// From now on the service says that it is not there for new work.
pub fn announce_stop(core: &Core) {
    core.health.stopping.store(true, Relaxed);
    core.revocations.ring();
}

pub(crate) fn is_stopping(core: &Core) -> bool {
    core.health.stopping.load(Relaxed)
}

async fn ask(core: &Core) -> HealthStatus {
    let ping = core
        .store
        .read(|tx| Ok::<_, Error>(tx.platform().state_version()?));
    match tokio::time::timeout(PATIENCE, ping).await {
        Ok(Ok(_)) => HealthStatus::Ok,
        _ => HealthStatus::Unavailable,
    }
}

/// The details, for an operator.
///
/// # Errors
/// [`doorward_domain::Code::Forbidden`] without `metrics:read`.
pub async fn details_as(core: &Core, operator: &Operator) -> crate::Result<HealthDetails> {
    core.authorise(operator, Scope::MetricsRead).await?;
    Ok(details(core).await)
}

/// The details, for who knows the health secret. Always fresh.
pub async fn details(core: &Core) -> HealthDetails {
    let look = core.store.read(|tx| {
        let mut platform = tx.platform();
        let active = platform
            .signing_keys()?
            .into_iter()
            .find(|key| key.state == doorward_domain::signing::KeyState::Active);
        Ok::<_, Error>((active, platform.job(MAINTENANCE)?, platform.outbox_depth()?))
    });
    let found = tokio::time::timeout(PATIENCE, look)
        .await
        .ok()
        .and_then(Result::ok);
    let migrations = match found {
        Some(_) => tokio::time::timeout(PATIENCE, core.store.migration_status())
            .await
            .ok(),
        None => None,
    };
    let now = core.clock.now();
    let reachable = found.is_some();
    let stopping = core.health.stopping.load(Relaxed);
    let (active, job, depth) = match found {
        Some((active, job, depth)) => (active, job, Some(depth)),
        None => (None, None, None),
    };
    HealthDetails {
        status: if reachable && !stopping {
            HealthStatus::Ok
        } else {
            HealthStatus::Unavailable
        },
        version: env!("CARGO_PKG_VERSION"),
        database: DatabaseHealth {
            engine: core.store.engine().as_str(),
            reachable,
        },
        migrations: migrations
            .and_then(Result::ok)
            .map(|status| MigrationHealth {
                current: status.current,
                latest: status.latest,
            }),
        signing_key: active.map(|key| SigningKeyHealth {
            age_seconds: age(now, key.activated_at.unwrap_or(key.created_at)),
            kid: key.kid,
        }),
        maintenance: job.map(maintenance),
        outbox: depth.map(|depth| outbox(now, depth)),
    }
}

fn age(now: Timestamp, since: Timestamp) -> i64 {
    now.as_second().saturating_sub(since.as_second()).max(0)
}

fn maintenance(job: JobRecord) -> MaintenanceHealth {
    MaintenanceHealth {
        last_run_at: job.last_run_at.map(iso),
        last_ok_at: job.last_ok_at.map(iso),
    }
}

fn outbox(now: Timestamp, depth: OutboxDepth) -> OutboxHealth {
    OutboxHealth {
        queued: depth.queued,
        oldest_due_seconds: depth.oldest_due.map_or(0, |due| age(now, due)),
    }
}
