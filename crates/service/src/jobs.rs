//! What a server does by itself while it runs. Each loop ends when `stop` does.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::core::Core;
use crate::error::Result;
use crate::{maintenance, signing};

/// How often a node looks whether another changed something it caches. With one statement by
/// primary key it costs nothing worth mentioning, and a change holds everywhere within a second.
const STATE_POLL: Duration = Duration::from_millis(250);
/// How often refusals are written. The beat is its own: nobody who is refused sees it.
const REFUSALS_POLL: Duration = Duration::from_millis(250);
/// How often statistics are written: what `kill -9` loses of them.
const STATS_POLL: Duration = Duration::from_secs(10);
/// How often news for the revocation feeds is read, while somebody asks for one.
const REVOCATIONS_POLL: Duration = Duration::from_millis(250);
/// How often alarms are looked for that nobody has been told.
const ALARMS_POLL: Duration = Duration::from_secs(5);
/// How often keys are looked after.
const KEYS_POLL: Duration = Duration::from_secs(30);
/// How often maintenance is offered to run; whether it is due is decided in the database.
const MAINTENANCE_POLL: Duration = Duration::from_secs(60);

/// Starts every loop. They end after `stop` changes or its sender is dropped.
#[must_use]
pub fn spawn(core: &Arc<Core>, stop: &watch::Receiver<()>) -> Vec<tokio::task::JoinHandle<()>> {
    let state = {
        let core = Arc::clone(core);
        tokio::spawn(every(STATE_POLL, stop.clone(), "state", move || {
            let core = Arc::clone(&core);
            async move { follow_state(&core).await }
        }))
    };
    let keys = {
        let core = Arc::clone(core);
        tokio::spawn(every(KEYS_POLL, stop.clone(), "keys", move || {
            let core = Arc::clone(&core);
            async move { signing::tick(&core).await }
        }))
    };
    let maintenance = {
        let core = Arc::clone(core);
        tokio::spawn(every(
            MAINTENANCE_POLL,
            stop.clone(),
            "maintenance",
            move || {
                let core = Arc::clone(&core);
                async move { maintenance::keep_up(&core).await }
            },
        ))
    };
    let refusals = {
        let core = Arc::clone(core);
        let stop = stop.clone();
        tokio::spawn(async move {
            every(REFUSALS_POLL, stop, "refusals", || core.flush_refusals()).await;
            // What was refused since: nobody is served any more.
            if let Err(error) = core.flush_refusals().await {
                tracing::warn!(%error, "the last refusals could not be written");
            }
        })
    };
    let stats = {
        let core = Arc::clone(core);
        let stop = stop.clone();
        tokio::spawn(async move {
            every(STATS_POLL, stop, "stats", || core.flush_stats()).await;
            // What was counted since: nobody is served any more.
            if let Err(error) = core.flush_stats().await {
                tracing::warn!(%error, "the last statistics could not be written");
            }
        })
    };
    let revocations = {
        let core = Arc::clone(core);
        tokio::spawn(every(
            REVOCATIONS_POLL,
            stop.clone(),
            "revocations",
            move || {
                let core = Arc::clone(&core);
                async move { crate::revocations::follow(&core).await }
            },
        ))
    };
    let alarms = {
        let (core, stopping) = (Arc::clone(core), stop.clone());
        tokio::spawn(every(ALARMS_POLL, stop.clone(), "alarms", move || {
            let (core, stopping) = (Arc::clone(&core), stopping.clone());
            async move {
                // An error means that the sender is gone, which is a stop too.
                let goes_on = || !stopping.has_changed().unwrap_or(true);
                crate::alarms::tell_while(&core, &goes_on).await
            }
        }))
    };
    vec![
        alarms,
        state,
        keys,
        maintenance,
        refusals,
        stats,
        revocations,
    ]
}

/// Reads anew what another node (or a command beside this server) has changed.
///
/// # Errors
/// When the database is out of reach.
pub async fn follow_state(core: &Core) -> Result<()> {
    let version = core
        .store
        .read(|tx| Ok::<_, crate::Error>(tx.platform().state_version()?))
        .await?;
    if version != core.signing().state_version {
        core.apps.forget_all();
        core.messages.forget();
        signing::reload(core).await?;
    }
    Ok(())
}

async fn every<F, Fut>(period: Duration, mut stop: watch::Receiver<()>, name: &'static str, work: F)
where
    F: Fn() -> Fut,
    Fut: Future<Output = Result<()>>,
{
    let mut failing = false;
    loop {
        match work().await {
            Ok(()) if failing => {
                failing = false;
                tracing::info!(job = name, "the job works again");
            }
            Ok(()) => {}
            // Once per trouble, not once per tick.
            Err(error) if !failing => {
                failing = true;
                tracing::warn!(
                    job = name,
                    code = error.code().as_str(),
                    internal = error.internal_message(),
                    "the job failed and will be tried again"
                );
            }
            Err(_) => {}
        }
        tokio::select! {
            () = tokio::time::sleep(period) => {}
            _ = stop.changed() => return,
        }
    }
}
