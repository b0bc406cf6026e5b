//! The one writer: takes what is waiting, gives each job a savepoint of its own inside one
//! transaction, commits once, and answers all of them after the commit is on the disk.

use super::error;
use super::open::open;
use super::options::Options;
use super::session::Session;
use crate::error::StoreError;
use crate::port::{Access, Engine, Job, Verdict};
use crate::queue::{Queued, Telemetry};

pub(super) struct Writer {
    options: Options,
    queue: flume::Receiver<Queued>,
    session: Option<Session>,
    telemetry: Telemetry,
    /// Jobs that ran in the transaction at hand, with their own failures.
    group: Vec<(Box<dyn Job>, Result<(), StoreError>)>,
}

/// Whether the transaction at hand can go on.
enum Transaction {
    Open,
    /// Its only job wanted it undone.
    RolledBack,
    Gone(StoreError),
}

impl Writer {
    pub(super) fn new(
        options: Options,
        queue: flume::Receiver<Queued>,
        connection: rusqlite::Connection,
    ) -> Self {
        Self {
            options,
            queue,
            session: Some(Session::new(connection, Access::Write)),
            telemetry: Telemetry::new(Engine::Sqlite, Access::Write),
            group: Vec::new(),
        }
    }

    /// Until the queue is closed and empty.
    pub(super) fn run(mut self) {
        while let Ok(queued) = self.queue.recv() {
            if let Some(queued) = queued.unless_abandoned() {
                self.commit_group(queued);
            }
        }
    }

    fn commit_group(&mut self, first: Queued) {
        let began = self.telemetry.began(&first);
        let mut session = match self.begin() {
            Ok(session) => session,
            // Who waited as long would wait in vain as well.
            Err(error) => return self.refuse_waiting(first, &error),
        };
        let mut transaction = self.run_one(&mut session, first.job);
        while matches!(transaction, Transaction::Open) && self.group.len() < self.options.batch {
            let Ok(queued) = self.queue.try_recv() else {
                break;
            };
            let Some(queued) = queued.unless_abandoned() else {
                continue;
            };
            self.telemetry.began(&queued);
            transaction = self.run_one(&mut session, queued.job);
        }
        let outcome = match transaction {
            Transaction::Open => session.control("COMMIT").map_err(|error| {
                tracing::error!(%error, jobs = self.group.len(), "commit failed");
                error::translate_commit(&error)
            }),
            Transaction::RolledBack => Ok(()),
            Transaction::Gone(error) => Err(error),
        };
        session.abort();
        self.telemetry
            .ended(began, u32::try_from(self.group.len()).unwrap_or(u32::MAX));
        if !session.is_broken() {
            self.session = Some(session);
        }
        for (job, own) in self.group.drain(..) {
            // A job that failed by itself may have seen writes that now never happened.
            job.finish(outcome.clone().and(own));
        }
    }

    /// Opens the file again if need be, and takes the write lock.
    fn begin(&mut self) -> Result<Session, StoreError> {
        let mut session = match self.session.take() {
            Some(session) => session,
            None => {
                tracing::warn!("opening the database again");
                Session::new(open(&self.options, Access::Write)?, Access::Write)
            }
        };
        let mut attempt = 0;
        loop {
            match session.control("BEGIN IMMEDIATE") {
                Ok(()) => return Ok(session),
                Err(error) if error::is_busy(&error) && attempt < self.options.busy_retries => {
                    attempt += 1;
                    self.telemetry.retried();
                }
                Err(error) => {
                    if !session.is_broken() {
                        self.session = Some(session);
                    }
                    return Err(error::translate(&error, Access::Write));
                }
            }
        }
    }

    fn refuse_waiting(&mut self, first: Queued, error: &StoreError) {
        tracing::warn!(%error, "no write transaction could be begun");
        let waiting = self.queue.try_iter().take(self.options.batch);
        for queued in std::iter::once(first).chain(waiting) {
            queued.job.finish(Err(error.clone()));
        }
    }

    /// Runs a job as part of the open transaction.
    fn run_one(&mut self, session: &mut Session, mut job: Box<dyn Job>) -> Transaction {
        // The first needs no savepoint: with nobody before it, its rollback is the transaction's.
        let alone = self.group.is_empty();
        if !alone && let Err(error) = session.control("SAVEPOINT job") {
            self.group.push((job, Ok(())));
            return Transaction::Gone(error::translate(&error, Access::Write));
        }
        let ran = session.run(&mut *job);
        self.group.push((job, ran.own));
        if session.is_idle() {
            // SQLite rolled the whole transaction back: a full disk, an I/O error.
            return Transaction::Gone(ran.failure.unwrap_or_else(|| {
                StoreError::unavailable("the engine rolled the transaction back")
            }));
        }
        let ended = match (ran.verdict, alone) {
            (Verdict::Commit, true) => Ok(Transaction::Open),
            (Verdict::Commit, false) => session.control("RELEASE job").map(|()| Transaction::Open),
            (Verdict::Rollback, true) => session
                .control("ROLLBACK")
                .map(|()| Transaction::RolledBack),
            (Verdict::Rollback, false) => session
                .control("ROLLBACK TO job")
                .and_then(|()| session.control("RELEASE job"))
                .map(|()| Transaction::Open),
        };
        ended.unwrap_or_else(|error| Transaction::Gone(error::translate(&error, Access::Write)))
    }
}
