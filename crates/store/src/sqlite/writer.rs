//! The one writer: takes what is waiting, runs it inside one transaction, commits once, and answers
//! all of them after the commit is on the disk.
//!
//! That a job wants its writes undone is rare, and a savepoint for each makes SQLite copy every page
//! that it touches. So a group runs without them; when one of its jobs has written and wants that
//! undone, the transaction is, and the group runs again with a savepoint for each. For some groups
//! after that savepoints stay, so that many such jobs cost little.

use super::error;
use super::open::open;
use super::options::Options;
use super::session::Session;
use crate::error::StoreError;
use crate::port::{Access, Job, Verdict};
use crate::queue::{Jobs, Queued, Telemetry};

/// So many groups run with savepoints after one had to be run again.
const GUARDED_GROUPS: u32 = 64;

pub(super) struct Writer {
    options: Options,
    /// How many groups to come run with savepoints.
    guarded: u32,
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
    /// One job of several wanted its writes undone, and they cannot be told from the others'.
    Mixed,
    Gone(StoreError),
}

/// How a transaction ended.
enum Ended {
    /// It was never begun.
    NotBegun(StoreError),
    /// With or without success.
    With(Result<(), StoreError>),
    /// Undone, and to be run again with savepoints.
    Mixed,
}

impl Ended {
    fn outcome(self) -> Result<(), StoreError> {
        match self {
            Self::With(outcome) => outcome,
            Self::NotBegun(error) => Err(error),
            Self::Mixed => Err(StoreError::Internal(
                "a transaction with savepoints was mixed".to_owned(),
            )),
        }
    }
}

/// Who shares a transaction.
enum Next {
    /// Whoever waits.
    Waiting,
    /// These and nobody else.
    These(std::vec::IntoIter<Box<dyn Job>>),
}

impl Next {
    /// Those that a transaction did not come to share its fate.
    fn rest(&mut self, group: &mut Group) {
        if let Self::These(jobs) = self {
            // Whatever became of the transaction: nothing of them is in it.
            let left_out = StoreError::Internal("a job was left out of its transaction".to_owned());
            group.extend(jobs.map(|job| (job, Err(left_out.clone()))));
        }
    }

    /// How the writes of the first job can be undone. Those who follow it and nobody else are still to
    /// be run, so they must not lose their transaction.
    fn undo_first(&self) -> Undo {
        match self {
            Self::These(rest) if rest.len() > 0 => Undo::Savepoint,
            Self::These(_) | Self::Waiting => Undo::Transaction,
        }
    }
}

/// How the writes of a job can be undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Undo {
    /// With the transaction: it has no other job yet.
    Transaction,
    /// By a savepoint.
    Savepoint,
    /// Not without those of others.
    Mixed,
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
            guarded: 0,
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
        let guarded = self.guarded > 0;
        self.guarded = self.guarded.saturating_sub(1);
        let mut ended = self.transact(first.job, &mut Next::Waiting, guarded, group);
        if matches!(ended, Ended::Mixed) {
            self.guarded = GUARDED_GROUPS;
            self.telemetry.retried();
            let jobs: Vec<_> = group.drain(..).map(|(job, _)| job).collect();
            let mut jobs = jobs.into_iter();
            if let Some(first) = jobs.next() {
                ended = self.transact(first, &mut Next::These(jobs), true, group);
            }
        }
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
                    let nobody = &mut Next::These(Vec::new().into_iter());
                    let ended = self.transact(job, nobody, false, &mut alone);
                    answer(&mut alone, &ended.outcome());
                }
            }
            Ended::NotBegun(error) => {
                tracing::warn!(%error, "no write transaction could be begun");
                answer(group, &Err(error.clone()));
                // Who waited as long would wait in vain as well.
                for queued in std::iter::from_fn(|| self.jobs.take()).take(self.options.batch) {
                    queued.job.finish(Err(error.clone()));
                }
            }
            ended => answer(group, &ended.outcome()),
        }
    }

    /// Runs a job and those that come next in one transaction. They are left in `group`, to be
    /// answered; so are those that it did not come to.
    fn transact(
        &mut self,
        first: Box<dyn Job>,
        next: &mut Next,
        guarded: bool,
        group: &mut Group,
    ) -> Ended {
        let mut session = match self.begin() {
            Ok(session) => session,
            Err(error) => {
                group.push((first, Ok(())));
                next.rest(group);
                return Ended::NotBegun(error);
            }
        };
        let mut transaction = run_one(&mut session, first, next.undo_first(), group);
        let undo = if guarded {
            Undo::Savepoint
        } else {
            Undo::Mixed
        };
        while matches!(transaction, Transaction::Open) && group.len() < self.options.batch {
            let Some(job) = self.take(next) else {
                break;
            };
            transaction = run_one(&mut session, job, undo, group);
        }
        next.rest(group);
        let ended = match transaction {
            Transaction::Open => Ended::With(session.control("COMMIT").map_err(|error| {
                tracing::error!(%error, jobs = group.len(), "commit failed");
                error::translate_commit(&error)
            })),
            Transaction::RolledBack => Ended::With(Ok(())),
            Transaction::Mixed => Ended::Mixed,
            Transaction::Gone(error) => Ended::With(Err(error)),
        };
        session.abort();
        if !session.is_broken() {
            self.session = Some(session);
        }
        ended
    }

    /// The next job of a transaction.
    fn take(&mut self, next: &mut Next) -> Option<Box<dyn Job>> {
        match next {
            Next::These(jobs) => jobs.next(),
            Next::Waiting => loop {
                if let Some(queued) = self.jobs.take()?.unless_abandoned() {
                    self.telemetry.began(&queued);
                    return Some(queued.job);
                }
            },
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
}

/// Gives each job its answer.
fn answer(group: &mut Group, outcome: &Result<(), StoreError>) {
    for (job, own) in group.drain(..) {
        // A job that failed by itself may have seen writes that now never happened.
        job.finish(outcome.clone().and(own));
    }
}

/// Runs a job as part of the open transaction.
fn run_one(
    session: &mut Session,
    mut job: Box<dyn Job>,
    undo: Undo,
    group: &mut Group,
) -> Transaction {
    let guarded = undo == Undo::Savepoint;
    if guarded && let Err(error) = session.control("SAVEPOINT job") {
        group.push((job, Ok(())));
        return Transaction::Gone(error::translate(&error, Access::Write));
    }
    let before = session.changes();
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
    let ended = match ran.verdict {
        Verdict::Commit if guarded => session.control("RELEASE job").map(|()| Transaction::Open),
        Verdict::Commit => Ok(Transaction::Open),
        Verdict::Rollback if undo == Undo::Transaction => session
            .control("ROLLBACK")
            .map(|()| Transaction::RolledBack),
        Verdict::Rollback if guarded => session
            .control("ROLLBACK TO job")
            .and_then(|()| session.control("RELEASE job"))
            .map(|()| Transaction::Open),
        // It has written nothing: there is nothing to undo.
        Verdict::Rollback if session.changes() == before => Ok(Transaction::Open),
        Verdict::Rollback => Ok(Transaction::Mixed),
    };
    ended.unwrap_or_else(|error| Transaction::Gone(error::translate(&error, Access::Write)))
}
