//! The one writer: takes what is waiting, gives each job a savepoint of its own inside one
//! transaction, commits once, and answers all of them after the commit is on the disk.

use super::error;
use super::open::open;
use super::options::Options;
use super::session::Session;
use crate::error::StoreError;
use crate::port::{Access, Job, Verdict};
use crate::queue::{Jobs, Queued, Telemetry};

pub(super) struct Writer {
    options: Options,
    jobs: Jobs,
    session: Option<Session>,
    telemetry: Telemetry,
}

/// Jobs of one transaction, each with its own outcome should the transaction go well.
type Group = Vec<(Box<dyn Job>, Result<(), StoreError>)>;

/// Whether the transaction at hand can go on.
enum Transaction {
    Open,
    /// Its only job wanted it undone.
    RolledBack,
    Gone(StoreError),
}

/// How a transaction ended.
enum Ended {
    /// It was never begun.
    NotBegun(StoreError),
    /// With or without success.
    With(Result<(), StoreError>),
}

impl Writer {
    pub(super) fn new(
        options: Options,
        jobs: Jobs,
        connection: rusqlite::Connection,
        telemetry: Telemetry,
    ) -> Self {
        Self {
            options,
            jobs,
            session: Some(Session::new(connection, Access::Write)),
            telemetry,
        }
    }

    /// Until the queue is closed and empty.
    pub(super) fn run(mut self) {
        let mut group = Group::new();
        while let Some(queued) = self.jobs.wait() {
            if let Some(queued) = queued.unless_abandoned() {
                self.serve(queued, &mut group);
            }
        }
    }

    fn serve(&mut self, first: Queued, group: &mut Group) {
        let began = self.telemetry.began(&first);
        let ended = self.transact(first.job, self.options.batch, group);
        self.telemetry
            .ended(began, u32::try_from(group.len()).unwrap_or(u32::MAX));
        match ended {
            Ended::With(Err(StoreError::Unavailable {
                uncertain: false, ..
            })) if group.len() > 1 => {
                // One job too big for the disk undoes the whole transaction; that shall not be the
                // fault of the others.
                let mut alone = Group::new();
                for (job, _) in group.drain(..) {
                    self.telemetry.retried();
                    match self.transact(job, 1, &mut alone) {
                        Ended::With(outcome) => answer(&mut alone, &outcome),
                        Ended::NotBegun(error) => answer(&mut alone, &Err(error)),
                    }
                }
            }
            Ended::With(outcome) => answer(group, &outcome),
            Ended::NotBegun(error) => {
                tracing::warn!(%error, "no write transaction could be begun");
                answer(group, &Err(error.clone()));
                // Who waited as long would wait in vain as well.
                for queued in std::iter::from_fn(|| self.jobs.take()).take(self.options.batch) {
                    queued.job.finish(Err(error.clone()));
                }
            }
        }
    }

    /// Runs a job and up to `most - 1` of those that wait, in one transaction. They are left in
    /// `group`, to be answered.
    fn transact(&mut self, first: Box<dyn Job>, most: usize, group: &mut Group) -> Ended {
        let mut session = match self.begin() {
            Ok(session) => session,
            Err(error) => {
                group.push((first, Ok(())));
                return Ended::NotBegun(error);
            }
        };
        let mut transaction = run_one(&mut session, first, group);
        while matches!(transaction, Transaction::Open) && group.len() < most {
            let Some(queued) = self.jobs.take() else {
                break;
            };
            let Some(queued) = queued.unless_abandoned() else {
                continue;
            };
            self.telemetry.began(&queued);
            transaction = run_one(&mut session, queued.job, group);
        }
        let outcome = match transaction {
            Transaction::Open => session.control("COMMIT").map_err(|error| {
                tracing::error!(%error, jobs = group.len(), "commit failed");
                error::translate_commit(&error)
            }),
            Transaction::RolledBack => Ok(()),
            Transaction::Gone(error) => Err(error),
        };
        session.abort();
        if !session.is_broken() {
            self.session = Some(session);
        }
        Ended::With(outcome)
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
}

/// Gives each job its answer.
fn answer(group: &mut Group, outcome: &Result<(), StoreError>) {
    for (job, own) in group.drain(..) {
        // A job that failed by itself may have seen writes that now never happened.
        job.finish(outcome.clone().and(own));
    }
}

/// Runs a job as part of the open transaction.
fn run_one(session: &mut Session, mut job: Box<dyn Job>, group: &mut Group) -> Transaction {
    // The first needs no savepoint: with nobody before it, its rollback is the transaction's.
    let alone = group.is_empty();
    if !alone && let Err(error) = session.control("SAVEPOINT job") {
        group.push((job, Ok(())));
        return Transaction::Gone(error::translate(&error, Access::Write));
    }
    let ran = session.run(&mut *job);
    group.push((job, ran.own));
    if session.is_idle() {
        // SQLite rolled the whole transaction back: a full disk, an I/O error.
        return Transaction::Gone(
            ran.failure.unwrap_or_else(|| {
                StoreError::unavailable("the engine rolled the transaction back")
            }),
        );
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
