//! Applies migrations: each in a transaction of its own that first locks row 0 of
//! `schema_migrations`, so that another node waits and then finds nothing left to do.
//!
//! A row lock rather than an advisory one, because CockroachDB accepts the advisory functions and
//! locks nothing.

use std::time::Duration;

use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Error};

use super::connect::{ConnectError, Connector};
use super::error::{self, Failure};
use super::options::Options;
use crate::copy::IN_THE_WAY;
use crate::error::StoreError;
use crate::migrate::{
    Applied, CREATE_TABLE, MIGRATIONS, Migration, MigrationStatus, SELECT_APPLIED, compare,
};
use crate::port::{Access, Engine};

/// Attempts at one step that collides with another node.
const ATTEMPTS: u32 = 20;

/// The tables that requests write, in the order in which they do: what is written last is locked last.
/// A migration that took its locks as its statements come would hold the audit log while it waits for
/// a table that a request holds, which waits for the audit log: a deadlock, at each attempt.
const LOCK_BUSY: &str = "LOCK TABLE rate_limits, otp_requests, one_time_secrets, users, sessions, \
     apps, refresh_replays, outbox, audit_events IN ACCESS EXCLUSIVE MODE";

fn failed(error: &Error) -> StoreError {
    Failure::of(error, Access::Write).to_store_error()
}

async fn connect(options: &Options) -> Result<Client, StoreError> {
    let options = Options {
        // A migration may take its time, and wait for another node's.
        statement_timeout: Duration::from_secs(24 * 3600),
        lock_timeout: Duration::from_secs(600),
        ..options.clone()
    };
    Connector::new(&options)?
        .connect()
        .await
        .map(|connected| connected.client)
        .map_err(|ConnectError { message, .. }| StoreError::unavailable(message))
}

/// What is applied; nothing in an empty database.
async fn applied(client: &Client) -> Result<Vec<Applied>, Error> {
    if !client
        .query_one("SELECT to_regclass('schema_migrations') IS NOT NULL", &[])
        .await?
        .try_get::<_, bool>(0)?
    {
        return Ok(Vec::new());
    }
    client
        .query(SELECT_APPLIED, &[])
        .await?
        .iter()
        .map(|row| {
            Ok(Applied {
                version: row.try_get(0)?,
                name: row.try_get(1)?,
                checksum: row.try_get(2)?,
                compatible_from: row.try_get(3)?,
            })
        })
        .collect()
}

/// Half a database serves nobody.
async fn refuse_unfinished(client: &Client) -> Result<(), StoreError> {
    let unfinished = super::copy::is_unfinished(client).await;
    match unfinished.map_err(|error| failed(&error))? {
        true => Err(StoreError::Schema(IN_THE_WAY.to_owned())),
        false => Ok(()),
    }
}

/// What is applied and what is missing.
pub(super) async fn status(options: &Options) -> Result<MigrationStatus, StoreError> {
    let client = connect(options).await?;
    refuse_unfinished(&client).await?;
    let applied = applied(&client).await.map_err(|error| failed(&error))?;
    Ok(compare(MIGRATIONS, &applied, Engine::Postgres)?.status(Vec::new()))
}

/// Applies what is missing.
pub(super) async fn migrate(options: &Options) -> Result<MigrationStatus, StoreError> {
    let client = connect(options).await?;
    refuse_unfinished(&client).await?;
    let mut applied_now = Vec::new();
    loop {
        // Without the lock first: usually there is nothing to do.
        let seen = applied(&client).await.map_err(|error| failed(&error))?;
        let standing = compare(MIGRATIONS, &seen, Engine::Postgres)?;
        if standing.next.is_none() {
            return Ok(standing.status(applied_now));
        }
        create_table(&client).await?;
        applied_now.extend(apply_next(&client).await?);
    }
}

/// `IF NOT EXISTS` does not keep two nodes from colliding in the catalogue.
async fn create_table(client: &Client) -> Result<(), StoreError> {
    const LOCK_ROW: &str = "INSERT INTO schema_migrations \
         (version, name, checksum, compatible_from, applied_at) \
         VALUES (0, 'empty', '', 0, CURRENT_TIMESTAMP) ON CONFLICT (version) DO NOTHING";
    let mut attempt = 0;
    loop {
        let outcome = match client.batch_execute(CREATE_TABLE).await {
            Ok(()) => client.batch_execute(LOCK_ROW).await,
            Err(error) => Err(error),
        };
        match outcome {
            Ok(()) => return Ok(()),
            Err(error) if collides(&error) && attempt < ATTEMPTS => {
                attempt += 1;
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            Err(error) => return Err(failed(&error)),
        }
    }
}

fn collides(error: &Error) -> bool {
    error.code().is_some_and(|code| {
        [
            SqlState::UNIQUE_VIOLATION,
            SqlState::DUPLICATE_TABLE,
            SqlState::DUPLICATE_OBJECT,
            SqlState::T_R_SERIALIZATION_FAILURE,
            SqlState::T_R_DEADLOCK_DETECTED,
        ]
        .contains(code)
    })
}

/// Takes the lock, looks again, applies one migration.
async fn apply_next(client: &Client) -> Result<Option<i64>, StoreError> {
    let mut attempt = 0;
    loop {
        let outcome = apply_once(client).await;
        if !matches!(outcome, Ok(Some(_))) {
            // Also after a failed COMMIT, where there is nothing left to roll back.
            let _ = client.batch_execute("ROLLBACK").await;
        }
        match outcome {
            Ok(version) => return Ok(version),
            Err(StoreError::Contention) if attempt < ATTEMPTS => attempt += 1,
            Err(error) => return Err(error),
        }
    }
}

async fn apply_once(client: &Client) -> Result<Option<i64>, StoreError> {
    const LOCK: &str = "BEGIN; UPDATE schema_migrations SET name = name WHERE version = 0";
    client
        .batch_execute(LOCK)
        .await
        .map_err(|error| failed(&error))?;
    let seen = applied(client).await.map_err(|error| failed(&error))?;
    let Some(next) = compare(MIGRATIONS, &seen, Engine::Postgres)?.next else {
        return Ok(None);
    };
    run(client, next)
        .await
        .map_err(|error| match failed(&error) {
            known @ (StoreError::Unavailable { .. } | StoreError::Contention) => known,
            _ => StoreError::Schema(format!(
                "migration {} ({}) failed and was undone: {}",
                next.version,
                next.name,
                error::describe(&error)
            )),
        })?;
    client
        .batch_execute("COMMIT")
        .await
        .map_err(|error| match failed(&error) {
            StoreError::Unavailable { message, .. } => StoreError::Unavailable {
                message,
                uncertain: true,
            },
            other => other,
        })?;
    tracing::info!(
        version = next.version,
        name = next.name,
        "migration applied"
    );
    Ok(Some(next.version))
}

async fn run(client: &Client, migration: &Migration) -> Result<(), Error> {
    const INSERT: &str = "INSERT INTO schema_migrations \
         (version, name, checksum, compatible_from, applied_at) \
         VALUES ($1, $2, $3, $4, CURRENT_TIMESTAMP)";
    if migration.version > 1 {
        client.batch_execute(LOCK_BUSY).await?;
    }
    client.batch_execute(migration.common).await?;
    client
        .batch_execute(migration.own(Engine::Postgres))
        .await?;
    let checksum = migration.checksum(Engine::Postgres);
    client
        .execute(
            INSERT,
            &[
                &migration.version,
                &migration.name,
                &checksum,
                &migration.compatible_from,
            ],
        )
        .await?;
    Ok(())
}
