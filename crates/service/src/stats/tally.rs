//! What this process has counted.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use doorward_domain::ids::uuid_v4;
use doorward_domain::stats::{Counted, Sketch, day_of};
use doorward_domain::{AppId, Code, Timestamp, UserId};
use doorward_store::app::DayPart;
use uuid::Uuid;

use crate::core::Core;
use crate::error::{Error, Result};

/// Apps counted at a time. With one more, everything is written and begun anew, in rows of its own.
const APPS_MAX: usize = 16_384;
/// Rows written in one transaction.
const BATCH: usize = 200;

/// What is being counted.
#[derive(Default)]
pub(crate) struct Tally {
    apps: RwLock<HashMap<AppId, Arc<Part>>>,
    /// Of days that are over, or that had to make room: to be written once more.
    over: Mutex<Vec<Arc<Part>>>,
    /// Held by whoever writes: a total must not be overwritten by an older one.
    writing: tokio::sync::Mutex<()>,
}

/// One app on one day.
struct Part {
    app_id: AppId,
    day: i64,
    part_id: Uuid,
    counts: [AtomicI64; Counted::COUNT],
    users: Mutex<Sketch>,
    /// Whether something was counted since it was last written.
    changed: AtomicBool,
}

impl Part {
    fn new(app_id: AppId, day: i64, part_id: Uuid) -> Arc<Self> {
        Arc::new(Self {
            app_id,
            day,
            part_id,
            counts: Default::default(),
            users: Mutex::default(),
            changed: AtomicBool::new(false),
        })
    }

    fn users(&self) -> std::sync::MutexGuard<'_, Sketch> {
        self.users.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count(&self, kind: Counted, user: Option<UserId>) {
        if let Some(count) = self.counts.get(kind as usize) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        if let Some(user) = user {
            self.users().add(user);
        }
        self.changed.store(true, Ordering::Release);
    }

    fn totals(&self) -> DayPart {
        DayPart {
            day: self.day,
            part_id: self.part_id,
            counts: std::array::from_fn(|kind| {
                let count = self.counts.get(kind);
                count.map_or(0, |count| count.load(Ordering::Relaxed))
            }),
            users: self.users().clone(),
        }
    }
}

impl Tally {
    fn found(&self, app_id: AppId, day: i64) -> Option<Arc<Part>> {
        let apps = self.apps.read().unwrap_or_else(PoisonError::into_inner);
        apps.get(&app_id).filter(|part| part.day == day).cloned()
    }

    fn begun(&self, app_id: AppId, day: i64, part_id: Uuid) -> Arc<Part> {
        let mut apps = self.apps.write().unwrap_or_else(PoisonError::into_inner);
        let mut over = self.over.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(part) = apps.get(&app_id).filter(|part| part.day == day) {
            return Arc::clone(part);
        }
        if apps.len() >= APPS_MAX && !apps.contains_key(&app_id) {
            over.extend(apps.drain().map(|(_, part)| part));
        }
        let part = Part::new(app_id, day, part_id);
        over.extend(apps.insert(app_id, Arc::clone(&part)));
        part
    }

    /// What has changed since it was written, in the order of the apps: of one app, or of all.
    fn changed(&self, only: Option<AppId>) -> Vec<Arc<Part>> {
        let mut parts: Vec<_> = {
            let apps = self.apps.read().unwrap_or_else(PoisonError::into_inner);
            match only {
                Some(app) => apps.get(&app).cloned().into_iter().collect(),
                None => apps.values().cloned().collect(),
            }
        };
        let mut over = self.over.lock().unwrap_or_else(PoisonError::into_inner);
        let is_asked_for = |part: &mut Arc<Part>| only.is_none_or(|app| part.app_id == app);
        parts.extend(over.extract_if(.., is_asked_for));
        parts.retain(|part| part.changed.swap(false, Ordering::AcqRel));
        parts.sort_by_key(|part| (part.app_id, part.day));
        parts
    }

    /// These are to be written again.
    fn keep(&self, parts: &[Arc<Part>]) {
        let mut over = self.over.lock().unwrap_or_else(PoisonError::into_inner);
        for part in parts {
            part.changed.store(true, Ordering::Release);
            over.push(Arc::clone(part));
        }
    }
}

/// What became of messages.
impl doorward_delivery::worker::Counts for Core {
    fn count(&self, app_id: AppId, at: Timestamp, kind: Counted) {
        Self::count(self, app_id, at, kind, None);
    }
}

impl Core {
    /// Counts something that happened in an app. Costs no database: see [`Self::flush_stats`].
    pub(crate) fn count(&self, app_id: AppId, now: Timestamp, kind: Counted, user: Option<UserId>) {
        let day = day_of(now);
        let part = self
            .tally
            .found(app_id, day)
            .unwrap_or_else(|| self.tally.begun(app_id, day, uuid_v4(&*self.random)));
        part.count(kind, user);
    }

    /// Counts how something went. What failed for a reason of ours is no failure of the app's users.
    pub(crate) fn count_outcome<T>(
        &self,
        app_id: AppId,
        now: Timestamp,
        outcome: &Result<T>,
        good: (Counted, Option<UserId>),
        bad: Counted,
    ) {
        match outcome {
            Ok(_) => self.count(app_id, now, good.0, good.1),
            Err(error)
                if matches!(
                    error.code(),
                    Code::InternalError | Code::ServiceUnavailable | Code::Forbidden
                ) => {}
            Err(_) => self.count(app_id, now, bad, None),
        }
    }

    /// Writes what was counted since the last time. [`crate::jobs`] does it every ten seconds and
    /// once more at the end.
    ///
    /// # Errors
    /// When the database is out of reach: then it waits for the next time.
    pub async fn flush_stats(&self) -> Result<()> {
        self.write_stats(None).await
    }

    /// Writes what was counted of one app: whoever asks for it pays for no other.
    ///
    /// # Errors
    /// As [`Self::flush_stats`].
    pub(crate) async fn flush_stats_of(&self, app_id: AppId) -> Result<()> {
        self.write_stats(Some(app_id)).await
    }

    async fn write_stats(&self, only: Option<AppId>) -> Result<()> {
        let _turn = self.tally.writing.lock().await;
        let parts = self.tally.changed(only);
        for (index, batch) in parts.chunks(BATCH).enumerate() {
            let totals: Vec<_> = batch
                .iter()
                .map(|part| (part.app_id, part.totals()))
                .collect();
            let written = self
                .store
                .write(move |tx| {
                    for (app_id, part) in &totals {
                        tx.app(*app_id).put_stats(part)?;
                    }
                    Ok::<_, Error>(())
                })
                .await;
            if let Err(error) = written {
                self.tally
                    .keep(parts.get(index * BATCH..).unwrap_or_default());
                return Err(error);
            }
        }
        Ok(())
    }
}
