//! From one database to another, whichever engine is behind either: `doorward db copy`.
//!
//! What is copied is what the migrations make: the list of tables, their columns, keys and order
//! are read from a scratch database that this program has just migrated, so that no table can be
//! forgotten. The source is read on one snapshot, page by page in the order of the primary key; each
//! page is written together with the note of how far the copy has come, so that a copy that was
//! killed goes on where it was. At the end both are read again, in one order and in one form, and
//! compared row by row. ADR 0013 tells more.

mod cell;
mod compare;
mod marker;
mod plan;
mod run;
mod sql;

/// The statements of a copy.
pub(crate) mod statements {
    pub(crate) use super::sql::{CREATE_PROGRESS, INSERT_SOURCE, count, delete};
}

use std::collections::BTreeMap;

use crate::error::StoreError;
use crate::port::{BoxFuture, Engine};
use crate::queue::off_thread;
use crate::{postgres, sqlite};

pub(crate) use cell::Cell;
pub use compare::{Difference, DifferenceKind, Report, TableReport};
pub(crate) use marker::{IN_THE_WAY, Marker, PROGRESS_TABLE, Step};
pub(crate) use plan::{Key, Plan, Table};
pub(crate) use sql::{insert, page};

/// Rows that are read, and written in one transaction, at a time.
pub(crate) const PAGE: usize = 1_000;
/// Bytes of values in a page, at most; one row is read however long it is.
pub(crate) const PAGE_BYTES: usize = 8 * 1024 * 1024;

/// A database by its engine.
#[derive(Debug, Clone)]
pub enum Place {
    /// The embedded engine.
    Sqlite(sqlite::Options),
    /// The shared engine.
    Postgres(Box<postgres::Options>),
}

/// Why there is no copy.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CopyError {
    /// It must not be made, or must not go on. Says what to do.
    #[error("{0}")]
    Refused(String),
    /// A database failed.
    #[error("{0}")]
    Store(#[from] StoreError),
}

/// What is being done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Rows are written.
    Copying,
    /// Rows of both sides are read and compared.
    Comparing,
}

/// How far it has come, over all tables.
#[derive(Debug, Clone)]
pub struct Progress {
    /// What is being done.
    pub phase: Phase,
    /// Rows done so far in this phase, those of an earlier attempt included.
    pub done: u64,
    /// Rows to do in this phase.
    pub total: u64,
    /// The table at hand.
    pub table: String,
}

/// Is told how far it has come.
pub type Tell = Box<dyn FnMut(Progress) + Send>;

/// One end of a copy, as its engine offers it. Blocking.
pub(crate) trait End {
    /// The tables it has, with their columns.
    fn tables(&mut self) -> Result<BTreeMap<String, Vec<String>>, StoreError>;

    /// From here on everything is read on one snapshot, until [`End::release`].
    fn snapshot(&mut self) -> Result<(), StoreError>;

    /// Gives the snapshot up.
    fn release(&mut self) -> Result<(), StoreError>;

    /// How many rows a table has.
    fn count(&mut self, table: &Table) -> Result<u64, StoreError>;

    /// The next rows after a key, in the order of the key.
    fn page(&mut self, table: &Table, after: Option<&[Cell]>)
    -> Result<Vec<Vec<Cell>>, StoreError>;

    /// How far an unfinished copy into it has come; `None` when there is none.
    fn marker(&mut self) -> Result<Option<Marker>, StoreError>;

    /// Notes that a copy begins, and removes the rows a new database comes with; in one transaction.
    fn begin(&mut self, source: &[u8], seeded: &[&Table]) -> Result<(), StoreError>;

    /// Writes rows, and how far that brings the copy; in one transaction. `false` when somebody
    /// else has brought it further meanwhile.
    fn put(&mut self, table: &Table, rows: &[Vec<Cell>], step: &Step) -> Result<bool, StoreError>;

    /// Removes the note, and lets the engine look at what it has got.
    fn finish(&mut self) -> Result<(), StoreError>;
}

impl Place {
    /// Which engine is behind it.
    #[must_use]
    pub const fn engine(&self) -> Engine {
        match self {
            Self::Sqlite(_) => Engine::Sqlite,
            Self::Postgres(_) => Engine::Postgres,
        }
    }

    fn open(&self) -> Result<Box<dyn End>, StoreError> {
        Ok(match self {
            Self::Sqlite(options) => Box::new(sqlite::copy_end(options)?),
            Self::Postgres(options) => Box::new(postgres::copy_end(options)?),
        })
    }

    /// The schema's version; 0 for nothing.
    fn version(&self) -> Result<i64, StoreError> {
        match self {
            Self::Sqlite(options) if !options.path.exists() => Err(StoreError::unavailable(
                format!("there is no database at {}", options.path.display()),
            )),
            Self::Sqlite(options) => sqlite::status_blocking(options),
            Self::Postgres(options) => postgres::status_blocking(options),
        }
        .map(|status| status.current)
    }

    fn migrate(&self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(options) => sqlite::migrate_blocking(options),
            Self::Postgres(options) => postgres::migrate_blocking(options),
        }
        .map(drop)
    }
}

/// Copies everything, or goes on with a copy of the same source, and compares.
///
/// The target is usable only after a copy that came out equal: until then every program refuses it.
///
/// # Errors
/// [`CopyError::Refused`] when the source is not at this program's schema version, when the target
/// holds something else, or when another copy is at work on it.
pub fn copy(from: Place, to: Place, tell: Tell) -> BoxFuture<'static, Result<Report, CopyError>> {
    blocking(move || run::copy(&from, &to, tell))
}

/// Compares two databases row by row, changing nothing.
///
/// # Errors
/// As [`copy`].
pub fn compare(
    from: Place,
    to: Place,
    tell: Tell,
) -> BoxFuture<'static, Result<Report, CopyError>> {
    blocking(move || run::compare_only(&from, &to, tell))
}

fn blocking(
    work: impl FnOnce() -> Result<Report, CopyError> + Send + 'static,
) -> BoxFuture<'static, Result<Report, CopyError>> {
    let done = off_thread(move || Ok(work()));
    Box::pin(async move { done.await? })
}
