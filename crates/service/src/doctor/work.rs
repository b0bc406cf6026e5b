//! What the servers do by themselves: whether it is done.

use doorward_domain::Timestamp;
use doorward_domain::time::{iso, plus_seconds};
use doorward_store::Engine;
use doorward_store::platform::{JobRecord, OutboxDepth};

use super::Finding;
use crate::core::Core;
use crate::error::{Error, Result};
use crate::maintenance::MAINTENANCE;

/// A message that waits longer is late; ten times as long, and nobody sends.
const LATE_SECONDS: i64 = 60;
/// Messages given up that are counted.
const COUNTED: u32 = 1_000;
/// How far two clocks may be apart, in seconds: to be looked at, and too far for limits and codes.
const APART: [i64; 2] = [1, 5];

/// Looks at queues, maintenance and clocks.
pub(super) async fn examine(core: &Core) -> Result<Vec<Finding>> {
    let day_ago = plus_seconds(core.clock.now(), -86_400);
    let asked = core.clock.now();
    let (depth, failed, job, newest, theirs) = core
        .store
        .read(move |tx| {
            let mut platform = tx.platform();
            // The clock first: a transaction's time is its beginning.
            let theirs = platform.database_time()?;
            Ok::<_, Error>((
                platform.outbox_depth()?,
                platform.failed_messages(day_ago, COUNTED)?,
                platform.job(MAINTENANCE)?,
                platform.newest_event_at()?,
                theirs,
            ))
        })
        .await?;
    let now = core.clock.now();
    let mut findings = vec![
        queue(now, depth),
        given_up(&failed),
        maintenance(core, now, job.as_ref()),
        history(now, newest),
    ];
    if core.store.engine() == Engine::Postgres {
        findings.push(clocks(asked, theirs, now));
    }
    Ok(findings)
}

/// The schema.
pub(super) async fn schema(core: &Core) -> Finding {
    const ID: &str = "database.schema";
    match core.store.migration_status().await {
        Ok(status) if status.current == status.latest => {
            Finding::ok(ID, format!("version {}", status.current))
        }
        Ok(status) if status.current > status.latest => Finding::warn(
            ID,
            format!(
                "version {} of the database, {} of this program: an upgrade is under way",
                status.current, status.latest
            ),
            "Upgrade this node too.",
        ),
        Ok(status) => Finding::fail(
            ID,
            format!(
                "version {} of the database, {} of this program",
                status.current, status.latest
            ),
            "Run `doorward migrate`.",
        ),
        Err(error) => Finding::fail(
            ID,
            error.to_string(),
            "Do what the message says; `doorward migrate --status` asks again.",
        ),
    }
}

fn queue(now: Timestamp, depth: OutboxDepth) -> Finding {
    const ID: &str = "queue.messages";
    let age = depth
        .oldest_due
        .map_or(0, |due| (now.as_second() - due.as_second()).max(0));
    let seen = format!("{} wait, the oldest due for {age} s", depth.queued);
    let advice = "Look into the log for why the provider refuses, and whether a server runs; \
                  `doorward config check --connect` tries the mail server.";
    if age > 10 * LATE_SECONDS {
        Finding::fail(ID, seen, advice)
    } else if age > LATE_SECONDS {
        Finding::warn(ID, seen, advice)
    } else {
        Finding::ok(ID, seen)
    }
}

fn given_up((count, newest): &(i64, Option<String>)) -> Finding {
    const ID: &str = "queue.given_up";
    if *count == 0 {
        return Finding::ok(ID, "no message was given up within a day");
    }
    let more = if *count >= i64::from(COUNTED) {
        " or more"
    } else {
        ""
    };
    let why = newest.as_deref().unwrap_or("no reason was noted");
    Finding::warn(
        ID,
        format!("{count}{more} messages were given up within a day; the newest: {why}"),
        "Mend what the reason names (a provider's account, a sender's address). Who waited asks for \
         a new code.",
    )
}

fn maintenance(core: &Core, now: Timestamp, job: Option<&JobRecord>) -> Finding {
    const ID: &str = "maintenance";
    let advice = "Is any server running? `doorward maintenance run` does it now and tells why it \
                  fails.";
    let Some(ok) = job.and_then(|job| job.last_ok_at) else {
        return Finding::warn(ID, "it has never run", advice);
    };
    let seen = format!("it last went well at {}", iso(ok));
    // Three times in a row it did not run, or went wrong.
    let late = plus_seconds(ok, 3 * core.settings.maintenance_interval_seconds + 60);
    if late < now {
        Finding::fail(ID, seen, advice)
    } else {
        Finding::ok(ID, seen)
    }
}

/// Nothing can have happened in the future.
fn history(now: Timestamp, newest: Option<Timestamp>) -> Finding {
    const ID: &str = "clock.history";
    match newest {
        Some(at) if plus_seconds(now, APART[1]) < at => Finding::fail(
            ID,
            format!(
                "the newest event is from {}, and it is {} here",
                iso(at),
                iso(now)
            ),
            "This clock was set back, or another node's is ahead: let NTP keep them all \
             (`timedatectl`). Codes and tokens live too long meanwhile.",
        ),
        _ => Finding::ok(ID, "no event is from the future"),
    }
}

fn clocks(asked: Timestamp, theirs: Option<Timestamp>, answered: Timestamp) -> Finding {
    const ID: &str = "clock.database";
    let Some(theirs) = theirs else {
        return Finding::warn(
            ID,
            "the database tells its time in a form that is not understood",
            "Leave DateStyle of the database's user at its default (ISO).",
        );
    };
    let ahead = theirs.as_second() - answered.as_second();
    let behind = asked.as_second() - theirs.as_second();
    let apart = ahead.max(behind).max(0);
    let seen = format!("this clock and the database's are {apart} s apart");
    let advice = "Let NTP keep both clocks (`timedatectl`).";
    match apart {
        s if s > APART[1] => Finding::fail(ID, seen, advice),
        s if s > APART[0] => Finding::warn(ID, seen, advice),
        _ => Finding::ok(ID, seen),
    }
}
