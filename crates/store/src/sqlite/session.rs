//! A connection with its statements, and a transaction on it.

use std::collections::HashMap;

use rusqlite::CachedStatement;

use super::error;
use super::{dialect, value};
use crate::error::{Constraint, StoreError};
use crate::port::{Access, Connection, Verdict};
use crate::value::{Param, Row};

/// A connection of one thread.
pub(super) struct Session {
    raw: rusqlite::Connection,
    access: Access,
    /// Our SQL to SQLite's, by the address of the text: statements are `'static`, so an address
    /// names one text for ever, and is cheaper to hash.
    dialect: HashMap<(usize, usize), Box<str>>,
    broken: bool,
}

/// What became of a job.
pub(super) struct Ran {
    /// What is to be done with its writes.
    pub(super) verdict: Verdict,
    /// Its outcome, if the rest goes well.
    pub(super) own: Result<(), StoreError>,
    /// The first error of one of its statements.
    pub(super) failure: Option<StoreError>,
}

/// An open transaction: what a job sees.
pub(super) struct Transaction<'a> {
    session: &'a mut Session,
    failed: Option<StoreError>,
}

impl Session {
    pub(super) fn new(raw: rusqlite::Connection, access: Access) -> Self {
        Self {
            raw,
            access,
            dialect: HashMap::new(),
            broken: false,
        }
    }

    /// Whether an error was seen after which the connection should be opened anew.
    pub(super) const fn is_broken(&self) -> bool {
        self.broken
    }

    /// Whether no transaction is open: after grave errors SQLite rolls back by itself.
    pub(super) fn is_idle(&self) -> bool {
        self.raw.is_autocommit()
    }

    /// Rows changed over this connection so far. What a statement that failed changed may count, too.
    pub(super) fn changes(&self) -> u64 {
        self.raw.total_changes()
    }

    /// Runs a statement of the driver's own (BEGIN, COMMIT, …).
    pub(super) fn control(&mut self, sql: &'static str) -> rusqlite::Result<()> {
        let outcome = self.raw.prepare_cached(sql).and_then(|mut statement| {
            statement.raw_execute()?;
            Ok(())
        });
        if let Err(error) = &outcome {
            self.note(error);
        }
        outcome
    }

    /// Ends whatever transaction is open.
    pub(super) fn abort(&mut self) {
        if !self.is_idle() && self.control("ROLLBACK").is_err() {
            self.broken = true;
        }
    }

    /// Runs a job; a panic in it is an error of this job alone.
    pub(super) fn run(&mut self, job: &mut dyn crate::port::Job) -> Ran {
        let mut transaction = Transaction {
            session: self,
            failed: None,
        };
        let verdict =
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| job.run(&mut transaction)));
        let failure = transaction.failed;
        let (verdict, own) = match (verdict, failure.clone()) {
            // As on PostgreSQL, a failed statement fails its transaction.
            (Ok(Verdict::Commit), Some(error)) => (Verdict::Rollback, Err(error)),
            (Ok(verdict), _) => (verdict, Ok(())),
            (Err(_), _) => (
                Verdict::Rollback,
                Err(StoreError::Internal(
                    "a panic inside a transaction".to_owned(),
                )),
            ),
        };
        Ran {
            verdict,
            own,
            failure,
        }
    }

    fn note(&mut self, error: &rusqlite::Error) {
        self.broken |= error::wants_reopening(error);
    }

    fn translate(&mut self, failure: &rusqlite::Error) -> StoreError {
        self.note(failure);
        match error::translate(failure, self.access) {
            StoreError::Constraint { message, .. } => StoreError::Constraint {
                constraint: self.constraint(failure),
                message,
            },
            other => other,
        }
    }

    /// SQLite names the columns of a violated constraint, not its index: look the index up.
    fn constraint(&self, failure: &rusqlite::Error) -> Constraint {
        const INDEXES: &str = "SELECT l.name, group_concat(i.name, ',' ORDER BY i.seqno) \
             FROM pragma_index_list(?1) l, pragma_index_info(l.name) i \
             WHERE l.\"unique\" = 1 GROUP BY l.name";
        let Some((table, columns)) = error::violated_columns(failure) else {
            return Constraint::Other;
        };
        let wanted = columns.join(",");
        let name = self.raw.prepare_cached(INDEXES).and_then(|mut statement| {
            let mut rows = statement.query([table])?;
            while let Some(row) = rows.next()? {
                if row
                    .get_ref(1)?
                    .as_str()
                    .is_ok_and(|columns| columns == wanted)
                {
                    return row.get::<_, String>(0).map(Some);
                }
            }
            Ok(None)
        });
        name.ok()
            .flatten()
            .map_or(Constraint::Other, |name| Constraint::from_name(&name))
    }

    fn with_statement<T>(
        &mut self,
        sql: &'static str,
        params: &[Param<'_>],
        work: impl FnOnce(&mut CachedStatement<'_>) -> Result<T, Failure>,
    ) -> Result<T, StoreError> {
        value::check(params)?;
        let Self { raw, dialect, .. } = self;
        let native = dialect
            .entry((sql.as_ptr() as usize, sql.len()))
            .or_insert_with(|| dialect::statement(sql).into());
        let done = raw
            .prepare_cached(native)
            .map_err(Failure::Engine)
            .and_then(|mut statement| {
                if statement.parameter_count() != params.len() {
                    return Err(Failure::Store(StoreError::Internal(format!(
                        "{} parameters given, {} wanted: {sql}",
                        params.len(),
                        statement.parameter_count()
                    ))));
                }
                for (param, index) in params.iter().zip(1_usize..) {
                    statement.raw_bind_parameter(index, value::Bind(param))?;
                }
                work(&mut statement)
            });
        done.map_err(|failure| match failure {
            Failure::Engine(error) => self.translate(&error),
            Failure::Store(error) => error,
        })
    }
}

enum Failure {
    Engine(rusqlite::Error),
    Store(StoreError),
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Engine(error)
    }
}

impl Transaction<'_> {
    fn attempt<T>(
        &mut self,
        work: impl FnOnce(&mut Session) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        work(self.session).inspect_err(|error| self.failed = Some(error.clone()))
    }
}

impl Connection for Transaction<'_> {
    fn execute(&mut self, sql: &'static str, params: &[Param<'_>]) -> Result<u64, StoreError> {
        self.attempt(|session| {
            session.with_statement(sql, params, |statement| {
                Ok(u64::try_from(statement.raw_execute()?).unwrap_or(u64::MAX))
            })
        })
    }

    fn query(&mut self, sql: &'static str, params: &[Param<'_>]) -> Result<Vec<Row>, StoreError> {
        self.attempt(|session| {
            session.with_statement(sql, params, |statement| {
                let columns = statement.column_count();
                let mut rows = statement.raw_query();
                let mut found = Vec::new();
                while let Some(row) = rows.next()? {
                    found.push(value::row(row, columns).map_err(Failure::Store)?);
                }
                Ok(found)
            })
        })
    }

    fn defer(&mut self, sql: &'static str, params: &[Param<'_>]) -> Result<(), StoreError> {
        // No round trip to save here.
        self.execute(sql, params).map(drop)
    }
}
