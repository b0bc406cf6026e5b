//! Opening a connection, and what every connection is told.

use std::path::Path;
#[cfg(unix)]
use std::path::PathBuf;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::error;
use super::options::Options;
use crate::error::StoreError;
use crate::port::Access;

/// How often the switch to WAL is tried while another process is doing the same.
const WAL_ATTEMPTS: u32 = 50;

/// Statements kept per connection; more than the program has.
const STATEMENTS: usize = 512;

/// Opens a connection for reading or writing.
///
/// # Errors
/// [`StoreError::Unavailable`] when the file cannot be opened or kept to its owner.
pub(super) fn open(options: &Options, access: Access) -> Result<Connection, StoreError> {
    restrict(&options.path)?;
    connect(options, access)
        .map_err(|error| StoreError::unavailable(format!("{}: {error}", options.path.display())))
}

fn connect(options: &Options, access: Access) -> rusqlite::Result<Connection> {
    // Each connection stays on one thread at a time, so SQLite's own mutexes are not needed.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(&options.path, flags)?;
    connection.busy_timeout(options.busy_timeout)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    // A schema that somebody else wrote into the file shall not run code of its choice, and a
    // misspelt name shall not be taken for a string.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DML, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DDL, false)?;
    // What a plan is made of does not depend on the parameters. Otherwise a statement for which it
    // might (one that touches a partial index) is planned anew at each use: for the exchange of a
    // refresh token that cost more than running it.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    write_ahead_log(&connection)?;
    // Pages that are freed are filled with zeros: an address that was erased must not stay readable
    // in the file. That costs a page write for each page freed, which a refresh never does.
    // `fullfsync` matters on macOS only, where fsync alone does not reach the disk.
    connection.execute_batch(
        "PRAGMA synchronous = FULL; PRAGMA fullfsync = ON; PRAGMA checkpoint_fullfsync = ON;
         PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY; PRAGMA secure_delete = ON;
         PRAGMA cell_size_check = ON; PRAGMA journal_size_limit = 67108864;",
    )?;
    let cache_kib = match access {
        Access::Read => options.reader_cache_kib,
        Access::Write => options.writer_cache_kib,
    };
    connection.pragma_update(None, "cache_size", -i64::from(cache_kib))?;
    if let Some(bytes) = options.max_bytes {
        let page_size: i64 = connection.pragma_query_value(None, "page_size", |row| row.get(0))?;
        let pages = i64::try_from(bytes).unwrap_or(i64::MAX) / page_size.max(1);
        connection.query_row(
            &format!("PRAGMA max_page_count = {}", pages.max(1)),
            [],
            |_| Ok(()),
        )?;
    }
    if access == Access::Read {
        connection.pragma_update(None, "query_only", true)?;
    }
    Ok(connection)
}

/// Two processes that open a new file at once collide here, and SQLite does not wait by itself.
fn write_ahead_log(connection: &Connection) -> rusqlite::Result<()> {
    let mut attempt = 0;
    loop {
        let mode = connection.query_row("PRAGMA journal_mode = WAL", [], |row| {
            row.get::<_, String>(0)
        });
        match mode {
            Ok(mode) if mode == "wal" => return Ok(()),
            Err(error) if !error::is_busy(&error) => return Err(error),
            answer if attempt == WAL_ATTEMPTS => {
                return answer.and_then(|mode| {
                    Err(rusqlite::Error::InvalidParameterName(format!(
                        "the file stays in journal mode {mode}; Doorward needs WAL"
                    )))
                });
            }
            _ => {
                attempt += 1;
                std::thread::sleep(std::time::Duration::from_millis(20));
            }
        }
    }
}

/// Creates the file for its owner only, or takes everybody else's rights away. SQLite gives the
/// files beside it (`-wal`, `-shm`) the same rights.
#[cfg(unix)]
fn restrict(path: &Path) -> Result<(), StoreError> {
    use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};

    let failed = |path: &Path, error: std::io::Error| {
        StoreError::unavailable(format!("{}: {error}", path.display()))
    };
    // `create_new` tells our own file from one that somebody made before us.
    match std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
    {
        Ok(_) => return Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(failed(path, error)),
    }
    let beside = |suffix: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        PathBuf::from(name)
    };
    for path in [path.to_owned(), beside("-wal"), beside("-shm")] {
        let Ok(metadata) = std::fs::metadata(&path) else {
            continue;
        };
        let mut permissions = metadata.permissions();
        if permissions.mode() & 0o077 != 0 {
            permissions.set_mode(permissions.mode() & !0o077);
            std::fs::set_permissions(&path, permissions).map_err(|error| {
                StoreError::unavailable(format!(
                    "{} is readable by others and that cannot be changed ({error}): \
                     run `chmod 600` on it as its owner",
                    path.display()
                ))
            })?;
        }
    }
    Ok(())
}

#[cfg(not(unix))]
fn restrict(path: &Path) -> Result<(), StoreError> {
    std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
        .map(drop)
        .map_err(|error| StoreError::unavailable(format!("{}: {error}", path.display())))
}

#[cfg(test)]
mod tests {
    use rusqlite::StatementStatus;

    use super::*;

    /// The statement is kept, given back and used again, as `prepare_cached` does it.
    #[test]
    fn nothing_is_planned_anew_because_of_its_parameters() {
        const SQL: &str = "SELECT b FROM t WHERE a = ?1 AND (c = ?2 OR ?2 IS NULL) AND d = ?3";
        let directory = tempfile::tempdir().unwrap();
        let options = Options::file(directory.path().join("test.db"));
        let connection = open(&options, Access::Write).unwrap();
        connection
            .execute_batch(
                "CREATE TABLE t (a INTEGER, b INTEGER, c INTEGER, d TEXT);
                 CREATE INDEX t_a ON t (a) WHERE d = 'x'; INSERT INTO t VALUES (1, 2, 3, 'x');",
            )
            .unwrap();
        for _ in 0..3 {
            let mut statement = connection.prepare_cached(SQL).unwrap();
            let found: i64 = statement.query_row((1, 3, "x"), |row| row.get(0)).unwrap();
            assert_eq!(found, 2);
            assert_eq!(statement.get_status(StatementStatus::RePrepare), 0);
        }
    }
}
