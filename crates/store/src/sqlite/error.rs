//! SQLite's errors to the store's. No text of ours or of SQLite's here holds a stored value.

use rusqlite::ErrorCode;
use rusqlite::ffi;

use crate::error::{Constraint, StoreError};
use crate::port::Access;

/// Whether another process holds the lock: worth another try.
pub(super) fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)
    )
}

/// Whether the connection is not to be trusted any more: after a failed flush the kernel may hold
/// pages as clean that never reached the disk.
pub(super) fn wants_reopening(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(
            ErrorCode::SystemIoFailure
                | ErrorCode::DatabaseCorrupt
                | ErrorCode::NotADatabase
                | ErrorCode::CannotOpen
                | ErrorCode::ReadOnly
        )
    )
}

/// An error of a statement.
pub(super) fn translate(error: &rusqlite::Error, access: Access) -> StoreError {
    let Some(code) = error.sqlite_error_code() else {
        return StoreError::Internal(error.to_string());
    };
    match code {
        ErrorCode::ConstraintViolation => StoreError::Constraint {
            constraint: Constraint::Other,
            message: error.to_string(),
        },
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => StoreError::Contention,
        ErrorCode::ReadOnly if access == Access::Read => {
            StoreError::Internal("a read transaction tried to write".to_owned())
        }
        ErrorCode::DiskFull
        | ErrorCode::SystemIoFailure
        | ErrorCode::ReadOnly
        | ErrorCode::PermissionDenied
        | ErrorCode::CannotOpen
        | ErrorCode::DatabaseCorrupt
        | ErrorCode::NotADatabase
        | ErrorCode::FileLockingProtocolFailed
        | ErrorCode::OutOfMemory
        | ErrorCode::NoLargeFileSupport
        | ErrorCode::OperationInterrupted => StoreError::unavailable(error.to_string()),
        _ => StoreError::Internal(error.to_string()),
    }
}

/// An error of COMMIT. A disk that failed while flushing may have kept the commit all the same.
pub(super) fn translate_commit(error: &rusqlite::Error) -> StoreError {
    match translate(error, Access::Write) {
        StoreError::Unavailable { message, .. } => StoreError::Unavailable {
            message,
            uncertain: error.sqlite_error_code() != Some(ErrorCode::DiskFull),
        },
        other => other,
    }
}

/// The table and columns of a violated unique constraint: `users.app_id, users.phone`.
pub(super) fn violated_columns(error: &rusqlite::Error) -> Option<(&str, Vec<&str>)> {
    let rusqlite::Error::SqliteFailure(failure, Some(message)) = error else {
        return None;
    };
    if failure.extended_code != ffi::SQLITE_CONSTRAINT_UNIQUE {
        return None;
    }
    let list = message.strip_prefix("UNIQUE constraint failed: ")?;
    let pairs: Vec<(&str, &str)> = list
        .split(", ")
        .map(|name| name.split_once('.'))
        .collect::<Option<_>>()?;
    let (table, _) = pairs.first()?;
    Some((table, pairs.iter().map(|(_, column)| *column).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(extended_code: i32, message: &str) -> rusqlite::Error {
        rusqlite::Error::SqliteFailure(ffi::Error::new(extended_code), Some(message.to_owned()))
    }

    #[test]
    fn the_columns_of_a_unique_violation_are_read() {
        let error = failure(
            ffi::SQLITE_CONSTRAINT_UNIQUE,
            "UNIQUE constraint failed: users.app_id, users.phone",
        );
        assert_eq!(
            violated_columns(&error),
            Some(("users", vec!["app_id", "phone"]))
        );
        let other = failure(ffi::SQLITE_CONSTRAINT_CHECK, "CHECK constraint failed: x");
        assert_eq!(violated_columns(&other), None);
    }

    #[test]
    fn a_failed_flush_at_commit_is_uncertain_and_a_full_disk_is_not() {
        let uncertain = |code| match translate_commit(&failure(code, "x")) {
            StoreError::Unavailable { uncertain, .. } => Some(uncertain),
            _ => None,
        };
        assert_eq!(uncertain(ffi::SQLITE_IOERR_FSYNC), Some(true));
        assert_eq!(uncertain(ffi::SQLITE_FULL), Some(false));
        assert_eq!(uncertain(ffi::SQLITE_BUSY), None);
    }
}
