//! Applies migrations: each in a transaction of its own that first locks row 0 of
//! `schema_migrations`, so that another node waits and then finds nothing left to do.
//!
//! A row lock rather than an advisory one, because CockroachDB accepts the advisory functions and
//! locks nothing.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

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

/// The longest wait for one table. Requests take their tables in no common order, so that some wait
/// for the migration while it waits for them: it gives way and begins anew, before PostgreSQL finds a
/// deadlock (after a second, unless changed) and a request has to pay for it.
const LOCK_WAIT: Duration = Duration::from_millis(200);

/// Between two attempts at all tables, in which requests go on: from, to.
const LOCK_PAUSE: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));

/// How long the tables are tried for.
const LOCK_PATIENCE: Duration = Duration::from_secs(120);

/// For everything else: another node's migration may take its time.
const LOCK_TIMEOUT: Duration = Duration::from_secs(600);

fn failed(error: &Error) -> StoreError {
    Failure::of(error, Access::Write).to_store_error()
}

async fn connect(options: &Options) -> Result<Client, StoreError> {
    let options = Options {
        // A migration may take its time, and wait for another node's.
        statement_timeout: Duration::from_secs(24 * 3600),
        lock_timeout: LOCK_TIMEOUT,
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
    let began = Instant::now();
    let mut pause = LOCK_PAUSE.0;
    loop {
        let outcome = apply_once(client).await;
        if !matches!(outcome, Ok(Some(_))) {
            // Also after a failed COMMIT, where there is nothing left to roll back.
            let _ = client.batch_execute("ROLLBACK").await;
        }
        match outcome {
            Ok(version) => return Ok(version),
            Err(StoreError::Contention) if began.elapsed() < LOCK_PATIENCE => {
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LOCK_PAUSE.1);
            }
            Err(StoreError::Contention) => {
                return Err(StoreError::unavailable(format!(
                    "the migration got no hold of its tables within {} s: end what keeps them \
                     (a dump, a long report), and migrate again",
                    LOCK_PATIENCE.as_secs()
                )));
            }
            Err(error) => return Err(error),
        }
    }
}

/// Keeps everybody away from the tables that the migration is about to change, or gives up soon.
async fn lock(client: &Client, migration: &Migration) -> Result<(), Error> {
    if migration.locks.is_empty() {
        return Ok(());
    }
    let (wait, after) = (LOCK_WAIT.as_millis(), LOCK_TIMEOUT.as_millis());
    let mut sql = format!("SET LOCAL lock_timeout = {wait};");
    for table in migration.locks {
        // Writing to a string cannot fail.
        let _ = write!(sql, "LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE;");
    }
    let _ = write!(sql, "SET LOCAL lock_timeout = {after}");
    client.batch_execute(&sql).await
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
    lock(client, migration).await?;
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
