//! A copy of the embedded database while servers use it, and what can be said of such a copy.

use std::path::{Path, PathBuf};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::error;
use super::migrate::applied;
use super::options::Options;
use super::{copy, open};
use crate::error::StoreError;
use crate::migrate::{MIGRATIONS, compare};
use crate::port::{Access, Engine};

/// What is in a file.
#[derive(Debug, Clone)]
pub struct Examined {
    /// Its schema version.
    pub schema: i64,
    /// The schema version this program brings.
    pub latest: i64,
    /// Rows, over all tables.
    pub rows: u64,
}

fn failed(failure: &rusqlite::Error) -> StoreError {
    error::translate(failure, Access::Write)
}

/// Writes a consistent copy of the database to a file that does not exist or is empty. Servers may
/// read and write meanwhile: the copy is what they had committed when it began. Pages of deleted
/// rows are not in it.
///
/// # Errors
/// [`StoreError::Unavailable`] when there is no database, the file cannot be written, or the disk is
/// full.
pub fn backup(options: &Options, to: &Path) -> Result<(), StoreError> {
    if !options.path.exists() {
        let path = options.path.display();
        return Err(StoreError::unavailable(format!(
            "there is no database at {path}"
        )));
    }
    // Nobody else writes to it. On network file systems SQLite's locks and the one that tells the file from
    // a remainder are of one kind and would exclude each other.
    let name = address(to, "nolock=1")?;
    let connection = open::open(options, Access::Write)?;
    connection
        .execute("VACUUM INTO ?1", [name.as_str()])
        .map_err(|error| failed(&error))?;
    // SQLite does not flush what it vacuums into.
    std::fs::File::open(to)
        .and_then(|file| file.sync_all())
        .map_err(|error| StoreError::unavailable(format!("{}: {error}", to.display())))
}

/// Looks at a file that nobody writes to: whole, its references intact, a schema this program knows.
/// Leaves nothing beside it.
///
/// # Errors
/// [`StoreError::Schema`] when it is damaged, no database of Doorward's, newer than this program, or
/// an unfinished copy.
pub fn examine(path: &Path) -> Result<Examined, StoreError> {
    let not_ours = |why: String| StoreError::Schema(format!("{}: {why}", path.display()));
    let connection = immutable(path)?;
    let problem =
        first_problem(&connection).map_err(|error| not_ours(format!("it is damaged: {error}")))?;
    if let Some(problem) = problem {
        return Err(not_ours(format!("it is damaged: {problem}")));
    }
    let read = || -> rusqlite::Result<_> {
        let unfinished = copy::is_unfinished(&connection)?;
        let mut rows = 0;
        for table in copy::table_names(&connection)? {
            let sql = format!("SELECT count(*) FROM \"{}\"", table.replace('"', "\"\""));
            rows += connection.query_row(&sql, [], |row| row.get::<_, i64>(0))?;
        }
        Ok((applied(&connection)?, unfinished, rows))
    };
    let (applied, unfinished, rows) = read().map_err(|error| failed(&error))?;
    if unfinished {
        return Err(not_ours(crate::copy::IN_THE_WAY.to_owned()));
    }
    let standing = compare(MIGRATIONS, &applied, Engine::Sqlite)?;
    if standing.current == 0 {
        return Err(not_ours("it is no database of Doorward's".to_owned()));
    }
    if standing.current > standing.latest {
        return Err(not_ours(format!(
            "it has schema version {}, this program knows {}: use the doorward that made it",
            standing.current, standing.latest
        )));
    }
    Ok(Examined {
        schema: standing.current,
        latest: standing.latest,
        rows: u64::try_from(rows).unwrap_or(0),
    })
}

/// Reads every page of a database that may be in use; gives the first thing that is wrong.
///
/// # Errors
/// [`StoreError`] when it cannot be opened.
pub fn check(options: &Options) -> Result<Option<String>, StoreError> {
    if !options.path.exists() {
        let path = options.path.display();
        return Err(StoreError::unavailable(format!(
            "there is no database at {path}"
        )));
    }
    let connection = open::open(options, Access::Read)?;
    first_problem(&connection).or_else(|error| Ok(Some(error.to_string())))
}

/// Whether any process has the database open. A connection to it in WAL mode holds a lock for as
/// long as it lives.
///
/// # Errors
/// [`StoreError`] when the file cannot be opened.
pub fn is_in_use(path: &Path) -> Result<bool, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let alone = || -> rusqlite::Result<()> {
        let connection = Connection::open_with_flags(path, flags)?;
        connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
        // Also brings what is still in the log into the file, and removes the log at the end.
        connection.execute_batch("BEGIN EXCLUSIVE; COMMIT")
    };
    match alone() {
        Ok(()) => Ok(false),
        Err(error) if error::is_busy(&error) => Ok(true),
        Err(error) => Err(failed(&error)),
    }
}

/// The files that belong to a database beside itself.
#[must_use]
pub fn companions(path: &Path) -> [PathBuf; 2] {
    ["-wal", "-shm"].map(|suffix| {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        PathBuf::from(name)
    })
}

fn unusable(path: &Path, why: &str) -> StoreError {
    StoreError::unavailable(format!("{}: {why}", path.display()))
}

/// A file as SQLite takes it with a wish about how it is opened.
fn address(path: &Path, query: &str) -> Result<url::Url, StoreError> {
    let whole = std::path::absolute(path).map_err(|error| unusable(path, &error.to_string()))?;
    let mut url = url::Url::from_file_path(whole)
        .map_err(|()| unusable(path, "its path cannot be written as a URL"))?;
    url.set_query(Some(query));
    Ok(url)
}

fn immutable(path: &Path) -> Result<Connection, StoreError> {
    let url = address(path, "immutable=1")?;
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_URI;
    let open = || -> rusqlite::Result<Connection> {
        let connection = Connection::open_with_flags(url.as_str(), flags)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
        Ok(connection)
    };
    open().map_err(|error| unusable(path, &error.to_string()))
}

fn first_problem(connection: &Connection) -> rusqlite::Result<Option<String>> {
    let verdict: String =
        connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    if verdict != "ok" {
        return Ok(Some(verdict));
    }
    let mut statement = connection.prepare("PRAGMA foreign_key_check")?;
    let mut rows = statement.query([])?;
    match rows.next()? {
        None => Ok(None),
        Some(row) => {
            let table: String = row.get(0)?;
            Ok(Some(format!(
                "a row of {table} refers to one that is not there"
            )))
        }
    }
}
