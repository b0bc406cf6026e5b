//! Many rows into the embedded engine.

use std::path::Path;

use rusqlite::{Connection, params_from_iter, types::Value};

use super::rows::Measured;
use super::{Cell, Sink};
use crate::Result;

/// A file that nobody else has open.
pub(super) struct Sqlite(Connection);

fn told(error: &rusqlite::Error) -> String {
    format!("filling SQLite: {error}")
}

fn value(cell: Cell) -> Value {
    match cell {
        Cell::Uuid(id) => Value::Blob(id.to_be_bytes().to_vec()),
        Cell::Text(text) => Value::Text(text),
        Cell::Time(number) | Cell::Int(number) => Value::Integer(number),
        Cell::Bytes(bytes) => Value::Blob(bytes.to_vec()),
        Cell::Bool(yes) => Value::Integer(i64::from(yes)),
    }
}

impl Sqlite {
    pub(super) fn open(path: &Path) -> Result<Self> {
        let connection = Connection::open(path).map_err(|error| told(&error))?;
        connection
            .execute_batch(
                "PRAGMA synchronous = OFF; PRAGMA cache_size = -400000; PRAGMA foreign_keys = OFF; \
                 PRAGMA wal_autocheckpoint = 20000",
            )
            .map_err(|error| told(&error))?;
        Ok(Self(connection))
    }
}

impl Sink for Sqlite {
    fn table(
        &mut self,
        name: &str,
        columns: &[&str],
        rows: &mut dyn Iterator<Item = Vec<Cell>>,
    ) -> Result {
        let places = vec!["?"; columns.len()].join(", ");
        let sql = format!(
            "INSERT INTO {name} ({}) VALUES ({places})",
            columns.join(", ")
        );
        let mut rows = rows.peekable();
        while rows.peek().is_some() {
            let transaction = self.0.transaction().map_err(|error| told(&error))?;
            {
                let mut insert = transaction.prepare(&sql).map_err(|error| told(&error))?;
                for row in rows.by_ref().take(100_000) {
                    insert
                        .execute(params_from_iter(row.into_iter().map(value)))
                        .map_err(|error| told(&error))?;
                }
            }
            transaction.commit().map_err(|error| told(&error))?;
        }
        Ok(())
    }

    fn measured_app(&mut self) -> Result<Measured> {
        self.0
            .query_row(
                "SELECT id, settings, session_epoch FROM apps WHERE slug = 'bench'",
                [],
                |row| {
                    Ok(Measured {
                        id: u128::from_be_bytes(row.get(0)?),
                        settings: row.get(1)?,
                        epoch: row.get(2)?,
                    })
                },
            )
            .map_err(|error| told(&error))
    }

    fn finish(&mut self) -> Result {
        self.0
            .execute_batch("PRAGMA wal_checkpoint(TRUNCATE)")
            .map_err(|error| told(&error))
    }
}
