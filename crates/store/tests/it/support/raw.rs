//! Jobs with SQL of the test's own, past the scoped handles.

use std::sync::Arc;

use doorward_store::{Access, BoxFuture, Connection, Driver, Job, StoreError, Verdict};
use tokio::sync::oneshot;

/// A driver without the store over it.
#[derive(Clone)]
pub(crate) struct Raw(pub(crate) Arc<dyn Driver>);

/// What the driver said, and what the closure returned last.
type Answer<T> = (Result<(), StoreError>, Option<Result<T, StoreError>>);

struct RawJob<F, T> {
    work: F,
    last: Option<Result<T, StoreError>>,
    reply: oneshot::Sender<Answer<T>>,
}

impl<F, T> Job for RawJob<F, T>
where
    F: FnMut(&mut dyn Connection) -> Result<T, StoreError> + Send,
    T: Send,
{
    fn run(&mut self, connection: &mut dyn Connection) -> Verdict {
        let last = (self.work)(connection);
        let verdict = if last.is_ok() {
            Verdict::Commit
        } else {
            Verdict::Rollback
        };
        self.last = Some(last);
        verdict
    }

    fn finish(self: Box<Self>, outcome: Result<(), StoreError>) {
        let _ = self.reply.send((outcome, self.last));
    }

    fn abandoned(&self) -> bool {
        self.reply.is_closed()
    }
}

impl Raw {
    /// Over a driver.
    pub(crate) fn new(driver: impl Driver) -> Self {
        Self(Arc::new(driver))
    }

    /// Queues a job at once; the future is its outcome. Dropping it abandons the job.
    pub(crate) fn submit<T: Send + 'static>(
        &self,
        access: Access,
        work: impl FnMut(&mut dyn Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> BoxFuture<'static, Result<T, StoreError>> {
        let (reply, answer) = oneshot::channel();
        self.0.submit(
            access,
            Box::new(RawJob {
                work,
                last: None,
                reply,
            }),
        );
        Box::pin(async move {
            let (outcome, last) = answer.await.expect("every job gets its outcome");
            outcome.and_then(|()| last.expect("a job with outcome Ok has run"))
        })
    }

    /// Writes.
    pub(crate) fn write<T: Send + 'static>(
        &self,
        work: impl FnMut(&mut dyn Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> BoxFuture<'static, Result<T, StoreError>> {
        self.submit(Access::Write, work)
    }

    /// Reads.
    pub(crate) fn read<T: Send + 'static>(
        &self,
        work: impl FnMut(&mut dyn Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> BoxFuture<'static, Result<T, StoreError>> {
        self.submit(Access::Read, work)
    }
}
