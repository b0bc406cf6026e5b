//! The bounded queue between async callers and the engine's own threads, and what is measured.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Instant;

use metrics::{Counter, Histogram, counter, histogram};
use tokio::sync::Notify;

use crate::error::StoreError;
use crate::port::{Access, BoxFuture, Engine, Job};

/// A job that waits, and since when.
pub(crate) struct Queued {
    pub(crate) access: Access,
    pub(crate) job: Box<dyn Job>,
    pub(crate) since: Instant,
}

impl Queued {
    /// Drops a job nobody waits for any more; gives back the others.
    pub(crate) fn unless_abandoned(self) -> Option<Self> {
        (!self.job.abandoned()).then_some(self)
    }
}

/// The sending end of a queue.
pub(crate) struct Queue {
    sender: RwLock<Option<flume::Sender<Queued>>>,
    arrived: Arc<Notify>,
    busy: Counter,
}

impl Queue {
    /// A queue that holds at most `bound` jobs.
    pub(crate) fn bounded(engine: Engine, bound: usize) -> (Self, Jobs) {
        let (sender, queue) = flume::bounded(bound.max(1));
        let busy = counter!("doorward_store_busy_total", "engine" => engine.as_str());
        let arrived = Arc::new(Notify::new());
        let jobs = Jobs {
            queue,
            arrived: arrived.clone(),
        };
        (
            Self {
                sender: RwLock::new(Some(sender)),
                arrived,
                busy,
            },
            jobs,
        )
    }

    /// Queues a job, or gives it its outcome: `Busy` when full, `Unavailable` when closed.
    pub(crate) fn submit(&self, access: Access, job: Box<dyn Job>) {
        let queued = Queued {
            access,
            job,
            since: Instant::now(),
        };
        let sender = self.sender.read().unwrap_or_else(PoisonError::into_inner);
        let sent = match sender.as_ref() {
            Some(sender) => sender.try_send(queued),
            None => Err(flume::TrySendError::Disconnected(queued)),
        };
        drop(sender);
        // Outside the lock: an answer may run code of the caller.
        match sent {
            Ok(()) => self.arrived.notify_last(),
            Err(flume::TrySendError::Full(queued)) => {
                self.busy.increment(1);
                queued.job.finish(Err(StoreError::Busy));
            }
            Err(flume::TrySendError::Disconnected(queued)) => {
                queued
                    .job
                    .finish(Err(StoreError::unavailable("the store is closed")));
            }
        }
    }

    /// Lets no more jobs in. The threads end when the queue has run dry.
    pub(crate) fn close(&self) {
        self.sender
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        self.arrived.notify_waiters();
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        self.close();
    }
}

/// The receiving end of a queue; any number of threads share it.
#[derive(Clone)]
pub(crate) struct Jobs {
    queue: flume::Receiver<Queued>,
    arrived: Arc<Notify>,
}

impl Jobs {
    /// The next job; `None` when the queue is closed and empty. Blocks the thread.
    pub(crate) fn wait(&self) -> Option<Queued> {
        self.queue.recv().ok()
    }

    /// The next job, if one waits.
    pub(crate) fn take(&self) -> Option<Queued> {
        self.queue.try_recv().ok()
    }

    /// As [`Jobs::wait`], without blocking the runtime at hand.
    ///
    /// Of the idle threads the one that was busy last is woken, so that few connections carry
    /// little work. Not flume's own `recv_async`: a receiver that was woken for a job which another
    /// one had taken keeps waking itself, and the thread spins.
    pub(crate) async fn next(&self) -> Option<Queued> {
        loop {
            let mut arrived = pin!(self.arrived.notified());
            // Registered before looking, so that nothing can arrive unnoticed in between.
            arrived.as_mut().enable();
            match self.queue.try_recv() {
                Ok(queued) => return Some(queued),
                Err(flume::TryRecvError::Disconnected) => return None,
                Err(flume::TryRecvError::Empty) => arrived.await,
            }
        }
    }
}

/// Tells when every thread that holds a guard has ended.
pub(crate) struct Threads {
    ended: flume::Receiver<Infallible>,
}

/// Held by a thread while it lives.
#[derive(Clone)]
pub(crate) struct ThreadGuard {
    _alive: flume::Sender<Infallible>,
}

impl Threads {
    /// None yet.
    pub(crate) fn new() -> (Self, ThreadGuard) {
        let (alive, ended) = flume::bounded(1);
        (Self { ended }, ThreadGuard { _alive: alive })
    }

    /// Resolves when the last guard is gone.
    pub(crate) async fn ended(&self) {
        // Nothing can be sent, so the only answer is the disconnection.
        let _ = self.ended.recv_async().await;
    }
}

/// Starts a thread.
pub(crate) fn spawn(name: String, work: impl FnOnce() + Send + 'static) -> Result<(), StoreError> {
    std::thread::Builder::new()
        .name(name)
        .spawn(work)
        .map(drop)
        .map_err(|error| StoreError::unavailable(format!("no thread could be started: {error}")))
}

/// Runs something long on a thread of its own.
pub(crate) fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> BoxFuture<'static, Result<T, StoreError>> {
    Box::pin(async move {
        let (reply, answer) = flume::bounded(1);
        // Who asked may be gone.
        spawn("store-migrate".to_owned(), move || drop(reply.send(work())))?;
        answer.recv_async().await.unwrap_or_else(|_| {
            Err(StoreError::Internal(
                "a thread of the store panicked".into(),
            ))
        })
    })
}

/// What is measured of one kind of transaction, registered once per driver.
#[derive(Clone)]
pub(crate) struct Telemetry {
    wait: Histogram,
    duration: Histogram,
    batch: Histogram,
    retries: Counter,
}

impl Telemetry {
    /// Of an engine and a kind of access.
    pub(crate) fn new(engine: Engine, access: Access) -> Self {
        let engine = engine.as_str();
        let access = match access {
            Access::Read => "read",
            Access::Write => "write",
        };
        Self {
            wait: histogram!(
                "doorward_store_queue_seconds", "engine" => engine, "access" => access
            ),
            duration: histogram!(
                "doorward_store_transaction_seconds", "engine" => engine, "access" => access
            ),
            batch: histogram!("doorward_store_batch_jobs", "engine" => engine, "access" => access),
            retries: counter!(
                "doorward_store_retries_total", "engine" => engine, "access" => access
            ),
        }
    }

    /// A job's turn has come.
    pub(crate) fn began(&self, queued: &Queued) -> Instant {
        let now = Instant::now();
        self.wait
            .record(now.saturating_duration_since(queued.since));
        now
    }

    /// A transaction of `jobs` jobs has ended.
    pub(crate) fn ended(&self, began: Instant, jobs: u32) {
        self.duration.record(began.elapsed());
        self.batch.record(f64::from(jobs));
    }

    /// A transaction is run again.
    pub(crate) fn retried(&self) {
        self.retries.increment(1);
    }
}
