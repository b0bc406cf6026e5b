//! PostgreSQL's errors: which are worth another try, and what the others are called here.
//!
//! Of a server's message only the primary text is kept: detail, hint and context may hold values.

use std::error::Error as _;

use tokio_postgres::Error;
use tokio_postgres::error::{DbError, Severity, SqlState};

use crate::error::{Constraint, StoreError};
use crate::port::Access;

/// Why a transaction did not happen.
#[derive(Debug, Clone)]
pub(super) enum Failure {
    /// It collided with others: run it again.
    Collision,
    /// The server no longer knows our statements, or their shape changed: prepare them again.
    Replan,
    /// The connection is gone, and the transaction with it.
    Lost(String),
    /// Trying again would change nothing.
    Final(StoreError),
}

impl Failure {
    /// For the closure, which sees it first; what the caller sees is decided after retries.
    pub(super) fn to_store_error(&self) -> StoreError {
        match self {
            Self::Collision | Self::Replan => StoreError::Contention,
            Self::Lost(message) => StoreError::unavailable(message.clone()),
            Self::Final(error) => error.clone(),
        }
    }

    /// Of a statement that was sent, or was to be sent.
    pub(super) fn of(error: &Error, access: Access) -> Self {
        match error.as_db_error() {
            Some(error) => Self::of_server(error, access),
            None if is_transport(error) => Self::Lost(describe(error)),
            None => Self::Final(StoreError::Internal(describe(error))),
        }
    }

    fn of_server(error: &DbError, access: Access) -> Self {
        let code = error.code();
        let text = || format!("{} ({})", error.message(), code.code());
        if ends_connection(error) {
            return Self::Lost(text());
        }
        if *code == SqlState::T_R_SERIALIZATION_FAILURE || *code == SqlState::T_R_DEADLOCK_DETECTED
        {
            return Self::Collision;
        }
        if *code == SqlState::INVALID_SQL_STATEMENT_NAME
            || (*code == SqlState::FEATURE_NOT_SUPPORTED
                && error.routine() == Some("RevalidateCachedQuery"))
        {
            return Self::Replan;
        }
        if *code == SqlState::READ_ONLY_SQL_TRANSACTION {
            return match access {
                // The primary has become a standby: look for the new one.
                Access::Write => Self::Lost(text()),
                Access::Read => Self::Final(StoreError::Internal(
                    "a read transaction tried to write".to_owned(),
                )),
            };
        }
        if *code == SqlState::LOCK_NOT_AVAILABLE {
            return Self::Final(StoreError::Contention);
        }
        Self::Final(match code.code().get(..2) {
            Some("23") => StoreError::Constraint {
                constraint: error
                    .constraint()
                    .map_or(Constraint::Other, Constraint::from_name),
                message: error.message().to_owned(),
            },
            // RAISE in a trigger.
            Some("P0") => StoreError::Constraint {
                constraint: Constraint::Other,
                message: error.message().to_owned(),
            },
            // Resources, intervention (a statement time-out), system errors.
            Some("53" | "57" | "58") => StoreError::unavailable(text()),
            _ => StoreError::Internal(text()),
        })
    }
}

/// Whether the server ended with this error, and did nothing of what came behind.
pub(super) fn is_fatal(error: &DbError) -> bool {
    matches!(
        error.parsed_severity(),
        Some(Severity::Fatal | Severity::Panic)
    )
}

/// Whether the server hangs up after this error.
pub(super) fn ends_connection(error: &DbError) -> bool {
    is_fatal(error)
        || *error.code() == SqlState::ADMIN_SHUTDOWN
        || *error.code() == SqlState::CRASH_SHUTDOWN
        || is_of_the_way(error)
}

/// Whether it is about a connection, as of a pooler between that lost the server: what the server had
/// done by then, it cannot know.
pub(super) fn is_of_the_way(error: &DbError) -> bool {
    error.code().code().starts_with("08")
}

/// Whether the same question could be answered a moment later: collided, no room, interrupted, an error
/// of the system.
pub(super) fn is_of_the_moment(error: &DbError) -> bool {
    let class = error.code().code().get(..2);
    matches!(class, Some("40" | "53" | "57" | "58"))
}

/// Whether a statement of CockroachDB may or may not have happened.
pub(super) fn is_ambiguous(error: &DbError) -> bool {
    *error.code() == SqlState::T_R_STATEMENT_COMPLETION_UNKNOWN
}

/// Whether another attempt to connect could go better.
pub(super) fn is_passing(error: &Error) -> bool {
    match error.as_db_error() {
        // Wrong password, not allowed in, no such database.
        Some(error) => !matches!(
            error.code().code().get(..2),
            Some("28" | "3D" | "42" | "0A")
        ),
        None => !is_tls(error),
    }
}

fn is_transport(error: &Error) -> bool {
    error.is_closed() || chain(error).any(|cause| cause.is::<std::io::Error>())
}

fn is_tls(error: &Error) -> bool {
    let of_rustls = chain(error)
        .filter_map(|cause| cause.downcast_ref::<std::io::Error>())
        .any(|error| {
            error
                .get_ref()
                .is_some_and(|inner| inner.is::<rustls::Error>())
        });
    of_rustls || error.to_string().contains("TLS")
}

type Cause<'a> = &'a (dyn std::error::Error + 'static);

fn chain(error: &Error) -> impl Iterator<Item = Cause<'_>> {
    std::iter::successors(error.source(), |cause: &Cause<'_>| (*cause).source())
}

/// The error with its causes.
pub(super) fn describe(error: &Error) -> String {
    if let Some(error) = error.as_db_error() {
        return format!("{} ({})", error.message(), error.code().code());
    }
    let mut text = error.to_string();
    for cause in chain(error) {
        let cause = cause.to_string();
        // Some errors repeat their cause.
        if !text.contains(&cause) {
            text.push_str(": ");
            text.push_str(&cause);
        }
    }
    text
}
