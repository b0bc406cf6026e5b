//! An end of a copy on the embedded engine.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, OptionalExtension as _, ToSql, TransactionBehavior};

use super::error;
use super::options::Options;
use super::{dialect, open};
use crate::copy::{
    Cell, End, Key, Marker, PAGE_BYTES, PROGRESS_TABLE, Step, Table, insert, page, statements,
};
use crate::error::StoreError;
use crate::migrate::{CREATE_TABLE, MIGRATIONS};
use crate::port::{Access, Engine};

/// A database, for a copy.
pub(crate) struct CopyEnd {
    raw: Connection,
    native: HashMap<String, String>,
}

fn failed(failure: &rusqlite::Error) -> StoreError {
    match error::translate(failure, Access::Write) {
        // Whoever copies wants to know which.
        StoreError::Constraint { .. } => StoreError::Internal(format!(
            "a row does not fit into the target ({failure}): the source was changed since the copy \
             began; empty the target and begin again"
        )),
        other => other,
    }
}

impl ToSql for Cell {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Int(value) => ValueRef::Integer(*value),
            Self::Text(value) => ValueRef::Text(value.as_bytes()),
            Self::Bytes(value) => ValueRef::Blob(value),
        }))
    }
}

fn cell(value: ValueRef<'_>) -> Result<Cell, StoreError> {
    Ok(match value {
        ValueRef::Null => Cell::Null,
        ValueRef::Integer(value) => Cell::Int(value),
        ValueRef::Text(value) => Cell::Text(
            String::from_utf8(value.to_vec())
                .map_err(|_| StoreError::decode("text that is not UTF-8"))?,
        ),
        ValueRef::Blob(value) => Cell::Bytes(value.to_vec()),
        ValueRef::Real(_) => return Err(StoreError::decode("a floating-point number")),
    })
}

/// Opens an end.
pub(crate) fn end(options: &Options) -> Result<CopyEnd, StoreError> {
    Ok(CopyEnd {
        raw: open::open(options, Access::Write)?,
        native: HashMap::new(),
    })
}

/// Whether a copy into this database is unfinished.
pub(super) fn is_unfinished(connection: &Connection) -> rusqlite::Result<bool> {
    const EXISTS: &str = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?1";
    let found = connection
        .query_row(EXISTS, [PROGRESS_TABLE], |_| Ok(()))
        .optional()?;
    Ok(found.is_some())
}

/// The tables of a database that this program has migrated, in memory.
pub(crate) fn scratch_tables() -> Result<Vec<Table>, StoreError> {
    let read = || -> rusqlite::Result<Vec<Table>> {
        let raw = Connection::open_in_memory()?;
        raw.execute_batch(&dialect::schema(CREATE_TABLE))?;
        for migration in MIGRATIONS {
            raw.execute_batch(&dialect::schema(migration.common))?;
            raw.execute_batch(migration.own(Engine::Sqlite))?;
        }
        let names = table_names(&raw)?;
        names.into_iter().map(|name| table(&raw, name)).collect()
    };
    read().map_err(|error| failed(&error))
}

pub(super) fn table_names(raw: &Connection) -> rusqlite::Result<Vec<String>> {
    const TABLES: &str = "SELECT name FROM sqlite_schema \
         WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name";
    raw.prepare(TABLES)?
        .query_map([], |row| row.get(0))?
        .collect()
}

/// Columns with their types and places in the key.
fn columns(raw: &Connection, table: &str) -> rusqlite::Result<Vec<(String, String, i64)>> {
    const COLUMNS: &str = "SELECT name, type, pk FROM pragma_table_info(?1) ORDER BY name";
    raw.prepare(COLUMNS)?
        .query_map([table], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect()
}

fn table(raw: &Connection, name: String) -> rusqlite::Result<Table> {
    const PARENTS: &str = "SELECT DISTINCT \"table\" FROM pragma_foreign_key_list(?1)";
    let columns = columns(raw, &name)?;
    let mut key: Vec<_> = columns
        .iter()
        .enumerate()
        .filter(|(_, (_, _, place))| *place > 0)
        .map(|(index, (name, kind, place))| {
            let key = Key {
                name: name.clone(),
                text: kind == "TEXT",
                index,
            };
            (*place, key)
        })
        .collect();
    key.sort_by_key(|(place, _)| *place);
    let parents: rusqlite::Result<BTreeSet<String>> = raw
        .prepare(PARENTS)?
        .query_map([&name], |row| row.get(0))?
        .collect();
    let mut table = Table {
        columns: columns.into_iter().map(|(name, _, _)| name).collect(),
        key: key.into_iter().map(|(_, key)| key).collect(),
        parents: parents?,
        seeds: 0,
        name,
    };
    let seeds: i64 = raw.query_row(&statements::count(&table), [], |row| row.get(0))?;
    table.seeds = u64::try_from(seeds).unwrap_or(0);
    Ok(table)
}

impl CopyEnd {
    /// `$1` → `?1`, once for each statement.
    fn native(&mut self, sql: String) -> String {
        let made = self.native.entry(sql);
        made.or_insert_with_key(|sql| dialect::statement(sql))
            .clone()
    }

    fn put_all(
        &mut self,
        table: &Table,
        rows: &[Vec<Cell>],
        step: &Step,
    ) -> rusqlite::Result<bool> {
        let insert = self.native(insert(table, 1));
        let transaction = self
            .raw
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        if !note(&transaction, &table.name, step)? {
            return Ok(false);
        }
        {
            let mut statement = transaction.prepare_cached(&insert)?;
            for row in rows {
                statement.execute(rusqlite::params_from_iter(row))?;
            }
        }
        transaction.commit()?;
        Ok(true)
    }
}

/// Brings the note further, if nobody else did.
fn note(transaction: &Connection, table: &str, step: &Step) -> rusqlite::Result<bool> {
    const FIRST: &str = "INSERT INTO db_copy_progress (name, last_key, copied) VALUES (?1, ?2, ?3) \
         ON CONFLICT (name) DO NOTHING";
    const NEXT: &str = "UPDATE db_copy_progress SET last_key = ?2, copied = ?3 \
         WHERE name = ?1 AND copied = ?4";
    let count = |rows: u64| i64::try_from(rows).unwrap_or(i64::MAX);
    let changed = if step.before == 0 {
        transaction.execute(FIRST, (table, &step.key, count(step.after)))?
    } else {
        transaction.execute(
            NEXT,
            (table, &step.key, count(step.after), count(step.before)),
        )?
    };
    Ok(changed == 1)
}

impl End for CopyEnd {
    fn tables(&mut self) -> Result<BTreeMap<String, Vec<String>>, StoreError> {
        let read = || -> rusqlite::Result<_> {
            let mut tables = BTreeMap::new();
            for name in table_names(&self.raw)? {
                let columns = columns(&self.raw, &name)?;
                let names = columns.into_iter().map(|(name, _, _)| name).collect();
                tables.insert(name, names);
            }
            Ok(tables)
        };
        read().map_err(|error| failed(&error))
    }

    fn snapshot(&mut self) -> Result<(), StoreError> {
        // A transaction has its snapshot from its first read on.
        self.raw
            .execute_batch("BEGIN; SELECT count(*) FROM schema_migrations;")
            .map_err(|error| failed(&error))
    }

    fn release(&mut self) -> Result<(), StoreError> {
        self.raw
            .execute_batch("COMMIT")
            .map_err(|error| failed(&error))
    }

    fn count(&mut self, table: &Table) -> Result<u64, StoreError> {
        let rows: i64 = self
            .raw
            .query_row(&statements::count(table), [], |row| row.get(0))
            .map_err(|error| failed(&error))?;
        Ok(u64::try_from(rows).unwrap_or(0))
    }

    fn page(
        &mut self,
        table: &Table,
        after: Option<&[Cell]>,
    ) -> Result<Vec<Vec<Cell>>, StoreError> {
        let sql = self.native(page(table, Engine::Sqlite, after.is_some()));
        let mut statement = self
            .raw
            .prepare_cached(&sql)
            .map_err(|error| failed(&error))?;
        let width = statement.column_count();
        let mut found = statement
            .query(rusqlite::params_from_iter(after.unwrap_or_default()))
            .map_err(|error| failed(&error))?;
        let (mut rows, mut bytes) = (Vec::new(), 0);
        while bytes < PAGE_BYTES
            && let Some(row) = found.next().map_err(|error| failed(&error))?
        {
            let cells = (0..width).map(|column| {
                let value = row.get_ref(column).map_err(|error| failed(&error))?;
                cell(value)
            });
            let cells = cells.collect::<Result<Vec<_>, _>>()?;
            bytes += cells.iter().map(Cell::size).sum::<usize>();
            rows.push(cells);
        }
        Ok(rows)
    }

    fn marker(&mut self) -> Result<Option<Marker>, StoreError> {
        const ALL: &str = "SELECT name, last_key, copied FROM db_copy_progress";
        let read = || -> rusqlite::Result<Option<Vec<_>>> {
            if !is_unfinished(&self.raw)? {
                return Ok(None);
            }
            let mut statement = self.raw.prepare(ALL)?;
            let rows =
                statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
            rows.collect::<rusqlite::Result<Vec<_>>>().map(Some)
        };
        let rows = read().map_err(|error| failed(&error))?;
        rows.map(Marker::from_rows).transpose()
    }

    fn begin(&mut self, source: &[u8], seeded: &[&Table]) -> Result<(), StoreError> {
        let write = |raw: &mut Connection| -> rusqlite::Result<()> {
            let transaction = raw.transaction_with_behavior(TransactionBehavior::Immediate)?;
            transaction.execute_batch(&dialect::schema(statements::CREATE_PROGRESS))?;
            transaction.execute(&dialect::statement(statements::INSERT_SOURCE), [source])?;
            for table in seeded {
                transaction.execute(&statements::delete(table), [])?;
            }
            transaction.commit()
        };
        write(&mut self.raw).map_err(|error| failed(&error))
    }

    fn put(&mut self, table: &Table, rows: &[Vec<Cell>], step: &Step) -> Result<bool, StoreError> {
        self.put_all(table, rows, step)
            .map_err(|error| failed(&error))
    }

    fn finish(&mut self) -> Result<(), StoreError> {
        self.raw
            .execute_batch(&format!(
                "DROP TABLE {PROGRESS_TABLE}; PRAGMA wal_checkpoint(TRUNCATE);"
            ))
            .map_err(|error| failed(&error))
    }
}
