//! What is asked of a database, counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use doorward_store::{Access, BoxFuture, Driver, Engine, Job, MigrationStatus, Store, StoreError};

/// Transactions begun on one store. Clones count together.
#[derive(Clone, Default)]
pub struct Counts(Arc<[AtomicUsize; 2]>);

impl Counts {
    /// (reads, writes) so far.
    #[must_use]
    pub fn so_far(&self) -> (usize, usize) {
        let [reads, writes] = &*self.0;
        (reads.load(SeqCst), writes.load(SeqCst))
    }
}

struct Counting<D> {
    driver: D,
    counts: Counts,
}

pub(super) fn store(driver: impl Driver) -> (Store, Counts) {
    let counts = Counts::default();
    let counting = Counting {
        driver,
        counts: counts.clone(),
    };
    (Store::new(counting), counts)
}

impl<D: Driver> Driver for Counting<D> {
    fn engine(&self) -> Engine {
        self.driver.engine()
    }

    fn submit(&self, access: Access, job: Box<dyn Job>) {
        let [reads, writes] = &*self.counts.0;
        match access {
            Access::Read => reads,
            Access::Write => writes,
        }
        .fetch_add(1, SeqCst);
        self.driver.submit(access, job);
    }

    fn migrate(&self) -> BoxFuture<'_, Result<MigrationStatus, StoreError>> {
        self.driver.migrate()
    }

    fn migration_status(&self) -> BoxFuture<'_, Result<MigrationStatus, StoreError>> {
        self.driver.migration_status()
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        self.driver.close()
    }
}
