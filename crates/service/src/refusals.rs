//! Refused credentials: written to the audit log, but not while the caller waits.
//!
//! A refusal without a transaction of its own changes nothing, so nothing has to be durable before
//! the answer. Were its event written on the way, the commit would show from outside: whether an
//! app exists, and whether the budget of [`crate::audit`] is used up.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use doorward_crypto::keyring::Keyring;
use doorward_domain::audit::{AuditEvent, Target};
use doorward_domain::{AppId, Code, Timestamp};
use doorward_store::WriteTx;

use crate::audit::Refused;
use crate::core::Core;
use crate::error::{Error, Result};
use crate::licenses::Holder;

/// Most events that wait to be written; one more is counted as dropped.
const WAITING_MAX: usize = 4_096;
/// Written in one transaction.
const BATCH: usize = 256;

/// Events that wait to be written.
#[derive(Default)]
pub(crate) struct Refusals {
    waiting: Mutex<VecDeque<AuditEvent>>,
    /// Held by whoever writes: what is at the front stays there until it is durable.
    writing: tokio::sync::Mutex<()>,
}

impl Refusals {
    fn waiting(&self) -> MutexGuard<'_, VecDeque<AuditEvent>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Core {
    /// Notes refused credentials, within the budget. Costs no database: see [`Self::flush_refusals`].
    pub(crate) fn refuse(&self, source: Refused, code: Code, event: AuditEvent) {
        let now: Timestamp = event.at;
        if !self.refusal_budget.take(now, source, code) {
            return;
        }
        let mut waiting = self.refusals.waiting();
        if waiting.len() < WAITING_MAX {
            waiting.push_back(event);
        } else {
            drop(waiting);
            dropped(1);
        }
    }

    /// Writes the refusals noted so far. [`crate::jobs`] does it four times a second and once more
    /// at the end.
    ///
    /// # Errors
    /// When the database is out of reach: then they wait for the next time.
    pub async fn flush_refusals(&self) -> Result<()> {
        let _turn = self.refusals.writing.lock().await;
        loop {
            let batch: Vec<AuditEvent> = self
                .refusals
                .waiting()
                .iter()
                .take(BATCH)
                .cloned()
                .collect();
            let count = batch.len();
            if count == 0 {
                return Ok(());
            }
            let keyring = Arc::clone(&self.keyring);
            let written = self
                .store
                .write(move |tx| {
                    let batch = named(&keyring, tx, &batch)?;
                    let mut platform = tx.platform();
                    for event in &batch {
                        platform.audit(event)?;
                    }
                    Ok::<_, Error>(())
                })
                .await;
            match &written {
                Err(error) if error.code() == Code::ServiceUnavailable => return written,
                // Most likely they are written: a commit whose answer got lost. Trying for ever
                // would keep later ones from being written.
                Err(_) => dropped(count),
                Ok(()) => {}
            }
            self.refusals.waiting().drain(..count);
            written?;
        }
    }
}

/// The events, those that hold something of a person tied to whom it is, so that it is erased with
/// the person.
fn named(keyring: &Keyring, tx: &mut WriteTx<'_>, batch: &[AuditEvent]) -> Result<Vec<AuditEvent>> {
    let mut found = Vec::with_capacity(batch.len());
    let mut users = BTreeSet::new();
    for event in batch {
        let holder = match (&event.personal, event.app_id, &event.target) {
            (Some(_), Some(app), Some(target)) => holder(keyring, tx, app, target, event.at)?,
            _ => None,
        };
        users.extend(event.app_id.zip(holder.and_then(|holder| holder.user_id)));
        found.push(holder);
    }
    // Held in one order, so that nobody waits for the other in a circle.
    let mut gone = BTreeSet::new();
    for (app, user) in users {
        if !tx.app(app).hold_user(user)? {
            gone.insert((app, user));
        }
    }
    let named = batch.iter().cloned().zip(found).map(|(event, holder)| {
        let Some(holder) = holder else { return event };
        let user = event.app_id.zip(holder.user_id);
        match user.is_some_and(|user| gone.contains(&user)) {
            true => holder.unknown().name(event),
            false => holder.name(event),
        }
    });
    Ok(named.collect())
}

/// The person behind what a call was refused for.
fn holder(
    keyring: &Keyring,
    tx: &mut WriteTx<'_>,
    app: AppId,
    target: &Target,
    at: Timestamp,
) -> Result<Option<Holder>> {
    Ok(match target.kind {
        "license" => match target.id.parse() {
            Ok(id) => Some(Holder::of_license(keyring, tx, app, id, at)?),
            Err(_) => None,
        },
        "otp_request" => match target.id.parse() {
            Ok(id) => Some(Holder::of_code(keyring, tx, app, id)?),
            Err(_) => None,
        },
        _ => None,
    })
}

fn dropped(count: usize) {
    metrics::counter!("doorward_audit_refusals_dropped_total")
        .increment(u64::try_from(count).unwrap_or(u64::MAX));
}
