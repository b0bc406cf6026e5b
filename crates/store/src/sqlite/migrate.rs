//! Applies migrations: each in a transaction of its own that holds the write lock from the start,
//! so that another process waits and then finds nothing left to do.

use rusqlite::{Connection, OptionalExtension as _, TransactionBehavior};

use super::options::Options;
use super::{dialect, error};
use crate::copy::IN_THE_WAY;
use crate::error::StoreError;
use crate::migrate::{
    Applied, CREATE_TABLE, MIGRATIONS, Migration, MigrationStatus, SELECT_APPLIED, compare,
};
use crate::port::{Access, Engine};

fn failed(failure: &rusqlite::Error) -> StoreError {
    error::translate(failure, Access::Write)
}

/// What is applied; nothing in an empty database.
pub(super) fn applied(connection: &Connection) -> rusqlite::Result<Vec<Applied>> {
    const EXISTS: &str =
        "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'schema_migrations'";
    if connection
        .query_row(EXISTS, [], |_| Ok(()))
        .optional()?
        .is_none()
    {
        return Ok(Vec::new());
    }
    connection
        .prepare(SELECT_APPLIED)?
        .query_map([], |row| {
            Ok(Applied {
                version: row.get(0)?,
                name: row.get(1)?,
                checksum: row.get(2)?,
                compatible_from: row.get(3)?,
            })
        })?
        .collect()
}

/// Half a database serves nobody.
fn refuse_unfinished(connection: &Connection) -> Result<(), StoreError> {
    match super::copy::is_unfinished(connection).map_err(|error| failed(&error))? {
        true => Err(StoreError::Schema(IN_THE_WAY.to_owned())),
        false => Ok(()),
    }
}

/// What is applied and what is missing.
pub(crate) fn status(options: &Options) -> Result<MigrationStatus, StoreError> {
    let connection = super::open::open(options, Access::Read)?;
    refuse_unfinished(&connection)?;
    let applied = applied(&connection).map_err(|error| failed(&error))?;
    Ok(compare(MIGRATIONS, &applied, Engine::Sqlite)?.status(Vec::new()))
}

/// Applies what is missing.
pub(crate) fn migrate(options: &Options) -> Result<MigrationStatus, StoreError> {
    let mut connection = super::open::open(options, Access::Write)?;
    refuse_unfinished(&connection)?;
    let mut applied_now = Vec::new();
    loop {
        // Without the lock first: usually there is nothing to do.
        let seen = applied(&connection).map_err(|error| failed(&error))?;
        let standing = compare(MIGRATIONS, &seen, Engine::Sqlite)?;
        if standing.next.is_none() {
            return Ok(standing.status(applied_now));
        }
        applied_now.extend(apply_next(&mut connection)?);
    }
}

/// Takes the lock, looks again, applies one migration.
fn apply_next(connection: &mut Connection) -> Result<Option<i64>, StoreError> {
    let transaction = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(|error| failed(&error))?;
    let seen = applied(&transaction).map_err(|error| failed(&error))?;
    let Some(next) = compare(MIGRATIONS, &seen, Engine::Sqlite)?.next else {
        return Ok(None);
    };
    run(&transaction, next)
        .and_then(|()| transaction.commit())
        .map_err(|error| match failed(&error) {
            unavailable @ StoreError::Unavailable { .. } => unavailable,
            other => StoreError::Schema(format!(
                "migration {} ({}) failed and was undone: {other}",
                next.version, next.name
            )),
        })?;
    tracing::info!(
        version = next.version,
        name = next.name,
        "migration applied"
    );
    Ok(Some(next.version))
}

fn run(transaction: &Connection, migration: &Migration) -> rusqlite::Result<()> {
    const INSERT: &str = "INSERT INTO schema_migrations \
         (version, name, checksum, compatible_from, applied_at) \
         VALUES (?1, ?2, ?3, ?4, CAST(unixepoch('subsec') * 1000000 AS INTEGER))";
    transaction.execute_batch(&dialect::schema(CREATE_TABLE))?;
    transaction.execute_batch(&dialect::schema(migration.common))?;
    transaction.execute_batch(migration.own(Engine::Sqlite))?;
    transaction.execute(
        INSERT,
        (
            migration.version,
            migration.name,
            migration.checksum(Engine::Sqlite),
            migration.compatible_from,
        ),
    )?;
    Ok(())
}
