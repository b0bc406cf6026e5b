//! Values to and from PostgreSQL's binary format; the table is in `crate::value`.

use std::error::Error;
use std::fmt;

use bytes::{BufMut as _, BytesMut};
use jiff::Timestamp;
use tokio_postgres::Statement;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};
use uuid::Uuid;

use crate::error::StoreError;
use crate::value::{Param, Row, Value, time_from_micros};

/// Microseconds from 1970 to PostgreSQL's 2000-01-01.
pub(super) const EPOCH_2000: i64 = 946_684_800_000_000;

/// The longest text or byte string; far from the limits of the protocol.
const LONGEST: usize = 64 << 20;

/// A parameter on its way out. Prints nothing, because tokio-postgres logs parameters.
#[derive(Clone, Copy)]
pub(super) struct Bind<'a>(pub(super) Param<'a>);

impl fmt::Debug for Bind<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

pub(super) type BoxError = Box<dyn Error + Sync + Send>;

impl ToSql for Bind<'_> {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, BoxError> {
        match self.0 {
            Param::Null => return Ok(IsNull::Yes),
            Param::Bool(value) => out.put_u8(u8::from(value)),
            Param::Int(value) if *ty == Type::INT8 => out.put_i64(value),
            Param::Int(value) if *ty == Type::INT4 => out.put_i32(i32::try_from(value)?),
            Param::Int(value) => out.put_i16(i16::try_from(value)?),
            Param::Text(value) => out.put_slice(value.as_bytes()),
            Param::Bytes(value) => out.put_slice(value),
            Param::Uuid(value) => out.put_slice(value.as_bytes()),
            Param::Time(value) => out.put_i64(since_2000(value)),
        }
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        // `check` has looked at the value as well as at its type.
        true
    }

    to_sql_checked!();
}

fn since_2000(at: Timestamp) -> i64 {
    // Timestamps reach from -9999 to 9999: no overflow.
    at.as_microsecond().saturating_sub(EPOCH_2000)
}

pub(super) fn is_text(ty: &Type) -> bool {
    [Type::TEXT, Type::VARCHAR, Type::BPCHAR, Type::NAME].contains(ty)
}

fn fits(param: &Param<'_>, ty: &Type) -> bool {
    match param {
        Param::Null => true,
        Param::Bool(_) => *ty == Type::BOOL,
        Param::Int(value) => {
            *ty == Type::INT8
                || (*ty == Type::INT4 && i32::try_from(*value).is_ok())
                || (*ty == Type::INT2 && i16::try_from(*value).is_ok())
        }
        Param::Text(text) => is_text(ty) && text.len() <= LONGEST && !text.contains('\0'),
        Param::Bytes(bytes) => *ty == Type::BYTEA && bytes.len() <= LONGEST,
        Param::Uuid(_) => *ty == Type::UUID,
        Param::Time(_) => *ty == Type::TIMESTAMPTZ,
    }
}

/// Makes sure that sending cannot fail: a statement that is missing from the middle of a pipeline
/// would let the commit behind it through.
pub(super) fn check(
    sql: &str,
    statement: &Statement,
    params: &[Param<'_>],
) -> Result<(), StoreError> {
    let types = statement.params();
    if types.len() != params.len() {
        return Err(StoreError::Internal(format!(
            "{} parameters given, {} wanted: {sql}",
            params.len(),
            types.len()
        )));
    }
    match params
        .iter()
        .zip(types)
        .position(|(param, ty)| !fits(param, ty))
    {
        None => Ok(()),
        Some(index) => Err(StoreError::Internal(format!(
            "parameter {} does not fit its type: {sql}",
            index + 1
        ))),
    }
}

impl<'a> FromSql<'a> for Value {
    fn from_sql(ty: &Type, raw: &'a [u8]) -> Result<Self, BoxError> {
        Ok(match ty {
            ty if *ty == Type::INT8 => Self::Int(i64::from_be_bytes(raw.try_into()?)),
            ty if is_text(ty) => Self::Text(std::str::from_utf8(raw)?.to_owned()),
            ty if *ty == Type::BYTEA => Self::Bytes(raw.to_owned()),
            ty if *ty == Type::UUID => Self::Uuid(Uuid::from_slice(raw)?),
            ty if *ty == Type::TIMESTAMPTZ => {
                let micros = i64::from_be_bytes(raw.try_into()?).checked_add(EPOCH_2000);
                Self::Time(
                    micros
                        .and_then(time_from_micros)
                        .ok_or("a time out of range")?,
                )
            }
            ty if *ty == Type::BOOL => Self::Bool(raw != [0]),
            ty if *ty == Type::INT4 => Self::Int(i32::from_be_bytes(raw.try_into()?).into()),
            ty if *ty == Type::INT2 => Self::Int(i16::from_be_bytes(raw.try_into()?).into()),
            other => return Err(format!("columns of type {other} need a CAST").into()),
        })
    }

    fn from_sql_null(_: &Type) -> Result<Self, BoxError> {
        Ok(Self::Null)
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

/// A row as PostgreSQL gives it.
pub(super) fn row(row: &tokio_postgres::Row) -> Result<Row, StoreError> {
    (0..row.len())
        .map(|column| {
            row.try_get::<_, Value>(column).map_err(|error| {
                let why = error
                    .source()
                    .map_or_else(|| error.to_string(), ToString::to_string);
                StoreError::Decode(format!("column {column}: {why}"))
            })
        })
        .collect::<Result<Vec<_>, _>>()
        .map(Row::new)
}
