//! A database per test, on either engine.
//!
//! PostgreSQL is the server whose administrator's URL stands in `DOORWARD_TEST_POSTGRES_URL`
//! (`cargo xtask test` starts one). Without it those tests say that they were skipped, or fail when
//! `DOORWARD_REQUIRE_POSTGRES=1`.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a test without its database has failed"
)]

mod counting;
mod dump;
mod postgres;

use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use doorward_store::Engine;
use doorward_store::Store;
use doorward_store::copy;
use doorward_store::postgres::PostgresDriver;
use doorward_store::sqlite::SqliteDriver;

pub use counting::Counts;
pub use postgres::{admin_url, skip_without_postgres};

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
    Postgres(postgres::Database),
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

    /// On the shared engine, a copy of a migrated template. `None`, after saying so, when there is
    /// no server to test with.
    ///
    /// # Panics
    /// When it cannot be made, or when there is no server and there has to be one.
    pub async fn postgres() -> Option<Self> {
        let admin = admin_url()?;
        let database = postgres::Database::create(&admin).await;
        let store = open_postgres(database.url()).await;
        Some(Self(Arc::new(Inner {
            store,
            place: Place::Postgres(database),
        })))
    }

    /// One that was kept as SQL text, brought up to date. `None` when there is no server to test
    /// with.
    ///
    /// # Panics
    /// When the text is none of this engine's, or a migration fails.
    pub async fn restored(engine: Engine, dump: &str) -> Option<Self> {
        let (store, place) = match engine {
            Engine::Sqlite => {
                let directory = tempfile::tempdir().expect("a scratch directory");
                let path = directory.path().join("doorward.db");
                rusqlite::Connection::open(&path)
                    .and_then(|raw| raw.execute_batch(dump))
                    .expect("the dump is SQLite's");
                let place = Place::Sqlite {
                    path: path.clone(),
                    _directory: directory,
                };
                (open_sqlite(&path), place)
            }
            Engine::Postgres => {
                let database = postgres::Database::create(&admin_url()?).await;
                database.replace(dump).await;
                let store = open_postgres(database.url()).await;
                (store, Place::Postgres(database))
            }
        };
        store.migrate().await.expect("migrations apply");
        Some(Self(Arc::new(Inner { store, place })))
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
            Place::Postgres(database) => open_postgres(database.url()).await,
        }
    }

    /// Another store on the same database that counts the transactions begun on it.
    ///
    /// # Panics
    /// When it cannot be opened.
    pub async fn open_counting(&self) -> (Store, Counts) {
        match &self.0.place {
            Place::Sqlite { path, .. } => counting::store(sqlite_driver(path)),
            Place::Postgres(database) => counting::store(postgres_driver(database.url()).await),
        }
    }

    /// Where it is, for a copy from it or into it.
    ///
    /// # Panics
    /// When its URL does not parse.
    #[must_use]
    pub fn place(&self) -> copy::Place {
        match &self.0.place {
            Place::Sqlite { path, .. } => {
                copy::Place::Sqlite(doorward_store::sqlite::Options::file(path))
            }
            Place::Postgres(database) => {
                let options = doorward_store::postgres::Options::parse(database.url());
                copy::Place::Postgres(Box::new(options.expect("a usable URL")))
            }
        }
    }

    /// A new one on the other engine. `None` when there is no PostgreSQL to test with.
    ///
    /// # Panics
    /// When it cannot be made.
    pub async fn on_the_other_engine(&self) -> Option<Self> {
        match self.engine() {
            Engine::Sqlite => Self::postgres().await,
            Engine::Postgres => Some(Self::sqlite().await),
        }
    }

    /// The URL to start the binary on it.
    #[must_use]
    pub fn url(&self) -> String {
        match &self.0.place {
            Place::Sqlite { path, .. } => format!("sqlite:{}", path.display()),
            Place::Postgres(database) => database.url().to_owned(),
        }
    }

    /// Backs the embedded engine's file up, as `doorward backup` does.
    ///
    /// # Panics
    /// On PostgreSQL, which has its own tools for that.
    pub fn backup(&self, to: &Path) {
        let Place::Sqlite { path, .. } = &self.0.place else {
            panic!("PostgreSQL has its own tools");
        };
        let options = doorward_store::sqlite::Options::file(path);
        doorward_store::sqlite::backup(&options, to).expect("a backup");
    }
}

/// Few connections: tests run side by side, and a server allows about a hundred.
fn sqlite_driver(path: &Path) -> SqliteDriver {
    let options = doorward_store::sqlite::Options::file(path);
    SqliteDriver::open(options).expect("SQLite opens")
}

async fn postgres_driver(url: &str) -> PostgresDriver {
    let mut options = doorward_store::postgres::Options::parse(url).expect("a usable URL");
    options.connections = 4;
    PostgresDriver::connect(options)
        .await
        .expect("PostgreSQL answers")
}

fn open_sqlite(path: &Path) -> Store {
    Store::new(sqlite_driver(path))
}

async fn open_postgres(url: &str) -> Store {
    Store::new(postgres_driver(url).await)
}

/// Runs an async test on a database of its own;
/// [`on_both_engines!`](crate::on_both_engines) calls it.
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
            Engine::Postgres => TestDatabase::postgres().await,
        };
        if let Some(database) = database {
            test(database).await;
        }
    });
}

/// Makes two tests, `name::sqlite` and `name::postgres`, out of each
/// `async fn name(db: TestDatabase)`.
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
