//! Emptying the write-ahead log, which still has what was deleted since it began anew.

use std::time::Duration;

use rusqlite::Connection;

use super::error;
use super::open::open;
use super::options::Options;
use crate::error::StoreError;
use crate::port::Access;

/// Emptying holds up writers while it waits for readers: no longer than this.
const WAIT: Duration = Duration::from_millis(50);
/// Tries, and what lies between two of them.
const TRIES: u32 = 20;
const PAUSE: Duration = Duration::from_millis(50);

/// Copies the log into the file and empties it. `false` when somebody read an older state all the
/// time, as a long backup does.
///
/// # Errors
/// [`StoreError`].
pub(super) fn tidy(options: &Options) -> Result<bool, StoreError> {
    let connection = open(options, Access::Write)?;
    let failed = |failure: &rusqlite::Error| error::translate(failure, Access::Write);
    connection.busy_timeout(WAIT).map_err(|e| failed(&e))?;
    // Most of the work first, while others write.
    checkpoint(&connection, "PRAGMA wal_checkpoint(PASSIVE)").map_err(|e| failed(&e))?;
    for _ in 0..TRIES {
        if checkpoint(&connection, "PRAGMA wal_checkpoint(TRUNCATE)").map_err(|e| failed(&e))? {
            return Ok(true);
        }
        std::thread::sleep(PAUSE);
    }
    Ok(false)
}

/// Whether nobody was in the way.
fn checkpoint(connection: &Connection, sql: &str) -> rusqlite::Result<bool> {
    match connection.query_row(sql, [], |row| row.get::<_, i64>(0)) {
        Ok(busy) => Ok(busy == 0),
        Err(failure) if error::is_busy(&failure) => Ok(false),
        Err(failure) => Err(failure),
    }
}
