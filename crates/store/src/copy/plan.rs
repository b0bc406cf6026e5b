//! What is copied, and in which order: read from a scratch database that this program migrated.

use std::collections::{BTreeMap, BTreeSet};

use super::{CopyError, End, PROGRESS_TABLE};
use crate::error::StoreError;

/// Each database has its own.
const NOT_COPIED: &[&str] = &["schema_migrations", PROGRESS_TABLE];

/// A table.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    pub(crate) name: String,
    /// In the order of their names, so that the digest does not depend on the order of migrations.
    pub(crate) columns: Vec<String>,
    /// The primary key.
    pub(crate) key: Vec<Key>,
    /// The tables that must be there before it.
    pub(crate) parents: BTreeSet<String>,
    /// Rows that a new database has in it.
    pub(crate) seeds: u64,
}

/// A column of a primary key.
#[derive(Debug, Clone)]
pub(crate) struct Key {
    pub(crate) name: String,
    /// Whether its order depends on a collation.
    pub(crate) text: bool,
    /// Where it is among the columns.
    pub(crate) index: usize,
}

impl Table {
    /// The key of one of its rows.
    pub(crate) fn key_of(&self, row: &[super::Cell]) -> Vec<super::Cell> {
        self.key
            .iter()
            .filter_map(|key| row.get(key.index).cloned())
            .collect()
    }
}

/// The tables, parents before children.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) tables: Vec<Table>,
}

impl Plan {
    /// What this program's migrations make.
    pub(crate) fn of_this_program() -> Result<Self, StoreError> {
        let mut open: Vec<Table> = crate::sqlite::scratch_tables()?
            .into_iter()
            .filter(|table| !NOT_COPIED.contains(&table.name.as_str()))
            .collect();
        let mut tables: Vec<Table> = Vec::new();
        while !open.is_empty() {
            let ready = |table: &Table| {
                let mut parents = table.parents.iter();
                parents.all(|parent| {
                    *parent == table.name || tables.iter().any(|done| done.name == *parent)
                })
            };
            let (now, later): (Vec<_>, Vec<_>) = open.into_iter().partition(ready);
            if now.is_empty() {
                return Err(StoreError::Internal(
                    "tables refer to each other in a circle".into(),
                ));
            }
            tables.extend(now);
            open = later;
        }
        Ok(Self { tables })
    }

    /// Makes sure that an end has these tables with these columns; gives the names of others.
    pub(crate) fn fits(&self, end: &mut dyn End, which: &str) -> Result<Vec<String>, CopyError> {
        let mut found: BTreeMap<String, Vec<String>> = end.tables()?;
        for table in &self.tables {
            let mut columns = found.remove(&table.name).unwrap_or_default();
            columns.sort();
            if columns != table.columns {
                return Err(CopyError::Refused(format!(
                    "the table {} of the {which} is not as this program's migrations make it: \
                     somebody changed the schema by hand",
                    table.name
                )));
            }
        }
        found.retain(|name, _| !NOT_COPIED.contains(&name.as_str()));
        Ok(found.into_keys().collect())
    }
}
