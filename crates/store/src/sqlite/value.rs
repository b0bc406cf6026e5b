//! Values to and from SQLite; the table is in `crate::value`.

use rusqlite::ToSql;
use rusqlite::types::{ToSqlOutput, ValueRef};

use crate::error::StoreError;
use crate::value::{Param, Row, Value};

/// A parameter on its way into a statement; borrows, copies nothing.
pub(super) struct Bind<'a>(pub(super) &'a Param<'a>);

impl ToSql for Bind<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self.0 {
            Param::Null => ValueRef::Null,
            Param::Bool(value) => ValueRef::Integer(i64::from(*value)),
            Param::Int(value) => ValueRef::Integer(*value),
            Param::Text(value) => ValueRef::Text(value.as_bytes()),
            Param::Bytes(value) => ValueRef::Blob(value),
            Param::Uuid(value) => ValueRef::Blob(value.as_bytes()),
            Param::Time(value) => ValueRef::Integer(value.as_microsecond()),
        }))
    }
}

/// PostgreSQL cannot store a NUL in text, so neither do we.
pub(super) fn check(params: &[Param<'_>]) -> Result<(), StoreError> {
    let nul = |param: &Param<'_>| matches!(param, Param::Text(text) if text.contains('\0'));
    if params.iter().any(nul) {
        return Err(StoreError::Internal(
            "text with a NUL character cannot be stored".to_owned(),
        ));
    }
    Ok(())
}

/// A row as SQLite gives it.
pub(super) fn row(row: &rusqlite::Row<'_>, columns: usize) -> Result<Row, StoreError> {
    let mut values = Vec::with_capacity(columns);
    for column in 0..columns {
        let value = row
            .get_ref(column)
            .map_err(|error| StoreError::Decode(format!("column {column}: {error}")))?;
        values.push(match value {
            ValueRef::Null => Value::Null,
            ValueRef::Integer(value) => Value::Int(value),
            ValueRef::Text(value) => Value::Text(
                std::str::from_utf8(value)
                    .map_err(|_| StoreError::decode("text that is not UTF-8"))?
                    .to_owned(),
            ),
            ValueRef::Blob(value) => Value::Bytes(value.to_owned()),
            ValueRef::Real(_) => return Err(StoreError::decode("a floating-point number")),
        });
    }
    Ok(Row::new(values))
}
