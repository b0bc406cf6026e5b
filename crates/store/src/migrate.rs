//! The embedded migrations.

/// One migration: forward only, never edited after it has landed.
#[derive(Debug, Clone, Copy)]
pub struct Migration {
    /// Its number, from 1, without gaps.
    pub version: i64,
    /// Its name.
    pub name: &'static str,
    /// What both engines run, in PostgreSQL's type names.
    pub common: &'static str,
    /// What only SQLite runs, after it.
    pub sqlite: &'static str,
    /// What only PostgreSQL runs, after it.
    pub postgres: &'static str,
}

/// What is applied and what is missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MigrationStatus {
    /// The schema version of the database; 0 for an empty one.
    pub current: i64,
    /// The schema version this program brings.
    pub latest: i64,
    /// The versions applied by the call that gave this status.
    pub applied_now: Vec<i64>,
}

/// Every migration, in order.
pub const MIGRATIONS: &[Migration] = &[Migration {
    version: 1,
    name: "foundation",
    common: include_str!("../migrations/0001_foundation.sql"),
    sqlite: include_str!("../migrations/0001_foundation.sqlite.sql"),
    postgres: include_str!("../migrations/0001_foundation.postgres.sql"),
}];
