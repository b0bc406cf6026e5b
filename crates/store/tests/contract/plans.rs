//! That no statement reads more than it has to: each one finds its rows through an index, by more
//! than the app alone, or walks an index in the order it needs and stops at a limit.
//!
//! The plans are those of an empty database. SQLite, without statistics, plans by the indexes
//! alone, so both rules hold there. PostgreSQL is told to scan only where it knows no other way;
//! among indexes of empty tables its choice means nothing. What a filter behind an index and a limit
//! costs, only data can show: `cargo xtask scale` measures the lists.

use std::collections::{BTreeMap, BTreeSet};

use doorward_store::Engine;
use doorward_testkit::database::TestDatabase;

use crate::sources::{self, files};
use crate::support::{Raw, Step};

on_both_engines_by_name!(every_statement_finds_its_rows_by_an_index);

/// Tables whose size an operator decides by hand, and that no request reads whole.
const SMALL: [&str; 8] = [
    "admin_keys",
    "app_roles",
    "delivery_settings",
    "jobs",
    "license_signing_keys",
    "message_templates",
    "platform_state",
    "signing_keys",
];

/// Statements that may read more, by how they begin, and why.
const EXCUSED: &[(&str, &str)] = &[
    (
        "UPDATE apps SET session_epoch = session_epoch + 1, version = version + 1, updated_at = $1",
        "after a restore every app is meant; no request does it",
    ),
    (
        "SELECT COUNT(*), MIN(not_before) FROM (SELECT not_before FROM outbox",
        "health counts what waits, up to a bound; what is done is not in that index",
    ),
    (
        "SELECT id, kind, subject_id, issued_until, recorded_at, expires_at FROM revocations",
        "a feed holds all that it reads, and they live no longer than a token",
    ),
    (
        "SELECT id, slug, name, status, version, session_epoch, secret_hash, previous_secret_hash, \
         previous_secret_until, secret_rotated_at, settings, created_at, updated_at FROM apps \
         WHERE id = (SELECT id FROM (SELECT id, 1 AS place",
        "sorts two rows: the app, and the one that stands in for an unknown app",
    ),
];

/// How often a statement compares pairs, and how often its plan narrows an index down by one. A bound
/// that is judged row by row instead would make each page read what lies before it.
fn pairs(sql: &str, steps: &[Step]) -> (usize, usize) {
    let operators = [") > ($", ") < ($", ") >= ($", ") <= ($"];
    let compared = operators
        .iter()
        .map(|operator| sql.matches(operator).count());
    let columns = steps.iter().flat_map(|step| &step.columns);
    (
        compared.sum(),
        columns.filter(|column| column.contains(',')).count(),
    )
}

/// Why a step reads more than it should.
fn problem(sql: &str, steps: &[Step], step: &Step, by_indexes_alone: bool) -> Option<String> {
    if SMALL.contains(&step.table.as_str()) {
        return None;
    }
    let bounded = sql.contains(" LIMIT ") && !steps.iter().any(|step| step.sorts);
    let narrowing = step
        .columns
        .iter()
        .filter(|column| column.as_str() != "app_id")
        .count();
    match &step.index {
        None if step.table.is_empty() => None,
        None => Some(format!("scans {}", step.table)),
        Some(_) if narrowing > 0 || bounded || !by_indexes_alone => None,
        Some(index) => Some(format!("walks {index} of {}", step.table)),
    }
}

async fn every_statement_finds_its_rows_by_an_index(db: TestDatabase) {
    let raw = Raw::open(&db).await;
    let by_indexes_alone = db.engine() == Engine::Sqlite;
    let mut problems: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut unused: BTreeSet<&str> = EXCUSED.iter().map(|(start, _)| *start).collect();
    let statements: BTreeSet<_> = ["src/app", "src/platform"]
        .into_iter()
        .flat_map(files)
        .flat_map(|file| sources::statements(&file.text))
        .collect();
    for sql in &statements {
        let steps = raw.plan(sql).await;
        let found: Vec<_> = steps
            .iter()
            .filter_map(|step| problem(sql, &steps, step, by_indexes_alone))
            .collect();
        let (compared, narrowing) = pairs(sql, &steps);
        if by_indexes_alone && narrowing < compared {
            let problem = format!("compares {compared} pairs, {narrowing} of them by an index");
            problems.entry(sql.clone()).or_default().push(problem);
        }
        let excuse = EXCUSED.iter().find(|(start, _)| sql.starts_with(start));
        match excuse {
            Some((start, _)) => {
                unused.remove(start);
            }
            None if found.is_empty() => {}
            None => problems.entry(sql.clone()).or_default().extend(found),
        }
    }
    assert!(problems.is_empty(), "{problems:#?}");
    assert!(unused.is_empty(), "no longer there: {unused:?}");
}

#[test]
fn a_statement_that_reads_too_much_is_noticed() {
    doorward_testkit::database::run(Engine::Sqlite, async |db| {
        let raw = Raw::open(&db).await;
        for (sql, good) in [
            ("SELECT id FROM users WHERE app_id = $1 AND id = $2", true),
            (
                "SELECT id FROM users WHERE app_id = $1 ORDER BY id LIMIT 5",
                true,
            ),
            ("SELECT id FROM users WHERE app_id = $1", false),
            (
                "SELECT id FROM users WHERE app_id = $1 ORDER BY created_at LIMIT 5",
                false,
            ),
            (
                "UPDATE sessions SET generation = 2 WHERE user_id = $1",
                false,
            ),
            ("SELECT COUNT(*) FROM audit_events", false),
        ] {
            let steps = raw.plan(sql).await;
            let found = steps
                .iter()
                .any(|step| problem(sql, &steps, step, true).is_some());
            assert_ne!(found, good, "{sql}: {steps:?}");
        }
    });
}
