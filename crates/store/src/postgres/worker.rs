//! A thread with a connection of its own: takes a job, runs it, and runs it again when it collided
//! with others or when the connection broke before COMMIT was sent.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;
use tokio::time::timeout;

use super::connect::Connector;
use super::error::Failure;
use super::options::Options;
use super::session::Session;
use super::transaction::{CommitFailure, Transaction};
use crate::error::StoreError;
use crate::port::{Access, Engine, Job, Verdict};
use crate::queue::{Jobs, Queued, Telemetry};

/// Between attempts to connect: from, to.
const RECONNECT: (Duration, Duration) = (Duration::from_millis(20), Duration::from_millis(500));

/// How long a failure to connect answers for jobs that have waited too long already.
const FAILURE_HOLDS: Duration = Duration::from_secs(1);

/// How long the snapshot of a read may stay open for the next job to end: a round trip less for each
/// where there are many. Short enough for nobody to wait for it (VACUUM, a migration's locks).
const LINGER: Duration = Duration::from_millis(20);

/// What the threads of one driver share.
#[derive(Clone)]
pub(super) struct Shared {
    pub(super) options: Options,
    pub(super) connector: Arc<Connector>,
    pub(super) jobs: Jobs,
    pub(super) measured: Measured,
}

pub(super) struct Worker {
    shared: Shared,
    runtime: Runtime,
    session: Option<Session>,
    last_refusal: Option<(Instant, String)>,
    jitter: Jitter,
}

/// What is measured of reads and of writes.
#[derive(Clone)]
pub(super) struct Measured {
    reads: Telemetry,
    writes: Telemetry,
}

impl Measured {
    pub(super) fn new() -> Self {
        Self {
            reads: Telemetry::new(Engine::Postgres, Access::Read),
            writes: Telemetry::new(Engine::Postgres, Access::Write),
        }
    }

    const fn of(&self, access: Access) -> &Telemetry {
        match access {
            Access::Read => &self.reads,
            Access::Write => &self.writes,
        }
    }
}

/// What came of one attempt.
enum Attempt {
    Finished(Result<(), StoreError>),
    /// The transaction did not happen; another attempt may go better.
    Failed(Failure),
}

impl Worker {
    pub(super) fn new(shared: Shared, number: usize) -> Result<Self, StoreError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| StoreError::unavailable(error.to_string()))?;
        Ok(Self {
            shared,
            runtime,
            session: None,
            last_refusal: None,
            jitter: Jitter::new(number),
        })
    }

    /// Until the queue is closed and empty.
    pub(super) fn run(mut self) {
        // Waiting inside the runtime keeps the connection driven: its end is noticed, and so are
        // the server's notices.
        while let Some(queued) = self.next() {
            if let Some(queued) = queued.unless_abandoned() {
                self.serve(queued);
            }
        }
        if let Some(session) = &mut self.session {
            session.close_snapshot(&self.runtime);
        }
    }

    fn next(&mut self) -> Option<Queued> {
        if let Some(session) = &mut self.session
            && let Some(left) = session.snapshot_open
        {
            // From when it was left: jobs that ask nothing do not keep it open.
            let rest = LINGER.saturating_sub(left.elapsed());
            let soon = async { timeout(rest, self.shared.jobs.next()).await };
            if !rest.is_zero()
                && let Ok(next) = self.runtime.block_on(soon)
            {
                return next;
            }
            session.close_snapshot(&self.runtime);
        }
        self.runtime.block_on(self.shared.jobs.next())
    }

    fn serve(&mut self, queued: Queued) {
        let began = self.shared.measured.of(queued.access).began(&queued);
        let deadline = queued.since + self.shared.options.unavailable_after;
        let access = queued.access;
        let mut job = queued.job;
        let mut failures = 0;
        let outcome = loop {
            if let Err(error) = self.ensure_connected(deadline) {
                break Err(error);
            }
            let failure = match self.attempt(&mut *job, access) {
                Attempt::Finished(outcome) => break outcome,
                Attempt::Failed(failure) => failure,
            };
            match &failure {
                Failure::Final(error) => break Err(error.clone()),
                Failure::Lost(message) => {
                    tracing::warn!(message, "the database connection broke");
                    self.session = None;
                    if Instant::now() >= deadline {
                        break Err(failure.to_store_error());
                    }
                }
                Failure::Collision | Failure::Replan if failures >= self.shared.options.retries => {
                    break Err(StoreError::Contention);
                }
                Failure::Collision | Failure::Replan => {}
            }
            failures += 1;
            std::thread::sleep(self.jitter.pause(failures));
            self.shared.measured.of(access).retried();
        };
        self.shared.measured.of(access).ended(began, 1);
        job.finish(outcome);
    }

    fn attempt(&mut self, job: &mut dyn Job, access: Access) -> Attempt {
        let Some(session) = &mut self.session else {
            return Attempt::Failed(Failure::Lost("no connection".to_owned()));
        };
        let mut transaction = Transaction::new(&self.runtime, session, access);
        let verdict = catch_unwind(AssertUnwindSafe(|| job.run(&mut transaction)));
        let failure = transaction.failure().cloned();
        match (verdict, failure) {
            (Err(_), _) => {
                transaction.rollback();
                Attempt::Finished(Err(StoreError::Internal(
                    "a panic inside a transaction".to_owned(),
                )))
            }
            (Ok(verdict), Some(failure)) => {
                transaction.rollback();
                if matches!(failure, Failure::Replan) {
                    session.forget_statements();
                }
                match (&failure, verdict) {
                    // The job has seen the error and made its own of it.
                    (Failure::Final(_), Verdict::Rollback) => Attempt::Finished(Ok(())),
                    _ => Attempt::Failed(failure),
                }
            }
            // Nothing to lose and nothing to learn from the end of a snapshot: answer first.
            (Ok(_), None) if access == Access::Read => {
                transaction.leave();
                Attempt::Finished(Ok(()))
            }
            (Ok(Verdict::Rollback), None) => {
                transaction.rollback();
                Attempt::Finished(Ok(()))
            }
            (Ok(Verdict::Commit), None) => match transaction.commit() {
                Ok(()) => Attempt::Finished(Ok(())),
                Err(CommitFailure::Undone(failure)) => Attempt::Failed(failure),
                Err(CommitFailure::Uncertain(message)) => {
                    self.session = None;
                    Attempt::Finished(Err(StoreError::Unavailable {
                        message,
                        uncertain: true,
                    }))
                }
            },
        }
    }

    /// Sees to it that there is a usable connection; tries at least once, and until the deadline
    /// when another attempt could go better.
    pub(super) fn ensure_connected(&mut self, deadline: Instant) -> Result<(), StoreError> {
        if self.session.as_ref().is_some_and(Session::is_usable) {
            return Ok(());
        }
        self.session = None;
        // With the server away, a long queue must not be drained at one time-out per job.
        if let Some((at, message)) = &self.last_refusal
            && Instant::now() >= deadline
            && at.elapsed() < FAILURE_HOLDS
        {
            return Err(StoreError::unavailable(message.clone()));
        }
        let mut pause = RECONNECT.0;
        loop {
            let refusal = match self.runtime.block_on(self.shared.connector.connect()) {
                Ok(connected) => {
                    let patience = self.shared.options.statement_timeout + Duration::from_secs(5);
                    let connector = Arc::clone(&self.shared.connector);
                    self.session = Some(Session::new(connected, connector, patience));
                    self.last_refusal = None;
                    return Ok(());
                }
                Err(refusal) => refusal,
            };
            tracing::warn!(error = refusal.message, "no database connection");
            let now = Instant::now();
            if !refusal.passing || now + pause >= deadline {
                self.last_refusal = Some((now, refusal.message.clone()));
                return Err(StoreError::unavailable(refusal.message));
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(RECONNECT.1);
        }
    }
}

/// Pauses that differ from thread to thread. Not for secrets.
struct Jitter(u64);

impl Jitter {
    fn new(number: usize) -> Self {
        let seed = u64::from(std::process::id()) << 20 | (number as u64 + 1);
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// Before the attempt after `failures`: up to 2 ms, 4 ms, … 128 ms.
    fn pause(&mut self, failures: u32) -> Duration {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        let longest = 1000_u64 << failures.clamp(1, 7);
        Duration::from_micros(self.0 % longest)
    }
}
