//! The embedded migrations, and the rules by which a program and a database fit each other.
//!
//! Migrations go forward only and follow expand/contract: a change that the program before cannot
//! live with is made in two releases, so that version N and N−1 run side by side during a rolling
//! upgrade. A migration therefore records the oldest schema version whose program can still use the
//! database (`compatible_from`), and an older program accepts a newer database that says it may.

use std::fmt::Write as _;

use aws_lc_rs::digest;

use crate::error::StoreError;
use crate::port::Engine;

/// One migration: forward only, never edited after it has landed.
#[derive(Debug, Clone, Copy)]
pub struct Migration {
    /// Its number, from 1, without gaps.
    pub version: i64,
    /// Its name.
    pub name: &'static str,
    /// The oldest version whose program can use the database after this migration: usually
    /// `version - 1` (expand), `version` when something was taken away (contract).
    pub compatible_from: i64,
    /// The tables that were there before and that it changes, indexes, or refers to: PostgreSQL's
    /// runner locks them before anything else. In the order in which most requests write them.
    pub locks: &'static [&'static str],
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
pub const MIGRATIONS: &[Migration] = &[
    Migration {
        version: 1,
        name: "foundation",
        compatible_from: 1,
        locks: &[],
        common: include_str!("../migrations/0001_foundation.sql"),
        sqlite: include_str!("../migrations/0001_foundation.sqlite.sql"),
        postgres: include_str!("../migrations/0001_foundation.postgres.sql"),
    },
    Migration {
        version: 2,
        name: "organizations_licenses",
        compatible_from: 1,
        locks: &["otp_requests", "users", "apps"],
        common: include_str!("../migrations/0002_organizations_licenses.sql"),
        sqlite: include_str!("../migrations/0002_organizations_licenses.sqlite.sql"),
        postgres: include_str!("../migrations/0002_organizations_licenses.postgres.sql"),
    },
    Migration {
        version: 3,
        name: "operations",
        compatible_from: 2,
        locks: &[
            "otp_requests",
            "one_time_secrets",
            "users",
            "sessions",
            "apps",
            "licenses",
            "outbox",
            "audit_events",
        ],
        common: include_str!("../migrations/0003_operations.sql"),
        sqlite: include_str!("../migrations/0003_operations.sqlite.sql"),
        postgres: include_str!("../migrations/0003_operations.postgres.sql"),
    },
    Migration {
        version: 4,
        name: "growth",
        compatible_from: 3,
        locks: &[
            "signing_keys",
            "app_stats",
            "sms_usage",
            "sms_alarms",
            "outbox",
            "audit_events",
        ],
        common: include_str!("../migrations/0004_growth.sql"),
        sqlite: include_str!("../migrations/0004_growth.sqlite.sql"),
        postgres: include_str!("../migrations/0004_growth.postgres.sql"),
    },
    Migration {
        version: 5,
        name: "alarm_destinations",
        compatible_from: 4,
        locks: &["sms_alarms"],
        common: include_str!("../migrations/0005_alarm_destinations.sql"),
        sqlite: include_str!("../migrations/0005_alarm_destinations.sqlite.sql"),
        postgres: include_str!("../migrations/0005_alarm_destinations.postgres.sql"),
    },
];

/// The table of applied migrations. Its row 0 stands for the empty database, and is the lock that
/// PostgreSQL's runners take (see `postgres::migrate`).
pub(crate) const CREATE_TABLE: &str = "CREATE TABLE IF NOT EXISTS schema_migrations (
    version          BIGINT      NOT NULL PRIMARY KEY,
    name             TEXT        NOT NULL,
    checksum         TEXT        NOT NULL,
    compatible_from  BIGINT      NOT NULL,
    applied_at       TIMESTAMPTZ NOT NULL
);";

/// Reads the table, in order, in the columns of [`Applied`].
pub(crate) const SELECT_APPLIED: &str =
    "SELECT version, name, checksum, compatible_from FROM schema_migrations ORDER BY version";

impl Migration {
    /// What one engine runs.
    pub(crate) const fn own(&self, engine: Engine) -> &'static str {
        match engine {
            Engine::Sqlite => self.sqlite,
            Engine::Postgres => self.postgres,
        }
    }

    /// SHA-256 of what one engine runs, in hexadecimal. A checkout with CR LF gives the same.
    pub(crate) fn checksum(&self, engine: Engine) -> String {
        let mut context = digest::Context::new(&digest::SHA256);
        for text in [self.common, self.own(engine)] {
            for line in text.lines() {
                context.update(line.as_bytes());
                context.update(b"\n");
            }
            context.update(b"\0");
        }
        context
            .finish()
            .as_ref()
            .iter()
            .fold(String::new(), |mut hex, byte| {
                // Writing to a string cannot fail.
                let _ = write!(hex, "{byte:02x}");
                hex
            })
    }
}

/// A row of `schema_migrations`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Applied {
    pub(crate) version: i64,
    pub(crate) name: String,
    pub(crate) checksum: String,
    pub(crate) compatible_from: i64,
}

/// How a database stands to a list of migrations.
#[derive(Debug, Clone)]
pub(crate) struct Standing<'m> {
    /// The version of the database.
    pub(crate) current: i64,
    /// The version of the program.
    pub(crate) latest: i64,
    /// What comes next, if something is missing.
    pub(crate) next: Option<&'m Migration>,
}

impl Standing<'_> {
    /// As the caller wants to see it.
    pub(crate) fn status(&self, applied_now: Vec<i64>) -> MigrationStatus {
        MigrationStatus {
            current: self.current,
            latest: self.latest,
            applied_now,
        }
    }
}

/// Compares what is applied with what the program knows.
///
/// # Errors
/// [`StoreError::Schema`] when the two do not fit.
pub(crate) fn compare<'m>(
    known: &'m [Migration],
    applied: &[Applied],
    engine: Engine,
) -> Result<Standing<'m>, StoreError> {
    let latest = known.last().map_or(0, |migration| migration.version);
    let applied: Vec<&Applied> = applied.iter().filter(|row| row.version != 0).collect();
    for (row, version) in applied.iter().zip(1..) {
        if row.version != version {
            return Err(StoreError::Schema(format!(
                "the database lacks migration {version} but has {}: schema_migrations was changed \
                 by hand; restore the database from a backup",
                row.version
            )));
        }
        let Some(migration) = known
            .iter()
            .find(|migration| migration.version == row.version)
        else {
            continue;
        };
        if migration.checksum(engine) != row.checksum {
            return Err(StoreError::Schema(format!(
                "migration {} ({}) in the database differs from the one in this program: run the \
                 program version that applied it, or restore the database from a backup; \
                 migrations are never edited after a release",
                row.version, row.name
            )));
        }
    }
    let current = applied.last().map_or(0, |row| row.version);
    if let Some(newest) = applied.last().filter(|row| row.version > latest)
        && newest.compatible_from > latest
    {
        return Err(StoreError::Schema(format!(
            "the database is at schema version {current} and needs a program that knows at least \
             version {}; this program knows {latest}: upgrade the program",
            newest.compatible_from
        )));
    }
    let next = known
        .iter()
        .find(|migration| migration.version == current.saturating_add(1));
    Ok(Standing {
        current,
        latest,
        next,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

    const fn migration(version: i64, common: &'static str) -> Migration {
        Migration {
            version,
            name: "m",
            compatible_from: version,
            locks: &[],
            common,
            sqlite: "own",
            postgres: "other",
        }
    }

    const KNOWN: &[Migration] = &[migration(1, "one"), migration(2, "two")];

    fn applied(migration: &Migration) -> Applied {
        Applied {
            version: migration.version,
            name: migration.name.to_owned(),
            checksum: migration.checksum(Engine::Sqlite),
            compatible_from: migration.compatible_from,
        }
    }

    fn newer(compatible_from: i64) -> Applied {
        Applied {
            version: 3,
            name: "later".into(),
            checksum: "?".into(),
            compatible_from,
        }
    }

    fn stand(applied: &[Applied]) -> Result<(i64, Option<i64>), String> {
        compare(KNOWN, applied, Engine::Sqlite)
            .map(|standing| (standing.current, standing.next.map(|next| next.version)))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn goes_from_empty_to_complete() {
        let [one, two] = KNOWN else { unreachable!() };
        assert_eq!(stand(&[]), Ok((0, Some(1))));
        assert_eq!(stand(&[applied(one)]), Ok((1, Some(2))));
        assert_eq!(stand(&[applied(one), applied(two)]), Ok((2, None)));
    }

    #[test]
    fn an_edited_migration_is_refused() {
        let [one, _] = KNOWN else { unreachable!() };
        let mut row = applied(one);
        row.checksum = migration(1, "edited").checksum(Engine::Sqlite);
        assert!(stand(&[row]).unwrap_err().contains("differs"));
    }

    #[test]
    fn a_gap_is_refused() {
        let [_, two] = KNOWN else { unreachable!() };
        assert!(
            stand(&[applied(two)])
                .unwrap_err()
                .contains("lacks migration 1")
        );
    }

    #[test]
    fn a_newer_database_decides_whether_it_is_usable() {
        let [one, two] = KNOWN else { unreachable!() };
        assert_eq!(
            stand(&[applied(one), applied(two), newer(2)]),
            Ok((3, None))
        );
        let refusal = stand(&[applied(one), applied(two), newer(3)]).unwrap_err();
        assert!(refusal.contains("upgrade the program"), "{refusal}");
    }

    #[test]
    fn the_checksum_depends_on_every_part_but_not_on_line_ends() {
        let [one, _] = KNOWN else { unreachable!() };
        assert_ne!(one.checksum(Engine::Sqlite), one.checksum(Engine::Postgres));
        let moved = Migration {
            common: "on",
            sqlite: "eown",
            ..*one
        };
        assert_ne!(one.checksum(Engine::Sqlite), moved.checksum(Engine::Sqlite));
        let unix = migration(1, "a\nb\n").checksum(Engine::Sqlite);
        assert_eq!(unix, migration(1, "a\r\nb\r\n").checksum(Engine::Sqlite));
    }

    #[test]
    fn the_embedded_ones_are_numbered_without_gaps() {
        for (migration, version) in MIGRATIONS.iter().zip(1..) {
            assert_eq!(migration.version, version);
            assert!(
                (1..=version).contains(&migration.compatible_from),
                "{}",
                migration.name
            );
        }
    }

    /// The tables of one migration's statements that it did not make itself. Indexes are noted with
    /// their tables.
    fn touched(sql: &str, indexes: &mut BTreeMap<String, String>) -> BTreeSet<String> {
        let name = |word: &str| word.split('(').next().unwrap_or_default().to_owned();
        let lines = sql
            .lines()
            .filter(|line| !line.trim_start().starts_with("--"));
        let text = lines.collect::<Vec<_>>().join(" ");
        let (mut touched, mut made) = (BTreeSet::new(), BTreeSet::new());
        for statement in text.split(';') {
            let words: Vec<&str> = statement.split_whitespace().collect();
            match words.as_slice() {
                ["CREATE", "TABLE", table, rest @ ..] => {
                    made.insert(name(table));
                    let referred = rest.windows(2).filter(|pair| pair[0] == "REFERENCES");
                    touched.extend(referred.map(|pair| name(pair[1])));
                }
                ["CREATE", "INDEX", index, "ON", table, ..]
                | ["CREATE", "UNIQUE", "INDEX", index, "ON", table, ..] => {
                    indexes.insert(name(index), name(table));
                    touched.insert(name(table));
                }
                ["DROP", "INDEX", index] => {
                    touched.insert(indexes[*index].clone());
                }
                ["ALTER", "TABLE", table, ..]
                | ["DROP", "TABLE", table]
                | ["UPDATE", table, ..]
                | ["INSERT" | "DELETE", "INTO" | "FROM", table, ..] => {
                    touched.insert(name(table));
                }
                ["CREATE", "TRIGGER", rest @ ..] => {
                    let on = rest.windows(2).filter(|pair| pair[0] == "ON");
                    touched.extend(on.map(|pair| name(pair[1])));
                }
                ["CREATE", "FUNCTION", ..] | ["END", ..] | [] => {}
                other => panic!("a statement of a new kind: {other:?}"),
            }
        }
        &touched - &made
    }

    /// What is not named is locked as its statement comes, and holds up what was locked before.
    #[test]
    fn the_embedded_ones_lock_every_table_that_they_touch() {
        let mut indexes = BTreeMap::new();
        for migration in MIGRATIONS {
            let sql = format!("{};\n{}", migration.common, migration.postgres);
            let touched = touched(&sql, &mut indexes);
            // Nothing is there before the first one.
            if migration.version > 1 {
                let named = migration.locks.iter().map(|table| (*table).to_owned());
                assert_eq!(
                    named.collect::<BTreeSet<_>>(),
                    touched,
                    "{}",
                    migration.name
                );
            }
        }
    }
}
