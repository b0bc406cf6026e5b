//! A table with a column of each type.

use std::time::Duration;

use doorward_store::postgres::{self, PostgresDriver};
use doorward_store::sqlite::{self, SqliteDriver};
use doorward_store::{Connection, Engine, StoreError};
use doorward_testkit::database::TestDatabase;

use super::Raw;

/// How the driver under test is set up, where a test cares.
#[derive(Clone, Copy)]
pub(crate) struct Tune {
    pub(crate) threads: usize,
    pub(crate) queue: usize,
}

impl Default for Tune {
    fn default() -> Self {
        Self {
            threads: 4,
            queue: 1024,
        }
    }
}

/// A driver on a database with the table `probe`.
#[derive(Clone)]
pub(crate) struct Probe {
    pub(crate) raw: Raw,
}

/// Short limits, so that tests of failures are short.
pub(crate) fn postgres_options(url: &str) -> postgres::Options {
    let mut options = postgres::Options::parse(url).expect("a usable URL");
    options.connections = 4;
    options.unavailable_after = Duration::from_secs(3);
    options
}

impl Probe {
    pub(crate) async fn new(db: &TestDatabase, tune: Tune) -> Self {
        const SQLITE: &str = "CREATE TABLE probe (id INTEGER NOT NULL PRIMARY KEY, b INTEGER, \
             i INTEGER, t TEXT, y BLOB, u BLOB, at INTEGER) STRICT";
        const POSTGRES: &str = "CREATE TABLE probe (id BIGINT NOT NULL PRIMARY KEY, b BOOLEAN, \
             i BIGINT, t TEXT, y BYTEA, u UUID, at TIMESTAMPTZ)";
        let raw = Self::driver(db, tune).await;
        let sql = match db.engine() {
            Engine::Sqlite => SQLITE,
            Engine::Postgres => POSTGRES,
        };
        raw.write(move |tx| tx.execute(sql, &[]))
            .await
            .expect("the table is made");
        Self { raw }
    }

    /// Another driver on the same database.
    pub(crate) async fn driver(db: &TestDatabase, tune: Tune) -> Raw {
        match db.engine() {
            Engine::Sqlite => {
                let mut options = sqlite::Options::parse(&db.url()).expect("a usable URL");
                (options.readers, options.queue) = (tune.threads, tune.queue);
                Raw::new(SqliteDriver::open(options).expect("SQLite opens"))
            }
            Engine::Postgres => {
                let mut options = postgres_options(&db.url());
                (options.connections, options.queue) = (tune.threads, tune.queue);
                Raw::new(
                    PostgresDriver::connect(options)
                        .await
                        .expect("PostgreSQL answers"),
                )
            }
        }
    }

    /// The ids in the table, in order.
    pub(crate) async fn ids(&self) -> Vec<i64> {
        self.raw.read(ids).await.expect("reads")
    }
}

/// Inserts a row.
pub(crate) fn insert(tx: &mut dyn Connection, id: i64) -> Result<u64, StoreError> {
    tx.execute("INSERT INTO probe (id) VALUES ($1)", &[id.into()])
}

/// Inserts a row when the driver likes.
pub(crate) fn insert_deferred(tx: &mut dyn Connection, id: i64) -> Result<(), StoreError> {
    tx.defer("INSERT INTO probe (id) VALUES ($1)", &[id.into()])
}

/// The ids in the table, in order.
pub(crate) fn ids(tx: &mut dyn Connection) -> Result<Vec<i64>, StoreError> {
    tx.query("SELECT id FROM probe ORDER BY id", &[])?
        .into_iter()
        .map(|mut row| row.take())
        .collect()
}
