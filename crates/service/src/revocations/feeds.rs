//! The feeds that somebody has asked for lately, as this node knows them.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use doorward_domain::revocation::{Revocation, Revoked};
use doorward_domain::time::plus_seconds;
use doorward_domain::{AppId, Timestamp};
use tokio::sync::Notify;

use super::feed::Document;
use crate::core::Core;
use crate::error::{Error, Result};

/// Feeds kept; one more is made anew each time it is asked for.
const KEPT_MAX: usize = 1_024;
/// A feed that nobody asked for in so many seconds is not kept.
const FORGET_SECONDS: i64 = 300;
/// News is read from so many seconds back: nodes' clocks differ, and commits come late.
const OVERLAP_SECONDS: i64 = 10;
/// Whoever is to read a feed whole has so many seconds for it; then somebody else tries.
const LEASE_SECONDS: i64 = 2;
/// Most news at a time; with more, every feed is read whole again.
const NEWS_MAX: u32 = 20_000;
/// What is kept counts as current for so many seconds after it was read. Longer than the beat of the
/// job that reads the news.
const CURRENT_SECONDS: i64 = 1;
/// Every feed is read whole again after so many seconds. News that came later than the overlap
/// allows (a commit that waited long for a standby, a clock that is far off) is late then, and not
/// missing for as long as somebody asks.
const WHOLE_SECONDS: i64 = 60;

/// What this node knows of one app's revocations.
pub(super) struct Known {
    /// One of each session and user, however often it was revoked: the one that says most.
    pub(super) entries: BTreeMap<Revoked, Revocation>,
    /// The document made of them, until something changes.
    pub(super) document: Option<Arc<Document>>,
    /// Grows with every change of the entries.
    pub(super) changes: u64,
    /// Held by whoever makes the document: it is made once, and nobody else waits for it.
    pub(super) maker: Arc<tokio::sync::Mutex<()>>,
    asked_at: Timestamp,
    /// When it was last known to be current.
    current_at: Timestamp,
    /// When it was last read whole.
    whole_at: Timestamp,
}

impl Known {
    /// Adds an entry, and says whether it was news.
    fn add(&mut self, mut entry: Revocation) -> bool {
        if let Some(held) = self.entries.get(&entry.revoked) {
            if held.issued_until >= entry.issued_until {
                return false;
            }
            entry.expires_at = entry.expires_at.max(held.expires_at);
        }
        self.entries.insert(entry.revoked, entry);
        self.document = None;
        self.changes = self.changes.wrapping_add(1);
        true
    }
}

/// Whether `now` is less than so many seconds after `then`, and not before it.
fn is_within(then: Timestamp, seconds: i64, now: Timestamp) -> bool {
    then <= now && plus_seconds(then, seconds) > now
}

#[derive(Default)]
struct State {
    apps: HashMap<AppId, Known>,
    /// When news was last read.
    read_at: Option<Timestamp>,
}

/// The feeds that somebody has asked for lately.
#[derive(Default)]
pub(crate) struct Feeds {
    state: Mutex<State>,
    /// Rung when there is something new.
    bell: Notify,
}

impl Feeds {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Works on what is known of an app, if that is current. When it is to be read whole again,
    /// whoever asks first is told that it is not; the others go on with what there is.
    pub(super) fn with_current<T>(
        &self,
        app_id: AppId,
        now: Timestamp,
        work: impl FnOnce(&mut Known) -> T,
    ) -> Option<T> {
        let mut state = self.state();
        let known = state.apps.get_mut(&app_id)?;
        known.asked_at = now;
        if !is_within(known.current_at, CURRENT_SECONDS, now) {
            return None;
        }
        if !is_within(known.whole_at, WHOLE_SECONDS, now) {
            known.whole_at = plus_seconds(now, LEASE_SECONDS - WHOLE_SECONDS);
            return None;
        }
        Some(work(known))
    }

    /// Keeps the document that was made of the entries as they were after so many changes.
    pub(super) fn keep(&self, app_id: AppId, changes: u64, document: &Arc<Document>) {
        let mut state = self.state();
        if let Some(known) = state.apps.get_mut(&app_id)
            && known.changes == changes
        {
            known.document = Some(Arc::clone(document));
        }
    }

    /// Keeps what was read of an app at `now`; what was read meanwhile stays.
    pub(super) fn put(&self, app_id: AppId, entries: &[Revocation], now: Timestamp) {
        let mut state = self.state();
        if state.apps.len() >= KEPT_MAX && !state.apps.contains_key(&app_id) {
            return;
        }
        let known = state.apps.entry(app_id).or_insert_with(|| Known {
            entries: BTreeMap::new(),
            document: None,
            changes: 0,
            maker: Arc::default(),
            asked_at: now,
            current_at: now,
            whole_at: now,
        });
        known.current_at = known.current_at.max(now);
        known.whole_at = known.whole_at.max(now);
        let mut changed = false;
        for entry in entries {
            changed |= known.add(*entry);
        }
        drop(state);
        if changed {
            self.ring();
        }
    }

    /// Completed at the next news, or when the server is about to stop.
    pub(super) fn news(&self) -> tokio::sync::futures::Notified<'_> {
        self.bell.notified()
    }

    /// Wakes whoever waits.
    pub(crate) fn ring(&self) {
        self.bell.notify_waiters();
    }
}

/// Reads what was revoked lately, for the feeds that somebody asks for. Costs nothing while nobody
/// does, and one statement however many apps there are.
///
/// # Errors
/// When the database is out of reach.
pub(crate) async fn follow(core: &Core) -> Result<()> {
    let feeds = &core.revocations;
    let now = core.clock.now();
    let since = {
        let mut state = feeds.state();
        let forget = plus_seconds(now, -FORGET_SECONDS);
        state.apps.retain(|_, known| known.asked_at > forget);
        if state.apps.is_empty() {
            state.read_at = None;
            return Ok(());
        }
        plus_seconds(state.read_at.unwrap_or(now).min(now), -OVERLAP_SECONDS)
    };
    let news = core
        .store
        .read(move |tx| Ok::<_, Error>(tx.platform().revocations_since(since, NEWS_MAX)?))
        .await?;
    let mut changed = false;
    {
        let mut state = feeds.state();
        if news.len() >= usize::try_from(NEWS_MAX).unwrap_or(usize::MAX) {
            // Each by one reader, not by all who wait for it.
            for known in state.apps.values_mut() {
                known.whole_at = Timestamp::MIN;
            }
            changed = true;
        }
        for (app_id, entry) in news {
            if let Some(known) = state.apps.get_mut(&app_id) {
                changed |= known.add(entry);
            }
        }
        for known in state.apps.values_mut() {
            known.current_at = now;
        }
        state.read_at = Some(now);
    }
    if changed {
        feeds.ring();
    }
    Ok(())
}
