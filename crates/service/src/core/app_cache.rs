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
pub(crate) struct AppCache(RwLock<HashMap<AppId, Arc<App>>>);

impl AppCache {
    pub(crate) fn get(&self, id: AppId) -> Option<Arc<App>> {
        self.0
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&id)
            .cloned()
    }

    /// Keeps a copy, unless a newer one is there.
    pub(crate) fn put(&self, app: Arc<App>) {
        let mut apps = self.0.write().unwrap_or_else(PoisonError::into_inner);
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
        self.0
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&id);
    }

    pub(crate) fn forget_all(&self) {
        self.0
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }
}
