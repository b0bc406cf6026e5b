//! The port: what a driver offers, and nothing else.

use std::future::Future;
use std::pin::Pin;

use crate::error::StoreError;
use crate::migrate::MigrationStatus;
use crate::value::{Param, Row};

/// Which engine a driver speaks to. For logs, metrics and `doctor` only: no query may depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Engine {
    /// The embedded engine.
    Sqlite,
    /// The shared engine.
    Postgres,
}

impl Engine {
    /// Its name in lower case.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
        }
    }
}

/// Whether a job may write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Access {
    /// Sees one snapshot, changes nothing (the engine refuses writes).
    Read,
    /// May change things; atomic.
    Write,
}

/// What a job wants done with its transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Make it durable.
    Commit,
    /// Undo it.
    Rollback,
}

/// An open transaction, as seen by the functions that hold SQL.
///
/// Statements are `&'static str` with parameters `$1`, `$2`, …, and are prepared once per
/// connection. The SQL is what SQLite (3.35 or later) and PostgreSQL both understand:
/// `INSERT … ON CONFLICT`, `RETURNING`, `CASE`, `COALESCE`, `CAST($1 AS BIGINT)`; no time
/// arithmetic, no `FOR UPDATE`, no `ILIKE`, no JSON operators.
pub trait Connection {
    /// Runs a statement and gives the number of rows it changed.
    ///
    /// # Errors
    /// [`StoreError`].
    fn execute(&mut self, sql: &'static str, params: &[Param<'_>]) -> Result<u64, StoreError>;

    /// Runs a statement and gives its rows.
    ///
    /// # Errors
    /// [`StoreError`].
    fn query(&mut self, sql: &'static str, params: &[Param<'_>]) -> Result<Vec<Row>, StoreError>;

    /// Runs a write whose result nobody in the transaction needs. It takes effect in order, but a
    /// driver may send it together with the next statement or with the commit, to save a round trip.
    /// Its failure fails the transaction.
    ///
    /// # Errors
    /// [`StoreError`].
    fn defer(&mut self, sql: &'static str, params: &[Param<'_>]) -> Result<(), StoreError>;
}

/// A unit of work: a closure with its type erased and the place its answer goes to.
pub trait Job: Send {
    /// Runs the closure in a fresh transaction. May be called again after a serialization failure.
    fn run(&mut self, connection: &mut dyn Connection) -> Verdict;

    /// Hands the answer over, once the commit is durable (`Ok`) or certain to have failed (`Err`).
    /// After a rollback that the job itself asked for, `Ok`.
    fn finish(self: Box<Self>, outcome: Result<(), StoreError>);

    /// Whether the caller is gone, so that a job not yet begun can be dropped.
    fn abandoned(&self) -> bool;
}

/// A boxed future.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// An engine.
///
/// Guarantees: a write job is atomic and durable when `finish(Ok)` is called; jobs never see each
/// other's uncommitted writes; a failing or panicking job harms no other; a serialization failure
/// or deadlock is retried a bounded number of times before [`StoreError::Contention`]; the queue is
/// bounded, and full means [`StoreError::Busy`].
pub trait Driver: Send + Sync + 'static {
    /// Which engine.
    fn engine(&self) -> Engine;

    /// Queues a job. On `Err` the job was given its outcome already.
    fn submit(&self, access: Access, job: Box<dyn Job>);

    /// Applies what is missing of the embedded migrations, under a lock that other processes respect.
    fn migrate(&self) -> BoxFuture<'_, Result<MigrationStatus, StoreError>>;

    /// What is applied and what is missing, changing nothing.
    fn migration_status(&self) -> BoxFuture<'_, Result<MigrationStatus, StoreError>>;

    /// Leaves nothing behind of what was deleted, as far as the engine's files are ours to see to.
    /// `false` when somebody was reading what is to go: then it is for the next time.
    fn tidy(&self) -> BoxFuture<'_, Result<bool, StoreError>> {
        Box::pin(async { Ok(true) })
    }

    /// Waits until queued jobs are done, then closes the connections. Later jobs are refused.
    fn close(&self) -> BoxFuture<'_, ()>;
}
