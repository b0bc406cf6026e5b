//! A database per test, on either engine.

use std::path::PathBuf;
use std::sync::Arc;

pub use doorward_store::Engine;
use doorward_store::Store;
use doorward_store::sqlite::{self, SqliteDriver};

/// A migrated database of one test. It goes away with its last clone.
#[derive(Clone)]
pub struct TestDatabase(Arc<Inner>);

struct Inner {
    store: Store,
    place: Place,
}

enum Place {
    Sqlite {
        path: PathBuf,
        _directory: tempfile::TempDir,
    },
}

impl TestDatabase {
    /// On the embedded engine, in a directory of its own.
    ///
    /// # Panics
    /// When it cannot be made.
    pub async fn sqlite() -> Self {
        let directory = tempfile::tempdir().expect("a scratch directory");
        let path = directory.path().join("doorward.db");
        let store = open_sqlite(&path);
        store.migrate().await.expect("migrations apply");
        Self(Arc::new(Inner {
            store,
            place: Place::Sqlite {
                path,
                _directory: directory,
            },
        }))
    }

    /// Which engine.
    #[must_use]
    pub fn engine(&self) -> Engine {
        self.0.store.engine()
    }

    /// The store on it.
    #[must_use]
    pub fn store(&self) -> Store {
        self.0.store.clone()
    }

    /// Another store on the same database, with connections of its own: a second node.
    ///
    /// # Panics
    /// When it cannot be opened.
    pub async fn open(&self) -> Store {
        match &self.0.place {
            Place::Sqlite { path, .. } => open_sqlite(path),
        }
    }

    /// The URL to start the binary on it.
    #[must_use]
    pub fn url(&self) -> String {
        match &self.0.place {
            Place::Sqlite { path, .. } => format!("sqlite:{}", path.display()),
        }
    }
}

fn open_sqlite(path: &std::path::Path) -> Store {
    Store::new(SqliteDriver::open(sqlite::Options::file(path)).expect("SQLite opens"))
}

/// Runs an async test on a database of its own; [`on_both_engines!`](crate::on_both_engines) calls it.
///
/// # Panics
/// When the test does, or the database cannot be made.
pub fn run<F: Future<Output = ()>>(engine: Engine, test: impl FnOnce(TestDatabase) -> F) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let database = match engine {
            Engine::Sqlite => Some(TestDatabase::sqlite().await),
            Engine::Postgres => None,
        };
        if let Some(database) = database {
            test(database).await;
        }
    });
}

/// Makes two tests, `name::sqlite` and `name::postgres`, out of each `async fn name(db: TestDatabase)`.
#[macro_export]
macro_rules! on_both_engines {
    ($($(#[$attribute:meta])* async fn $name:ident($db:ident: TestDatabase) $body:block)+) => {$(
        $(#[$attribute])*
        async fn $name($db: $crate::database::TestDatabase) $body

        mod $name {
            #[test]
            fn sqlite() {
                $crate::database::run($crate::database::Engine::Sqlite, super::$name);
            }

            #[test]
            fn postgres() {
                $crate::database::run($crate::database::Engine::Postgres, super::$name);
            }
        }
    )+};
}
