//! Apps as this node knows them. A copy may be old by up to the poll interval; nothing relies on
//! it being new, because every write checks the version inside its transaction.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use doorward_domain::AppId;
use doorward_domain::app::App;

/// Most apps kept; beyond it the cache starts over (a node serves far fewer at a time).
const MAX_APPS: usize = 4_096;

/// The cache.
#[derive(Default)]
pub(crate) struct AppCache(RwLock<Held>);

#[derive(Default)]
struct Held {
    apps: HashMap<AppId, Arc<App>>,
    /// How often something was forgotten.
    forgotten: u64,
}

/// When a copy was begun to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moment(u64);

impl AppCache {
    pub(crate) fn get(&self, id: AppId) -> Option<Arc<App>> {
        self.0
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .apps
            .get(&id)
            .cloned()
    }

    /// To be asked for before an app is read from the store.
    pub(crate) fn moment(&self) -> Moment {
        Moment(
            self.0
                .read()
                .unwrap_or_else(PoisonError::into_inner)
                .forgotten,
        )
    }

    /// Keeps a copy, unless a newer one is there, or something was forgotten since `read_at`: a
    /// copy read before a change would otherwise be kept after it, and nothing would remove it.
    pub(crate) fn put(&self, app: Arc<App>, read_at: Moment) {
        let mut held = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if Moment(held.forgotten) != read_at {
            return;
        }
        let apps = &mut held.apps;
        if apps.len() >= MAX_APPS && !apps.contains_key(&app.id) {
            apps.clear();
        }
        let newer = apps
            .get(&app.id)
            .is_some_and(|held| held.version > app.version);
        if !newer {
            apps.insert(app.id, app);
        }
    }

    pub(crate) fn forget(&self, id: AppId) {
        let mut held = self.0.write().unwrap_or_else(PoisonError::into_inner);
        held.forgotten += 1;
        held.apps.remove(&id);
    }

    pub(crate) fn forget_all(&self) {
        let mut held = self.0.write().unwrap_or_else(PoisonError::into_inner);
        held.forgotten += 1;
        held.apps.clear();
    }
}

#[cfg(test)]
mod tests {
    use doorward_domain::app::{App, AppSettings, AppStatus, Slug};
    use doorward_domain::{Clock as _, OsRandom, SystemClock};

    use super::*;

    #[test]
    fn a_copy_read_before_a_change_is_not_kept_after_it() {
        let now = SystemClock.now();
        let app = Arc::new(App {
            id: AppId::generate(&SystemClock, &OsRandom),
            slug: Slug::parse("shop").unwrap(),
            name: "Shop".to_owned(),
            status: AppStatus::Active,
            version: 1,
            session_epoch: 1,
            secret_hash: [0; 32],
            previous_secret: None,
            secret_rotated_at: now,
            settings: AppSettings::default(),
            roles: Arc::default(),
            created_at: now,
            updated_at: now,
        });
        let cache = AppCache::default();
        let read_at = cache.moment();
        // Meanwhile the app is switched off, and this node told so.
        cache.forget(app.id);
        cache.put(Arc::clone(&app), read_at);
        assert!(cache.get(app.id).is_none());
        cache.put(Arc::clone(&app), cache.moment());
        assert!(cache.get(app.id).is_some());
    }
}
