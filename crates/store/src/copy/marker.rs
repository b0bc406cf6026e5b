//! The note in the target of how far a copy has come. While it is there, nothing but the copy may
//! use the database.

use std::collections::BTreeMap;

use super::cell::{Cell, decoded};
use crate::error::StoreError;

/// Where it is kept. No migration makes it: it is there only while a copy is unfinished.
pub(crate) const PROGRESS_TABLE: &str = "db_copy_progress";

/// The row that names the source, beside one for each table begun.
pub(crate) const SOURCE_ROW: &str = "";

/// What a program that is not the copy says of such a database.
pub(crate) const IN_THE_WAY: &str = "this database is the target of an unfinished `doorward db \
     copy`: run the same command again to finish it, or empty the database";

/// What is in it.
#[derive(Debug, Default)]
pub(crate) struct Marker {
    /// Which source it is a copy of.
    pub(crate) source: Vec<u8>,
    /// How far each table has come.
    pub(crate) tables: BTreeMap<String, Reached>,
}

/// How far a table has come.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reached {
    /// The last key that was written.
    pub(crate) key: Option<Vec<Cell>>,
    /// Rows written.
    pub(crate) rows: u64,
}

/// What a page of rows changes in it.
#[derive(Debug)]
pub(crate) struct Step {
    /// Rows written before it.
    pub(crate) before: u64,
    /// Rows written with it.
    pub(crate) after: u64,
    /// The last key of it, encoded.
    pub(crate) key: Vec<u8>,
}

impl Marker {
    /// From the rows of the table: name, key, rows.
    ///
    /// # Errors
    /// [`StoreError::Decode`] when somebody else wrote them.
    pub(crate) fn from_rows(
        rows: impl IntoIterator<Item = (String, Vec<u8>, i64)>,
    ) -> Result<Self, StoreError> {
        let mut marker = Self::default();
        for (name, key, count) in rows {
            if name == SOURCE_ROW {
                marker.source = key;
                continue;
            }
            let key = decoded(&key).ok_or_else(|| StoreError::decode("the progress of a copy"))?;
            let reached = Reached {
                key: Some(key).filter(|key| !key.is_empty()),
                rows: u64::try_from(count).unwrap_or(0),
            };
            marker.tables.insert(name, reached);
        }
        Ok(marker)
    }
}
