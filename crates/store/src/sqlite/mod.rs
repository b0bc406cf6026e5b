//! The embedded engine: SQLite in WAL mode, one writer thread that groups commits, and readers.
//!
//! Other processes (the command line) may use the same file at the same time. Every write is
//! flushed to the disk before it is answered (`synchronous = FULL`).

mod backup;
mod copy;
mod dialect;
mod error;
mod migrate;
mod open;
mod options;
mod reader;
mod session;
mod tidy;
mod token;
mod value;
mod writer;

use crate::error::StoreError;
use crate::migrate::MigrationStatus;
use crate::port::{Access, BoxFuture, Driver, Engine, Job};
use crate::queue::{Queue, Telemetry, Threads, off_thread, spawn};

pub use backup::{Examined, backup, check, companions, examine, is_in_use};
pub(crate) use copy::{end as copy_end, scratch_tables};
pub(crate) use migrate::{migrate as migrate_blocking, status as status_blocking};
pub use options::Options;

/// The embedded engine. Dropping it lets queued jobs finish; [`Driver::close`] waits for that.
pub struct SqliteDriver {
    options: Options,
    writes: Queue,
    reads: Queue,
    writer: Threads,
    readers: Threads,
}

impl std::fmt::Debug for SqliteDriver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SqliteDriver")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

impl SqliteDriver {
    /// Opens the file (creating it when it does not exist) and starts the threads. The recorder of
    /// metrics must be installed before.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the file cannot be opened, is no database, or is readable
    /// by others and that cannot be changed.
    pub fn open(options: Options) -> Result<Self, StoreError> {
        let (writes, to_write) = Queue::bounded(Engine::Sqlite, options.queue);
        let (reads, to_read) = Queue::bounded(Engine::Sqlite, options.queue);
        let (writing, writer_guard) = Threads::new();
        let (reading, reader_guard) = Threads::new();
        let connection = open::open(&options, Access::Write)?;
        let writer = writer::Writer::new(
            options.clone(),
            to_write,
            connection,
            Telemetry::new(Engine::Sqlite, Access::Write),
        );
        spawn("store-write".to_owned(), move || {
            writer.run();
            drop(writer_guard);
        })?;
        let telemetry = Telemetry::new(Engine::Sqlite, Access::Read);
        for number in 0..options.readers.max(1) {
            let connection = open::open(&options, Access::Read)?;
            let reader = reader::Reader::new(
                options.clone(),
                to_read.clone(),
                connection,
                telemetry.clone(),
            );
            let held = reader_guard.clone();
            spawn(format!("store-read-{number}"), move || {
                reader.run();
                drop(held);
            })?;
        }
        Ok(Self {
            options,
            writes,
            reads,
            writer: writing,
            readers: reading,
        })
    }
}

impl Driver for SqliteDriver {
    fn engine(&self) -> Engine {
        Engine::Sqlite
    }

    fn submit(&self, access: Access, job: Box<dyn Job>) {
        match access {
            Access::Read => self.reads.submit(access, job),
            Access::Write => self.writes.submit(access, job),
        }
    }

    fn migrate(&self) -> BoxFuture<'_, Result<MigrationStatus, StoreError>> {
        let options = self.options.clone();
        off_thread(move || migrate::migrate(&options))
    }

    fn migration_status(&self) -> BoxFuture<'_, Result<MigrationStatus, StoreError>> {
        let options = self.options.clone();
        off_thread(move || migrate::status(&options))
    }

    fn tidy(&self) -> BoxFuture<'_, Result<bool, StoreError>> {
        let options = self.options.clone();
        off_thread(move || tidy::tidy(&options))
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            // One after the other: of two connections that close at the same moment neither is the
            // last, and the log stays beside the file.
            self.reads.close();
            self.readers.ended().await;
            self.writes.close();
            self.writer.ended().await;
        })
    }
}
