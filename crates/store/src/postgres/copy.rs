//! An end of a copy on the shared engine. Blocking: it brings a runtime of its own.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use bytes::{BufMut as _, BytesMut};
use tokio::runtime::Runtime;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};
use tokio_postgres::{Client, Error, Statement};

use super::connect::{ConnectError, Connector};
use super::error::{self, Failure};
use super::options::Options;
use super::value::{BoxError, EPOCH_2000, is_text};
use crate::copy::{Cell, End, Marker, PROGRESS_TABLE, Step, Table, insert, page, statements};
use crate::error::StoreError;
use crate::migrate::MigrationStatus;
use crate::port::{Access, Engine};

/// Parameters in one statement; the protocol counts them in 16 bits.
const PARAMETERS: usize = 30_000;

/// Rows in one statement.
const ROWS: usize = 250;

/// A database, for a copy.
pub(crate) struct CopyEnd {
    client: Client,
    statements: HashMap<String, Statement>,
    // Last: the connection is driven by it.
    runtime: Runtime,
}

fn failed(failure: &Error) -> StoreError {
    match Failure::of(failure, Access::Write).to_store_error() {
        StoreError::Constraint { .. } => StoreError::Internal(format!(
            "a row does not fit into the target ({}): the source was changed since the copy began; \
             empty the target and begin again",
            error::describe(failure)
        )),
        other => other,
    }
}

fn runtime() -> Result<Runtime, StoreError> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| StoreError::unavailable(error.to_string()))
}

/// Opens an end.
pub(crate) fn end(options: &Options) -> Result<CopyEnd, StoreError> {
    const LONG: Duration = Duration::from_secs(24 * 3600);
    let options = Options {
        // Counting takes as long as it takes; and the source's transaction waits for the target's.
        statement_timeout: LONG,
        idle_in_transaction_timeout: LONG,
        ..options.clone()
    };
    let runtime = runtime()?;
    let connector = Connector::new(&options)?;
    let client = runtime
        .block_on(connector.connect())
        .map(|connected| connected.client)
        .map_err(|ConnectError { message, .. }| StoreError::unavailable(message))?;
    Ok(CopyEnd {
        client,
        statements: HashMap::new(),
        runtime,
    })
}

/// What is applied and what is missing.
pub(crate) fn status(options: &Options) -> Result<MigrationStatus, StoreError> {
    runtime()?.block_on(super::migrate::status(options))
}

/// Applies what is missing.
pub(crate) fn migrate(options: &Options) -> Result<MigrationStatus, StoreError> {
    runtime()?.block_on(super::migrate::migrate(options))
}

/// Whether a copy into this database is unfinished.
pub(super) async fn is_unfinished(client: &Client) -> Result<bool, Error> {
    const EXISTS: &str = "SELECT to_regclass('db_copy_progress') IS NOT NULL";
    client.query_one(EXISTS, &[]).await?.try_get(0)
}

/// A value on its way out. Prints nothing, because tokio-postgres logs parameters.
struct Bind<'a>(&'a Cell);

impl std::fmt::Debug for Bind<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("…")
    }
}

impl ToSql for Bind<'_> {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, BoxError> {
        match self.0 {
            Cell::Null => return Ok(IsNull::Yes),
            Cell::Int(value) if *ty == Type::INT8 => out.put_i64(*value),
            Cell::Int(value) if *ty == Type::TIMESTAMPTZ => {
                let since_2000 = value.checked_sub(EPOCH_2000);
                out.put_i64(since_2000.ok_or("a time out of range")?);
            }
            Cell::Int(value @ (0 | 1)) if *ty == Type::BOOL => out.put_u8(u8::from(*value == 1)),
            Cell::Text(value) if is_text(ty) => out.put_slice(value.as_bytes()),
            Cell::Bytes(value) if *ty == Type::BYTEA => out.put_slice(value),
            Cell::Bytes(value) if *ty == Type::UUID && value.len() == 16 => out.put_slice(value),
            _ => return Err(format!("a value that a column of type {ty} cannot hold").into()),
        }
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        // `to_sql` looks at the value as well.
        true
    }

    to_sql_checked!();
}

impl<'a> FromSql<'a> for Cell {
    fn from_sql(ty: &Type, raw: &'a [u8]) -> Result<Self, BoxError> {
        Ok(match ty {
            ty if *ty == Type::INT8 => Self::Int(i64::from_be_bytes(raw.try_into()?)),
            ty if is_text(ty) => Self::Text(std::str::from_utf8(raw)?.to_owned()),
            ty if *ty == Type::BYTEA || *ty == Type::UUID => Self::Bytes(raw.to_owned()),
            ty if *ty == Type::TIMESTAMPTZ => {
                let since_1970 = i64::from_be_bytes(raw.try_into()?).checked_add(EPOCH_2000);
                Self::Int(since_1970.ok_or("a time out of range")?)
            }
            ty if *ty == Type::BOOL => Self::Int(i64::from(raw != [0])),
            other => return Err(format!("columns of type {other} are not copied").into()),
        })
    }

    fn from_sql_null(_: &Type) -> Result<Self, BoxError> {
        Ok(Self::Null)
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

impl CopyEnd {
    fn batch(&self, sql: &str) -> Result<(), StoreError> {
        let done = self.runtime.block_on(self.client.batch_execute(sql));
        done.map_err(|error| failed(&error))
    }

    fn prepared(&mut self, sql: String) -> Result<Statement, StoreError> {
        if let Some(statement) = self.statements.get(&sql) {
            return Ok(statement.clone());
        }
        let prepared = self.runtime.block_on(self.client.prepare(&sql));
        let statement = prepared.map_err(|error| failed(&error))?;
        self.statements.insert(sql, statement.clone());
        Ok(statement)
    }

    fn query(&mut self, sql: String, cells: &[Cell]) -> Result<Vec<Vec<Cell>>, StoreError> {
        let statement = self.prepared(sql)?;
        let binds: Vec<_> = cells.iter().map(Bind).collect();
        let params: Vec<_> = binds
            .iter()
            .map(|bind| bind as &(dyn ToSql + Sync))
            .collect();
        let rows = self
            .runtime
            .block_on(self.client.query(&statement, &params))
            .map_err(|error| failed(&error))?;
        let cells = |row: &tokio_postgres::Row| {
            let cells = (0..row.len()).map(|column| row.try_get::<_, Cell>(column));
            cells
                .collect::<Result<Vec<_>, _>>()
                .map_err(|error| StoreError::decode(error::describe(&error)))
        };
        rows.iter().map(cells).collect()
    }

    fn execute(&mut self, sql: String, cells: &[&Cell]) -> Result<u64, StoreError> {
        let statement = self.prepared(sql)?;
        let binds: Vec<_> = cells.iter().map(|cell| Bind(cell)).collect();
        let params: Vec<_> = binds
            .iter()
            .map(|bind| bind as &(dyn ToSql + Sync))
            .collect();
        let done = self
            .runtime
            .block_on(self.client.execute(&statement, &params));
        done.map_err(|error| failed(&error))
    }

    /// Runs something between BEGIN and COMMIT.
    fn transaction<T>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<Option<T>, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        self.batch("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE")?;
        match work(self) {
            Ok(Some(done)) => self.batch("COMMIT").map(|()| Some(done)),
            other => {
                // What failed is told; a connection that cannot roll back is lost with its work.
                let _ = self.batch("ROLLBACK");
                other
            }
        }
    }

    fn note(&mut self, table: &Table, step: &Step) -> Result<bool, StoreError> {
        const FIRST: &str = "INSERT INTO db_copy_progress (name, last_key, copied) \
             VALUES ($1, $2, $3) ON CONFLICT (name) DO NOTHING";
        const NEXT: &str = "UPDATE db_copy_progress SET last_key = $2, copied = $3 \
             WHERE name = $1 AND copied = $4";
        let count = |rows: u64| Cell::Int(i64::try_from(rows).unwrap_or(i64::MAX));
        let name = Cell::Text(table.name.clone());
        let (key, after) = (Cell::Bytes(step.key.clone()), count(step.after));
        let changed = if step.before == 0 {
            self.execute(FIRST.to_owned(), &[&name, &key, &after])?
        } else {
            let before = count(step.before);
            self.execute(NEXT.to_owned(), &[&name, &key, &after, &before])?
        };
        Ok(changed == 1)
    }
}

impl End for CopyEnd {
    fn tables(&mut self) -> Result<BTreeMap<String, Vec<String>>, StoreError> {
        const COLUMNS: &str = "SELECT CAST(c.relname AS TEXT), CAST(a.attname AS TEXT) \
             FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
             JOIN pg_attribute a ON a.attrelid = c.oid \
             WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'p') \
             AND a.attnum > 0 AND NOT a.attisdropped";
        let mut tables: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for row in self.query(COLUMNS.to_owned(), &[])? {
            if let [Cell::Text(table), Cell::Text(column)] = row.as_slice() {
                let columns = tables.entry(table.clone()).or_default();
                columns.push(column.clone());
            }
        }
        Ok(tables)
    }

    fn snapshot(&mut self) -> Result<(), StoreError> {
        // A transaction has its snapshot from its first query on.
        self.batch("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SELECT 1")
    }

    fn release(&mut self) -> Result<(), StoreError> {
        self.batch("COMMIT")
    }

    fn count(&mut self, table: &Table) -> Result<u64, StoreError> {
        let rows = self.query(statements::count(table), &[])?;
        match rows.first().map(Vec::as_slice) {
            Some([Cell::Int(rows)]) => Ok(u64::try_from(*rows).unwrap_or(0)),
            _ => Err(StoreError::decode("a count")),
        }
    }

    fn page(
        &mut self,
        table: &Table,
        after: Option<&[Cell]>,
    ) -> Result<Vec<Vec<Cell>>, StoreError> {
        let sql = page(table, Engine::Postgres, after.is_some());
        self.query(sql, after.unwrap_or_default())
    }

    fn marker(&mut self) -> Result<Option<Marker>, StoreError> {
        const ALL: &str = "SELECT name, last_key, copied FROM db_copy_progress";
        let unfinished = self.runtime.block_on(is_unfinished(&self.client));
        if !unfinished.map_err(|error| failed(&error))? {
            return Ok(None);
        }
        let rows = self.query(ALL.to_owned(), &[])?;
        let rows = rows
            .into_iter()
            .filter_map(|row| match <[Cell; 3]>::try_from(row) {
                Ok([Cell::Text(name), Cell::Bytes(key), Cell::Int(copied)]) => {
                    Some((name, key, copied))
                }
                _ => None,
            });
        Marker::from_rows(rows).map(Some)
    }

    fn begin(&mut self, source: &[u8], seeded: &[&Table]) -> Result<(), StoreError> {
        let source = Cell::Bytes(source.to_vec());
        self.transaction(|this| {
            this.batch(statements::CREATE_PROGRESS)?;
            this.execute(statements::INSERT_SOURCE.to_owned(), &[&source])?;
            for table in seeded {
                this.batch(&statements::delete(table))?;
            }
            Ok(Some(()))
        })
        .map(drop)
    }

    fn put(&mut self, table: &Table, rows: &[Vec<Cell>], step: &Step) -> Result<bool, StoreError> {
        let at_once = (PARAMETERS / table.columns.len().max(1)).clamp(1, ROWS);
        let put = self.transaction(|this| {
            if !this.note(table, step)? {
                return Ok(None);
            }
            for rows in rows.chunks(at_once) {
                let cells: Vec<_> = rows.iter().flatten().collect();
                this.execute(insert(table, rows.len()), &cells)?;
            }
            Ok(Some(()))
        })?;
        Ok(put.is_some())
    }

    fn finish(&mut self) -> Result<(), StoreError> {
        self.batch(&format!("DROP TABLE {PROGRESS_TABLE}"))?;
        // Without statistics the planner would guess at tables that were empty a moment ago.
        self.batch("ANALYZE")
    }
}
