//! A transaction: what a job sees, and how it ends.
//!
//! `BEGIN` travels with the first statement, deferred statements with the next one or with
//! `COMMIT`: a transaction of one query and any number of deferred writes is two round trips.

use std::time::Instant;

use tokio::runtime::Runtime;
use tokio_postgres::Statement;

use super::error::{self, Failure};
use super::flight::Reply;
use super::session::Session;
use super::value;
use crate::error::StoreError;
use crate::port::{Access, Connection};
use crate::value::{Param, Row, Value};

pub(super) struct Transaction<'a> {
    runtime: &'a Runtime,
    session: &'a mut Session,
    access: Access,
    begun: bool,
    deferred: Vec<(Statement, Vec<Value>)>,
    failure: Option<Failure>,
}

/// How a commit went wrong.
pub(super) enum CommitFailure {
    /// Nothing happened, for this reason.
    Undone(Failure),
    /// It may have happened.
    Uncertain(String),
}

fn borrowed(values: &[Value]) -> Vec<Param<'_>> {
    values.iter().map(Value::as_param).collect()
}

impl<'a> Transaction<'a> {
    pub(super) const fn new(
        runtime: &'a Runtime,
        session: &'a mut Session,
        access: Access,
    ) -> Self {
        Self {
            runtime,
            session,
            access,
            begun: false,
            deferred: Vec::new(),
            failure: None,
        }
    }

    /// The first failure of a statement.
    pub(super) const fn failure(&self) -> Option<&Failure> {
        self.failure.as_ref()
    }

    /// Leaves a read's snapshot to be ended by whoever comes next: nothing is to be learned from it.
    pub(super) fn leave(self) {
        if self.begun {
            self.session.snapshot_open = Some(Instant::now());
        }
    }

    /// After a failure nothing more is sent: PostgreSQL would refuse it anyway.
    fn attempt<T>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, Failure>,
    ) -> Result<T, StoreError> {
        if let Some(failure) = &self.failure {
            return Err(failure.to_store_error());
        }
        work(self).map_err(|failure| {
            let error = failure.to_store_error();
            self.failure = Some(failure);
            error
        })
    }

    fn prepare(&mut self, sql: &'static str, params: &[Param<'_>]) -> Result<Statement, Failure> {
        let statement = self.session.statement(self.runtime, sql, self.access)?;
        value::check(sql, &statement, params).map_err(Failure::Final)?;
        Ok(statement)
    }

    /// How it begins; the snapshot of the read before is ended on the same way. A failure of that is
    /// one of the beginning.
    const fn begin(&mut self) -> &'static str {
        let old = self.session.snapshot_open.take().is_some();
        match (self.access, old) {
            (Access::Read, false) => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
            (Access::Read, true) => "COMMIT; BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
            (Access::Write, false) => "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE",
            (Access::Write, true) => "COMMIT; BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE",
        }
    }

    /// Sends BEGIN if need be, what was deferred, and the statement. Gives the statement's answer.
    fn send(
        &mut self,
        statement: &Statement,
        params: &[Param<'_>],
        wants_rows: bool,
    ) -> Result<Reply, Failure> {
        let opens = !std::mem::replace(&mut self.begun, true);
        let begin = if opens { Some(self.begin()) } else { None };
        let deferred = std::mem::take(&mut self.deferred);
        let answers = self.session.fly(self.runtime, |flight| {
            if let Some(begin) = begin {
                flight.control(begin);
            }
            for (statement, values) in &deferred {
                flight.execute(statement, borrowed(values));
            }
            if wants_rows {
                flight.query(statement, params.to_vec());
            } else {
                flight.execute(statement, params.to_vec());
            }
        })?;
        let mut last = Reply::Done;
        for (index, answer) in answers.into_iter().enumerate() {
            match answer {
                Ok(reply) => last = reply,
                Err(error)
                    if opens
                        && index == 0
                        && error.as_db_error().is_some_and(|db| !error::is_fatal(db)) =>
                {
                    return Err(self.unopened(&error));
                }
                Err(error) => return Err(Failure::of(&error, self.access)),
            }
        }
        Ok(last)
    }

    /// Without BEGIN, each statement behind it was a transaction of its own. No server refuses a
    /// BEGIN and lives on, but if one does, nobody shall be told that nothing happened.
    fn unopened(&mut self, error: &tokio_postgres::Error) -> Failure {
        self.session.give_up();
        Failure::Final(StoreError::Unavailable {
            message: format!("BEGIN was refused: {}", error::describe(error)),
            uncertain: self.access == Access::Write,
        })
    }

    /// Commits.
    ///
    /// PostgreSQL answers the COMMIT of a failed transaction with ROLLBACK, which is no error: so
    /// each statement's own answer is looked at first.
    pub(super) fn commit(mut self) -> Result<(), CommitFailure> {
        if !self.begun && self.deferred.is_empty() {
            return Ok(());
        }
        if !self.session.is_usable() {
            return Err(CommitFailure::Undone(Failure::Lost(
                "the connection was closed".into(),
            )));
        }
        let opens = !self.begun;
        let begin = if opens { Some(self.begin()) } else { None };
        let deferred = std::mem::take(&mut self.deferred);
        let answers = self.session.fly(self.runtime, |flight| {
            if let Some(begin) = begin {
                flight.control(begin);
            }
            for (statement, values) in &deferred {
                flight.execute(statement, borrowed(values));
            }
            flight.control("COMMIT");
        });
        let mut answers = match answers {
            Ok(answers) => answers,
            Err(failure) => {
                self.session.give_up();
                return Err(CommitFailure::Uncertain(
                    failure.to_store_error().to_string(),
                ));
            }
        };
        let commit = answers.pop();
        for (index, answer) in answers.into_iter().enumerate() {
            let Err(error) = answer else { continue };
            let told = error.as_db_error();
            let Some(server) = told.filter(|told| !error::is_of_the_way(told)) else {
                // No answer of the server to this one, so none to COMMIT: how far did it get?
                return Err(CommitFailure::Uncertain(error::describe(&error)));
            };
            if opens && index == 0 && !error::is_fatal(server) {
                return Err(CommitFailure::Undone(self.unopened(&error)));
            }
            return Err(CommitFailure::Undone(Failure::of(&error, self.access)));
        }
        match commit {
            Some(Ok(_)) if self.session.unreplicated.take() => Err(CommitFailure::Uncertain(
                "the server gave up waiting for its standby".into(),
            )),
            Some(Ok(_)) => Ok(()),
            Some(Err(error)) => Err(match error.as_db_error() {
                Some(server) if !error::ends_connection(server) && !error::is_ambiguous(server) => {
                    CommitFailure::Undone(Failure::of(&error, self.access))
                }
                _ => CommitFailure::Uncertain(error::describe(&error)),
            }),
            None => Err(CommitFailure::Uncertain("COMMIT was not answered".into())),
        }
    }

    /// Undoes everything; a connection that cannot do that is given up, which does it too.
    pub(super) fn rollback(self) {
        if !self.begun || !self.session.is_usable() {
            return;
        }
        let answers = self
            .session
            .fly(self.runtime, |flight| flight.control("ROLLBACK"));
        if !answers.is_ok_and(|answers| answers.iter().all(Result::is_ok)) {
            self.session.give_up();
        }
    }
}

impl Connection for Transaction<'_> {
    fn execute(&mut self, sql: &'static str, params: &[Param<'_>]) -> Result<u64, StoreError> {
        self.attempt(|this| {
            let statement = this.prepare(sql, params)?;
            match this.send(&statement, params, false)? {
                Reply::Changed(rows) => Ok(rows),
                Reply::Done | Reply::Rows(_) => Ok(0),
            }
        })
    }

    fn query(&mut self, sql: &'static str, params: &[Param<'_>]) -> Result<Vec<Row>, StoreError> {
        self.attempt(|this| {
            let statement = this.prepare(sql, params)?;
            match this.send(&statement, params, true)? {
                Reply::Rows(rows) => rows
                    .iter()
                    .map(value::row)
                    .collect::<Result<_, _>>()
                    .map_err(Failure::Final),
                Reply::Done | Reply::Changed(_) => Ok(Vec::new()),
            }
        })
    }

    fn defer(&mut self, sql: &'static str, params: &[Param<'_>]) -> Result<(), StoreError> {
        if self.access == Access::Read {
            // To be refused at once.
            return self.execute(sql, params).map(drop);
        }
        self.attempt(|this| {
            let statement = this.prepare(sql, params)?;
            this.deferred.push((
                statement,
                params.iter().map(|param| param.to_value()).collect(),
            ));
            Ok(())
        })
    }
}
