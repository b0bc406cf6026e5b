//! Alarms are told to whoever the deployment names: each by one node, again until it is told.

use doorward_delivery::alarms::Notice;
use doorward_delivery::sender::{SendError, Step};
use doorward_domain::audit::Action;
use doorward_domain::scope::Scope;
use doorward_domain::time::{iso, plus_seconds};
use doorward_domain::{Code, OutboxId};
use doorward_store::platform::UntoldAlarm;

use crate::context::Operator;
use crate::core::Core;
use crate::error::{Error, Result};

/// Alarms told at a time.
const BATCH: u32 = 20;
/// How long one is a node's; then it, or another one, tries again.
const LEASE_SECONDS: i64 = 120;
/// Attempts before an alarm is given up: 40 minutes.
const ATTEMPTS: i64 = 20;

/// Age at which an alarm is nobody's news any more.
const OLD_SECONDS: i64 = 86_400;

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

/// Tells the alarms that nobody has been told yet, if anybody is to be told.
///
/// # Errors
/// When the database is out of reach.
pub async fn tell(core: &Core) -> Result<()> {
    let Some(alarms) = core.messages.alarms() else {
        return Ok(());
    };
    let now = core.clock.now();
    let until = plus_seconds(now, LEASE_SECONDS);
    let taken = core
        .store
        .write(move |tx| {
            let mut platform = tx.platform();
            let mut taken = Vec::new();
            for untold in platform.take_untold_alarms(now, until, BATCH)? {
                let slug = platform
                    .app(untold.app_id)?
                    .map(|app| app.slug.as_str().to_owned());
                taken.push((untold, slug));
            }
            Ok::<_, Error>(taken)
        })
        .await?;
    for (untold, slug) in taken {
        // Of before anybody was to be told.
        if untold.alarm.raised_at < plus_seconds(now, -OLD_SECONDS) {
            done(core, untold).await?;
            continue;
        }
        let notice = notice(&untold, slug);
        let mail_id = OutboxId::generate(&*core.clock, &*core.random);
        let told = alarms.tell(&notice, mail_id, core.clock.now()).await;
        let failed: Vec<&SendError> = told
            .iter()
            .filter_map(|(_, told)| told.as_ref().err())
            .collect();
        for error in &failed {
            tracing::warn!(alarm = notice.id, attempt = untold.attempt, %error, "an alarm could not be told");
        }
        if failed.is_empty() || untold.attempt >= ATTEMPTS {
            done(core, untold).await?;
        }
    }
    Ok(())
}

async fn done(core: &Core, untold: UntoldAlarm) -> Result<()> {
    let UntoldAlarm { app_id, alarm, .. } = untold;
    core.store
        .write(move |tx| Ok::<_, Error>(tx.platform().alarm_told(app_id, &alarm)?))
        .await?;
    Ok(())
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
/// [`Code::Forbidden`] without `maintenance:write`; [`Code::NotFound`] when nobody is told.
pub async fn test(core: &Core, operator: &Operator) -> Result<Vec<AlarmTest>> {
    core.authorise(operator, Scope::MaintenanceWrite).await?;
    let alarms = core.messages.alarms().ok_or_else(|| {
        Error::new(Code::NotFound).with_message(
            "Nobody is told of alarms: set DOORWARD_ALARM_WEBHOOK_URL or DOORWARD_ALARM_EMAIL.",
        )
    })?;
    let event = operator.context.event(None, Action::AlarmTested);
    core.store
        .write(move |tx| Ok::<_, Error>(tx.platform().audit(&event)?))
        .await?;
    let id = OutboxId::generate(&*core.clock, &*core.random);
    let now = core.clock.now();
    let told = alarms.tell(&Notice::test(id, now), id, now).await;
    Ok(told
        .into_iter()
        .map(|(destination, told)| {
            let error = told.err();
            AlarmTest {
                destination,
                accepted: error.is_none(),
                failed_step: error.as_ref().map(SendError::step),
                reason: error.map(|error| error.reason().to_owned()),
            }
        })
        .collect())
}
