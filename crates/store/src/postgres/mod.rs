//! The shared engine: PostgreSQL (and what speaks its protocol and SQL), reached by threads that
//! each own one connection.
//!
//! A job runs whole on one thread, so nothing can be awaited inside a transaction. Reads see one
//! snapshot (`REPEATABLE READ READ ONLY`); writes run under `READ COMMITTED`, where every rule that
//! must hold is in one statement.

mod connect;
mod copy;
mod error;
mod flight;
mod hosts;
mod lineage;
mod migrate;
mod options;
mod round;
mod session;
mod silence;
mod tls;
mod transaction;
mod url;
mod value;
mod worker;

use std::sync::Arc;
use std::time::Instant;

use crate::error::StoreError;
use crate::migrate::MigrationStatus;
use crate::port::{Access, BoxFuture, Driver, Engine, Job};
use crate::queue::{Jobs, Queue, Threads, off_thread, spawn};

use connect::Connector;
use worker::{Measured, Shared, Worker};

pub(crate) use copy::{end as copy_end, migrate as migrate_blocking, status as status_blocking};
pub use options::{Options, Roots, Tls};

/// The shared engine. Dropping it lets queued jobs finish; [`Driver::close`] waits for that.
pub struct PostgresDriver {
    options: Options,
    queue: Queue,
    threads: Threads,
}

impl std::fmt::Debug for PostgresDriver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PostgresDriver")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

impl PostgresDriver {
    /// Makes the first connection and starts the threads; the others connect with their first job.
    /// The recorder of metrics must be installed before.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when no connection can be made within
    /// [`Options::unavailable_after`]; [`StoreError::Internal`] when the options forbid it.
    pub async fn connect(options: Options) -> Result<Self, StoreError> {
        let (queue, jobs) = Queue::bounded(Engine::Postgres, options.queue);
        let (threads, guard) = Threads::new();
        let measured = Measured::new();
        let (ready, first) = flume::bounded(1);
        let task = {
            let (options, guard) = (options.clone(), guard.clone());
            move || {
                match start_first(options, jobs, measured) {
                    Ok((worker, shared)) => {
                        // Who waited may be gone; then the queue is closed too.
                        drop(ready.send(Ok(shared)));
                        worker.run();
                    }
                    Err(error) => drop(ready.send(Err(error))),
                }
                drop(guard);
            }
        };
        spawn("store-pg-0".to_owned(), task)?;
        let shared = first.recv_async().await.unwrap_or_else(|_| {
            Err(StoreError::Internal(
                "the first database thread ended".to_owned(),
            ))
        })?;
        for number in 1..options.connections.max(1) {
            let worker = Worker::new(shared.clone(), number)?;
            let guard = guard.clone();
            spawn(format!("store-pg-{number}"), move || {
                worker.run();
                drop(guard);
            })?;
        }
        Ok(Self {
            options,
            queue,
            threads,
        })
    }

    fn migration(
        &self,
        work: impl AsyncFnOnce(&Options) -> Result<MigrationStatus, StoreError> + Send + 'static,
    ) -> BoxFuture<'_, Result<MigrationStatus, StoreError>> {
        let options = self.options.clone();
        off_thread(move || {
            tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .map_err(|error| StoreError::unavailable(error.to_string()))?
                .block_on(work(&options))
        })
    }
}

/// A worker with a connection, on the thread it will run on.
fn start_first(
    options: Options,
    jobs: Jobs,
    measured: Measured,
) -> Result<(Worker, Shared), StoreError> {
    let connector = Arc::new(Connector::new(&options)?);
    let deadline = Instant::now() + options.unavailable_after;
    let shared = Shared {
        options,
        connector,
        jobs,
        measured,
    };
    let mut worker = Worker::new(shared.clone(), 0)?;
    worker.ensure_connected(deadline)?;
    Ok((worker, shared))
}

impl Driver for PostgresDriver {
    fn engine(&self) -> Engine {
        Engine::Postgres
    }

    fn submit(&self, access: Access, job: Box<dyn Job>) {
        self.queue.submit(access, job);
    }

    fn migrate(&self) -> BoxFuture<'_, Result<MigrationStatus, StoreError>> {
        self.migration(migrate::migrate)
    }

    fn migration_status(&self) -> BoxFuture<'_, Result<MigrationStatus, StoreError>> {
        self.migration(migrate::status)
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            self.queue.close();
            self.threads.ended().await;
        })
    }
}
