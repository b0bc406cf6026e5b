//! Alarms are told to whoever the deployment names: each by one node, each destination once, again until
//! it is told.

use std::time::Duration;

use doorward_delivery::alarms::{Alarms, Destination, Notice};
use doorward_delivery::sender::{SendError, Step};
use doorward_domain::audit::Action;
use doorward_domain::scope::Scope;
use doorward_domain::time::{iso, plus_seconds};
use doorward_domain::{Code, NodeId, OutboxId};
use doorward_store::WriteTx;
use doorward_store::platform::UntoldAlarm;

use crate::context::Operator;
use crate::core::Core;
use crate::error::{Error, Result};

/// Alarms told in a round, by each of those who tell.
const BATCH: u32 = 20;

/// How long one is a node's; then another one tries again. Longer than telling and noting it take: see the
/// test below.
const LEASE_SECONDS: i64 = 120;

/// Wait after the first attempt; it doubles with each, up to the longest.
const WAIT_SECONDS: i64 = 60;
const LONGEST_WAIT_SECONDS: i64 = 1_800;

/// Age at which an alarm is nobody's news any more, and is given up.
const OLD_SECONDS: i64 = 86_400;

/// How often a note is tried while the database is out of reach, and the first wait between; it doubles.
const NOTE_TRIES: u32 = 5;
const NOTE_WAIT: Duration = Duration::from_millis(200);

/// Seconds between two test alarms: each writes to somebody.
const TEST_SECONDS: i64 = 10;

/// What came of a test alarm.
#[derive(Debug, Clone, serde::Serialize)]
pub struct AlarmTest {
    /// `webhook` or `email`.
    pub destination: &'static str,
    /// Whether the other side took it.
    pub accepted: bool,
    /// Which step failed.
    pub failed_step: Option<Step>,
    /// What happened there.
    pub reason: Option<String>,
}

/// An alarm that this node has to tell.
struct Taken {
    untold: UntoldAlarm,
    app_slug: Option<String>,
}

/// Tells the alarms that are due, if anybody is to be told.
///
/// # Errors
/// When the database is out of reach.
pub async fn tell(core: &Core) -> Result<()> {
    tell_while(core, &|| true).await
}

/// As [`tell`]; takes no further alarm once `goes_on` says no.
pub(crate) async fn tell_while(core: &Core, goes_on: &(dyn Fn() -> bool + Sync)) -> Result<()> {
    let Some(alarms) = core.messages.alarms() else {
        return Ok(());
    };
    let Some(first) = take(core).await? else {
        return Ok(());
    };
    // A few at once, so that a destination that hangs holds up the others' news for less.
    let (one, two, three, four) = tokio::join!(
        Box::pin(tell_some(core, alarms, Some(first), goes_on)),
        Box::pin(tell_some(core, alarms, None, goes_on)),
        Box::pin(tell_some(core, alarms, None, goes_on)),
        Box::pin(tell_some(core, alarms, None, goes_on)),
    );
    one.and(two).and(three).and(four)
}

async fn tell_some(
    core: &Core,
    alarms: &Alarms,
    first: Option<Taken>,
    goes_on: &(dyn Fn() -> bool + Sync),
) -> Result<()> {
    let mut next = first;
    for _ in 0..BATCH {
        let taken = match next.take() {
            Some(taken) => taken,
            // Each just before it is told: its lease is for it alone.
            None => match goes_on().then(|| take(core)) {
                Some(taking) => match taking.await? {
                    Some(taken) => taken,
                    None => return Ok(()),
                },
                None => return Ok(()),
            },
        };
        tell_one(core, alarms, &taken).await?;
    }
    Ok(())
}

async fn take(core: &Core) -> Result<Option<Taken>> {
    let now = core.clock.now();
    core.store
        .write(move |tx| {
            let mut platform = tx.platform();
            let until = plus_seconds(now, LEASE_SECONDS);
            let Some(untold) = platform.take_untold_alarm(now, until)? else {
                return Ok::<_, Error>(None);
            };
            let app = platform.app(untold.app_id)?;
            let app_slug = app.map(|app| app.slug.as_str().to_owned());
            Ok(Some(Taken { untold, app_slug }))
        })
        .await
}

/// Tells an alarm to those who were not told yet, and notes what came of it.
async fn tell_one(core: &Core, alarms: &Alarms, taken: &Taken) -> Result<()> {
    let untold = &taken.untold;
    let notice = notice(untold, taken.app_slug.clone());
    if untold.alarm.raised_at < plus_seconds(core.clock.now(), -OLD_SECONDS) {
        // At the first attempt, it is of before anybody was to be told.
        if untold.attempt > 1 {
            tracing::error!(
                alarm = notice.id,
                "an alarm is given up: not everybody could be told"
            );
        }
        return done(core, untold).await;
    }
    let [webhook, email] = Destination::ALL;
    let (webhook, email) = tokio::join!(
        tell_to(core, alarms, webhook, untold, &notice),
        tell_to(core, alarms, email, untold, &notice),
    );
    if webhook? & email? {
        return done(core, untold).await;
    }
    let next = plus_seconds(core.clock.now(), wait_after(untold.attempt));
    let untold = untold.clone();
    note(core, move |tx| {
        Ok(tx.platform().alarm_waits(&untold, next)?)
    })
    .await
}

/// Whether one destination has nothing to be told any more.
async fn tell_to(
    core: &Core,
    alarms: &Alarms,
    to: Destination,
    untold: &UntoldAlarm,
    notice: &Notice,
) -> Result<bool> {
    if !alarms.has(to) || untold.told.iter().any(|told| told == to.as_str()) {
        return Ok(true);
    }
    if let Err(error) = alarms.tell(to, notice, core.clock.now()).await {
        tracing::warn!(alarm = notice.id, destination = to.as_str(), attempt = untold.attempt, %error, "an alarm could not be told");
        return Ok(false);
    }
    let (app_id, alarm) = (untold.app_id, untold.alarm.clone());
    note(core, move |tx| {
        Ok(tx.platform().alarm_told_to(app_id, &alarm, to.as_str())?)
    })
    .await?;
    Ok(true)
}

async fn done(core: &Core, untold: &UntoldAlarm) -> Result<()> {
    let (app_id, alarm) = (untold.app_id, untold.alarm.clone());
    note(core, move |tx| {
        Ok(tx.platform().alarm_told(app_id, &alarm)?)
    })
    .await
}

/// Notes something, again while the database is out of reach: what is not noted is told twice.
async fn note(
    core: &Core,
    what: impl Fn(&mut WriteTx<'_>) -> Result<bool> + Clone + Send + 'static,
) -> Result<()> {
    let mut wait = NOTE_WAIT;
    for _ in 1..NOTE_TRIES {
        match core.store.write(what.clone()).await {
            Err(error) if error.code() == Code::ServiceUnavailable => {
                tokio::time::sleep(wait).await;
                wait *= 2;
            }
            noted => return noted.map(drop),
        }
    }
    core.store.write(what).await.map(drop)
}

/// Seconds between an attempt, from 1, and the next.
fn wait_after(attempt: i64) -> i64 {
    let doublings = u32::try_from(attempt.saturating_sub(1)).unwrap_or(u32::MAX);
    let wait = 1_i64.checked_shl(doublings.min(32)).unwrap_or(i64::MAX);
    wait.saturating_mul(WAIT_SECONDS).min(LONGEST_WAIT_SECONDS)
}

fn notice(untold: &UntoldAlarm, app_slug: Option<String>) -> Notice {
    let alarm = &untold.alarm;
    Notice {
        id: format!(
            "{}:{}:{}:{}",
            untold.app_id,
            alarm.kind.as_str(),
            alarm.prefix,
            alarm.raised_at.as_microsecond()
        ),
        kind: alarm.kind.as_str(),
        app_id: Some(untold.app_id),
        app_slug,
        prefix: alarm.prefix.clone(),
        raised_at: iso(alarm.raised_at),
        until: Some(iso(alarm.active_until)),
        stops: alarm.stops,
    }
}

/// Sends a test alarm to everybody who is told of alarms.
///
/// # Errors
/// [`Code::Forbidden`] without `maintenance:write`; [`Code::NotFound`] when nobody is told;
/// [`Code::RateLimited`] within ten seconds of another.
pub async fn test(core: &Core, operator: &Operator) -> Result<Vec<AlarmTest>> {
    core.authorise(operator, Scope::MaintenanceWrite).await?;
    let alarms = core.messages.alarms().ok_or_else(|| {
        Error::new(Code::NotFound).with_message(
            "Nobody is told of alarms: set DOORWARD_ALARM_WEBHOOK_URL or DOORWARD_ALARM_EMAIL.",
        )
    })?;
    let event = operator.context.event(None, Action::AlarmTested);
    let now = core.clock.now();
    // Nobody's, so that not even who holds it gets it again before its time.
    let holder = NodeId::generate(&*core.clock, &*core.random);
    let permitted = core
        .store
        .write(move |tx| {
            let mut platform = tx.platform();
            let until = plus_seconds(now, TEST_SECONDS);
            if !platform.lease_job("alarm_test", holder, now, until, now)? {
                return Ok(false);
            }
            platform.audit(&event)?;
            Ok::<_, Error>(true)
        })
        .await?;
    if !permitted {
        return Err(Error::new(Code::RateLimited).with_retry_after(TEST_SECONDS));
    }
    let notice = Notice::test(OutboxId::generate(&*core.clock, &*core.random), now);
    let [webhook, email] = Destination::ALL.map(|to| {
        let notice = &notice;
        async move {
            match alarms.has(to) {
                true => Some((to, alarms.ask(to, notice, now).await)),
                false => None,
            }
        }
    });
    let (webhook, email) = tokio::join!(webhook, email);
    Ok([webhook, email]
        .into_iter()
        .flatten()
        .map(|(to, told)| {
            let error = told.err();
            AlarmTest {
                destination: to.as_str(),
                accepted: error.is_none(),
                failed_step: error.as_ref().map(SendError::step),
                reason: error.map(|error| error.reason().to_owned()),
            }
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_else_takes_an_alarm_while_it_is_told() {
        let notes = (1..NOTE_TRIES).fold(Duration::ZERO, |all, n| all + NOTE_WAIT * (1 << n));
        let most = doorward_delivery::alarms::TELLING + notes * 2;
        let lease = Duration::from_secs(LEASE_SECONDS.unsigned_abs());
        assert!(lease > most * 2, "{most:?}");
    }

    #[test]
    fn waits_double() {
        assert_eq!(
            [1, 2, 3, 6, 60].map(wait_after),
            [60, 120, 240, 1_800, 1_800]
        );
        assert_eq!(wait_after(i64::MAX), 1_800);
    }
}
