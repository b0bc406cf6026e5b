//! Typed parameters and columns: the few types that both engines store exactly.
//!
//! | here | SQLite (STRICT) | PostgreSQL |
//! |---|---|---|
//! | `Bool` | INTEGER 0/1 | boolean |
//! | `Int` | INTEGER | bigint |
//! | `Text` | TEXT | text |
//! | `Bytes` | BLOB | bytea |
//! | `Uuid` | BLOB, 16 bytes | uuid |
//! | `Time` | INTEGER, microseconds since 1970 | timestamptz |

use jiff::Timestamp;
use uuid::Uuid;

use crate::error::StoreError;

/// A parameter of a statement.
#[derive(Debug, Clone, Copy)]
pub enum Param<'a> {
    /// SQL NULL.
    Null,
    /// A truth value.
    Bool(bool),
    /// A 64-bit integer.
    Int(i64),
    /// Text.
    Text(&'a str),
    /// Bytes.
    Bytes(&'a [u8]),
    /// A UUID.
    Uuid(Uuid),
    /// A point in time.
    Time(Timestamp),
}

/// A column of a row, or an owned parameter.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// SQL NULL.
    Null,
    /// A truth value (PostgreSQL only; SQLite gives `Int`).
    Bool(bool),
    /// A 64-bit integer.
    Int(i64),
    /// Text.
    Text(String),
    /// Bytes (on SQLite also a UUID).
    Bytes(Vec<u8>),
    /// A UUID (PostgreSQL only).
    Uuid(Uuid),
    /// A point in time (PostgreSQL only; SQLite gives `Int`).
    Time(Timestamp),
}

impl Param<'_> {
    /// An owned copy, for a statement that is sent later.
    #[must_use]
    pub fn to_value(self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Bool(v) => Value::Bool(v),
            Self::Int(v) => Value::Int(v),
            Self::Text(v) => Value::Text(v.to_owned()),
            Self::Bytes(v) => Value::Bytes(v.to_owned()),
            Self::Uuid(v) => Value::Uuid(v),
            Self::Time(v) => Value::Time(v),
        }
    }
}

impl Value {
    /// As a parameter.
    #[must_use]
    pub fn as_param(&self) -> Param<'_> {
        match self {
            Self::Null => Param::Null,
            Self::Bool(v) => Param::Bool(*v),
            Self::Int(v) => Param::Int(*v),
            Self::Text(v) => Param::Text(v),
            Self::Bytes(v) => Param::Bytes(v),
            Self::Uuid(v) => Param::Uuid(*v),
            Self::Time(v) => Param::Time(*v),
        }
    }
}

macro_rules! param_from {
    ($($from:ty => $variant:ident;)*) => {$(
        impl<'a> From<$from> for Param<'a> {
            fn from(value: $from) -> Self {
                Self::$variant(value.into())
            }
        }
    )*};
}

param_from! {
    bool => Bool;
    i64 => Int;
    u32 => Int;
    &'a str => Text;
    &'a [u8] => Bytes;
    Uuid => Uuid;
    Timestamp => Time;
}

impl<'a> From<&'a String> for Param<'a> {
    fn from(value: &'a String) -> Self {
        Self::Text(value)
    }
}

impl<'a> From<&'a Vec<u8>> for Param<'a> {
    fn from(value: &'a Vec<u8>) -> Self {
        Self::Bytes(value)
    }
}

impl<'a, const N: usize> From<&'a [u8; N]> for Param<'a> {
    fn from(value: &'a [u8; N]) -> Self {
        Self::Bytes(value)
    }
}

impl<'a, T: Into<Param<'a>>> From<Option<T>> for Param<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

macro_rules! param_from_ids {
    ($($id:ident)*) => {$(
        impl<'a> From<doorward_domain::$id> for Param<'a> {
            fn from(id: doorward_domain::$id) -> Self {
                Self::Uuid(id.as_uuid())
            }
        }

        impl FromColumn for doorward_domain::$id {
            fn from_column(value: Value) -> Result<Self, StoreError> {
                Uuid::from_column(value).map(Self::from_uuid)
            }
        }
    )*};
}

param_from_ids! {
    AppId UserId SessionId TenantId OtpRequestId OneTimeSecretId OutboxId EventId AdminKeyId
    RevocationId LicenseId ActivationId
    RequestId NodeId
}

/// The time so many microseconds after 1970.
///
/// Not `Timestamp::from_microsecond`, which refuses the last second of the calendar, and with it
/// `Timestamp::MAX`, where sums of times saturate.
pub(crate) fn time_from_micros(micros: i64) -> Option<Timestamp> {
    let nanos = i32::try_from(micros.rem_euclid(1_000_000))
        .ok()?
        .checked_mul(1_000)?;
    Timestamp::new(micros.div_euclid(1_000_000), nanos).ok()
}

/// A type that a column can be read as.
pub trait FromColumn: Sized {
    /// Reads it.
    ///
    /// # Errors
    /// [`StoreError::Decode`] when the column holds something else.
    fn from_column(value: Value) -> Result<Self, StoreError>;
}

fn mismatch<T>(wanted: &str, got: &Value) -> Result<T, StoreError> {
    let kind = match got {
        Value::Null => "NULL",
        Value::Bool(_) => "a boolean",
        Value::Int(_) => "an integer",
        Value::Text(_) => "text",
        Value::Bytes(_) => "bytes",
        Value::Uuid(_) => "a UUID",
        Value::Time(_) => "a time",
    };
    Err(StoreError::Decode(format!(
        "expected {wanted}, found {kind}"
    )))
}

impl FromColumn for bool {
    fn from_column(value: Value) -> Result<Self, StoreError> {
        match value {
            Value::Bool(v) => Ok(v),
            Value::Int(0) => Ok(false),
            Value::Int(1) => Ok(true),
            other => mismatch("a boolean", &other),
        }
    }
}

impl FromColumn for i64 {
    fn from_column(value: Value) -> Result<Self, StoreError> {
        match value {
            Value::Int(v) => Ok(v),
            other => mismatch("an integer", &other),
        }
    }
}

impl FromColumn for u32 {
    fn from_column(value: Value) -> Result<Self, StoreError> {
        i64::from_column(value)?
            .try_into()
            .map_err(|_| StoreError::decode("an integer out of range"))
    }
}

impl FromColumn for String {
    fn from_column(value: Value) -> Result<Self, StoreError> {
        match value {
            Value::Text(v) => Ok(v),
            other => mismatch("text", &other),
        }
    }
}

impl FromColumn for Vec<u8> {
    fn from_column(value: Value) -> Result<Self, StoreError> {
        match value {
            Value::Bytes(v) => Ok(v),
            other => mismatch("bytes", &other),
        }
    }
}

impl<const N: usize> FromColumn for [u8; N] {
    fn from_column(value: Value) -> Result<Self, StoreError> {
        Vec::<u8>::from_column(value)?
            .try_into()
            .map_err(|v: Vec<u8>| StoreError::Decode(format!("{} bytes, expected {N}", v.len())))
    }
}

impl FromColumn for Uuid {
    fn from_column(value: Value) -> Result<Self, StoreError> {
        match value {
            Value::Uuid(v) => Ok(v),
            Value::Bytes(v) => {
                Self::from_slice(&v).map_err(|_| StoreError::decode("bytes that are no UUID"))
            }
            other => mismatch("a UUID", &other),
        }
    }
}

impl FromColumn for Timestamp {
    fn from_column(value: Value) -> Result<Self, StoreError> {
        match value {
            Value::Time(v) => Ok(v),
            Value::Int(v) => {
                time_from_micros(v).ok_or_else(|| StoreError::decode("a time out of range"))
            }
            other => mismatch("a time", &other),
        }
    }
}

impl<T: FromColumn> FromColumn for Option<T> {
    fn from_column(value: Value) -> Result<Self, StoreError> {
        match value {
            Value::Null => Ok(None),
            other => T::from_column(other).map(Some),
        }
    }
}

/// A row: its columns in the order of the statement, taken from left to right.
#[derive(Debug)]
pub struct Row(std::vec::IntoIter<Value>);

impl Row {
    /// From the columns of a statement.
    #[must_use]
    pub fn new(columns: Vec<Value>) -> Self {
        Self(columns.into_iter())
    }

    /// The next column.
    ///
    /// # Errors
    /// [`StoreError::Decode`] when there is none, or it holds something else.
    pub fn take<T: FromColumn>(&mut self) -> Result<T, StoreError> {
        T::from_column(
            self.0
                .next()
                .ok_or_else(|| StoreError::decode("a column too few"))?,
        )
    }
}
