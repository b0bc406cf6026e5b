//! The store, as the rest of Doorward sees it.

use std::sync::Arc;

use doorward_domain::AppId;
use tokio::sync::oneshot;

use crate::app::{AppRead, AppWrite};
use crate::error::StoreError;
use crate::migrate::MigrationStatus;
use crate::platform::{PlatformRead, PlatformWrite};
use crate::port::{Access, Connection, Driver, Engine, Job, Verdict};

/// The store. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    driver: Arc<dyn Driver>,
}

impl Store {
    /// Over a driver (only the binary and the test kit name one).
    pub fn new(driver: impl Driver) -> Self {
        Self {
            driver: Arc::new(driver),
        }
    }

    /// Which engine is behind it; for logs and metrics.
    #[must_use]
    pub fn engine(&self) -> Engine {
        self.driver.engine()
    }

    /// Runs `work` in a transaction that may write. `Ok` commits, `Err` rolls back.
    ///
    /// A refusal that must leave a trace (a counted attempt, an audit event) is therefore an `Ok`
    /// that holds the refusal. `work` may run more than once: it must have no effect but through
    /// the transaction. The future resolves when the commit is durable.
    ///
    /// # Errors
    /// What `work` returned, or the engine's own [`StoreError`].
    pub async fn write<T, E>(
        &self,
        mut work: impl FnMut(&mut WriteTx<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        self.submit(Access::Write, move |connection| {
            work(&mut WriteTx { connection })
        })
        .await
    }

    /// Runs `work` on one snapshot, read-only.
    ///
    /// # Errors
    /// What `work` returned, or the engine's own [`StoreError`].
    pub async fn read<T, E>(
        &self,
        mut work: impl FnMut(&mut ReadTx<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        self.submit(Access::Read, move |connection| {
            work(&mut ReadTx { connection })
        })
        .await
    }

    async fn submit<T, E>(
        &self,
        access: Access,
        work: impl FnMut(&mut dyn Connection) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        self.driver.submit(
            access,
            Box::new(Closure {
                work,
                result: None,
                reply,
            }),
        );
        answer.await.unwrap_or_else(|_| {
            Err(StoreError::Unavailable {
                message: "the engine dropped the job".to_owned(),
                uncertain: access == Access::Write,
            }
            .into())
        })
    }

    /// Applies what is missing of the embedded migrations.
    ///
    /// # Errors
    /// [`StoreError::Schema`] when the database is newer than this program; else the engine's.
    pub async fn migrate(&self) -> Result<MigrationStatus, StoreError> {
        self.driver.migrate().await
    }

    /// What is applied and what is missing.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn migration_status(&self) -> Result<MigrationStatus, StoreError> {
        self.driver.migration_status().await
    }

    /// Empties the write-ahead log of the embedded engine into the file, so that what was deleted is
    /// in neither. `false` when somebody was reading an older state: then it is for the next time.
    /// Nothing to do on the shared engine, which keeps its files itself.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn tidy(&self) -> Result<bool, StoreError> {
        self.driver.tidy().await
    }

    /// Waits for queued jobs, then closes the connections.
    pub async fn close(&self) {
        self.driver.close().await;
    }
}

struct Closure<F, T, E> {
    work: F,
    result: Option<Result<T, E>>,
    reply: oneshot::Sender<Result<T, E>>,
}

impl<F, T, E> Job for Closure<F, T, E>
where
    F: FnMut(&mut dyn Connection) -> Result<T, E> + Send,
    T: Send,
    E: From<StoreError> + Send,
{
    fn run(&mut self, connection: &mut dyn Connection) -> Verdict {
        let result = (self.work)(connection);
        let verdict = if result.is_ok() {
            Verdict::Commit
        } else {
            Verdict::Rollback
        };
        self.result = Some(result);
        verdict
    }

    fn finish(self: Box<Self>, outcome: Result<(), StoreError>) {
        let answer = match outcome {
            Ok(()) => self.result.unwrap_or_else(|| {
                Err(StoreError::Internal("a job finished without having run".to_owned()).into())
            }),
            Err(error) => Err(error.into()),
        };
        // A caller that went away wants no answer.
        drop(self.reply.send(answer));
    }

    fn abandoned(&self) -> bool {
        self.reply.is_closed()
    }
}

/// A transaction that may read.
pub struct ReadTx<'a> {
    connection: &'a mut dyn Connection,
}

impl ReadTx<'_> {
    /// The data of one app.
    pub fn app(&mut self, app_id: AppId) -> AppRead<'_> {
        AppRead::new(self.connection, app_id)
    }

    /// The data of the platform.
    pub fn platform(&mut self) -> PlatformRead<'_> {
        PlatformRead::new(self.connection)
    }
}

/// A transaction that may read and write.
pub struct WriteTx<'a> {
    connection: &'a mut dyn Connection,
}

impl WriteTx<'_> {
    /// The data of one app.
    pub fn app(&mut self, app_id: AppId) -> AppWrite<'_> {
        AppWrite::new(self.connection, app_id)
    }

    /// The data of the platform.
    pub fn platform(&mut self) -> PlatformWrite<'_> {
        PlatformWrite::new(self.connection)
    }
}
