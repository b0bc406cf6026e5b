//! Migrations on both engines, and what they promise about the schema.

use doorward_store::{Constraint, MIGRATIONS, Param, StoreError};
use doorward_testkit::database::{Engine, TestDatabase};
use doorward_testkit::on_both_engines;
use jiff::Timestamp;
use uuid::Uuid;

use crate::support::{Probe, Raw, Tune};

async fn raw(db: &TestDatabase) -> Raw {
    Probe::driver(db, Tune::default()).await
}

/// Runs a statement of the test's own.
async fn change(raw: &Raw, sql: &'static str) -> Result<u64, StoreError> {
    raw.write(move |tx| tx.execute(sql, &[])).await
}

/// Empties the database, as far as migrations are concerned.
async fn forget(raw: &Raw) {
    const TABLES: &str = "SELECT CAST(name AS TEXT) FROM sqlite_schema \
         WHERE type = 'table' AND name NOT LIKE 'sqlite_%'";
    if raw.0.engine() == Engine::Postgres {
        change(raw, "DROP SCHEMA public CASCADE").await.unwrap();
        change(raw, "CREATE SCHEMA public").await.unwrap();
        return;
    }
    loop {
        let tables = raw.read(|tx| {
            tx.query(TABLES, &[])?
                .into_iter()
                .map(|mut row| row.take::<String>())
                .collect::<Result<Vec<_>, _>>()
        });
        let tables = tables.await.unwrap();
        if tables.is_empty() {
            return;
        }
        for table in tables {
            // A table that others refer to goes in a later round.
            let sql: &'static str = format!("DROP TABLE {table}").leak();
            drop(change(raw, sql).await);
        }
    }
}

fn schema_error(outcome: Result<impl std::fmt::Debug, StoreError>) -> String {
    match outcome {
        Err(StoreError::Schema(message)) => message,
        other => panic!("{other:?}"),
    }
}

const EVENT: &str = "INSERT INTO audit_events (id, at, actor_type, action, outcome) \
     VALUES ($1, $2, 'system', 'test', 'success')";

on_both_engines! {
    async fn migrating_again_changes_nothing(db: TestDatabase) {
        let latest = MIGRATIONS.last().unwrap().version;
        let status = db.store().migrate().await.unwrap();
        assert_eq!((status.current, status.latest), (latest, latest));
        assert_eq!(status.applied_now, [0_i64; 0]);
        assert_eq!(db.store().migration_status().await.unwrap(), status);
    }

    async fn an_empty_database_says_so_and_is_left_alone(db: TestDatabase) {
        let raw = raw(&db).await;
        forget(&raw).await;
        for _ in 0..2 {
            assert_eq!(raw.0.migration_status().await.unwrap().current, 0);
        }
        let all: Vec<i64> = MIGRATIONS.iter().map(|migration| migration.version).collect();
        assert_eq!(raw.0.migrate().await.unwrap().applied_now, all);
    }

    async fn nodes_that_start_together_migrate_once(db: TestDatabase) {
        forget(&raw(&db).await).await;
        let mut nodes = Vec::new();
        for _ in 0..4 {
            nodes.push(raw(&db).await);
        }
        let runs: Vec<_> = nodes
            .iter()
            .map(|node| {
                let driver = node.0.clone();
                tokio::spawn(async move { driver.migrate().await })
            })
            .collect();
        let mut applied = Vec::new();
        for run in runs {
            applied.extend(run.await.unwrap().unwrap().applied_now);
        }
        applied.sort_unstable();
        let all: Vec<i64> = MIGRATIONS.iter().map(|migration| migration.version).collect();
        assert_eq!(applied, all);
    }

    async fn an_edited_migration_is_refused(db: TestDatabase) {
        let raw = raw(&db).await;
        let edit = "UPDATE schema_migrations SET checksum = 'x' WHERE version = 1";
        change(&raw, edit).await.unwrap();
        assert!(schema_error(raw.0.migrate().await).contains("migration 1 (foundation)"));
        assert!(schema_error(raw.0.migration_status().await).contains("restore"));
    }

    async fn a_newer_database_is_used_when_it_says_so(db: TestDatabase) {
        let raw = raw(&db).await;
        let latest = MIGRATIONS.last().unwrap().version;
        let sql = "INSERT INTO schema_migrations \
             (version, name, checksum, compatible_from, applied_at) \
             SELECT $1, 'later', 'x', $2, applied_at FROM schema_migrations WHERE version = 1";
        raw.write(move |tx| tx.execute(sql, &[(latest + 1).into(), latest.into()])).await.unwrap();
        let status = raw.0.migrate().await.unwrap();
        assert_eq!((status.current, status.latest), (latest + 1, latest));
        let contract = "UPDATE schema_migrations SET compatible_from = version WHERE version = $1";
        raw.write(move |tx| tx.execute(contract, &[(latest + 1).into()])).await.unwrap();
        assert!(schema_error(raw.0.migrate().await).contains("upgrade the program"));
    }

    async fn a_failed_migration_is_undone_and_says_which(db: TestDatabase) {
        let raw = raw(&db).await;
        forget(&raw).await;
        // In the way of the first migration, near its end.
        change(&raw, "CREATE TABLE jobs (name TEXT NOT NULL)").await.unwrap();
        assert!(schema_error(raw.0.migrate().await).contains("migration 1 (foundation) failed"));
        assert_eq!(raw.0.migration_status().await.unwrap().current, 0);
        change(&raw, "DROP TABLE jobs").await.unwrap();
        assert!(raw.0.migrate().await.unwrap().applied_now.contains(&1));
    }

    async fn audit_events_are_append_only(db: TestDatabase) {
        let raw = raw(&db).await;
        let params: [Param<'static>; 2] =
            [Uuid::from_u128(1).into(), Timestamp::UNIX_EPOCH.into()];
        raw.write(move |tx| tx.execute(EVENT, &params)).await.unwrap();
        let mut attempts =
            vec!["UPDATE audit_events SET action = 'other'", "DELETE FROM audit_events"];
        if db.engine() == Engine::Postgres {
            attempts.push("TRUNCATE audit_events");
        }
        for sql in attempts {
            let refused = change(&raw, sql).await;
            let append_only = matches!(
                &refused,
                Err(StoreError::Constraint { message, .. }) if message.contains("append-only")
            );
            assert!(append_only, "{sql}: {refused:?}");
        }
        let left = raw.read(|tx| {
            tx.query("SELECT action FROM audit_events", &[])?.remove(0).take::<String>()
        });
        assert_eq!(left.await.unwrap(), "test");
    }

    async fn unique_constraints_are_known_by_name(db: TestDatabase) {
        const APP: &str = "INSERT INTO apps (id, slug, name, status, version, session_epoch, \
             secret_hash, secret_rotated_at, settings, created_at, updated_at) \
             VALUES ($1, $2, 'n', 'active', 1, 1, $3, $4, '{}', $4, $4)";
        const USER: &str = "INSERT INTO users (app_id, id, status, email, email_canonical, phone, \
             created_at, updated_at) VALUES ($1, $2, 'active', $3, $3, $4, $5, $5)";
        const KEY: &str = "INSERT INTO signing_keys (kid, alg, state, public_der, created_at) \
             VALUES ($1, 'RS256', 'next', $2, $3)";
        let raw = raw(&db).await;
        let id = |number| Param::from(Uuid::from_u128(number));
        let now = Param::from(Timestamp::UNIX_EPOCH);
        let bytes = Param::Bytes(b"x");
        let cases: [(&'static str, Vec<Param<'static>>, Option<Constraint>); 9] = [
            (APP, vec![id(1), "a".into(), bytes, now], None),
            (APP, vec![id(2), "a".into(), bytes, now], Some(Constraint::AppSlug)),
            (APP, vec![id(1), "b".into(), bytes, now], Some(Constraint::Other)),
            (USER, vec![id(1), id(1), "e".into(), "p".into(), now], None),
            (USER, vec![id(1), id(2), "e".into(), "q".into(), now], Some(Constraint::UserEmail)),
            (USER, vec![id(1), id(2), "f".into(), "p".into(), now], Some(Constraint::UserPhone)),
            (USER, vec![id(9), id(2), "f".into(), "r".into(), now], Some(Constraint::Other)),
            (KEY, vec!["k".into(), bytes, now], None),
            (KEY, vec!["l".into(), bytes, now], Some(Constraint::SigningKeyState)),
        ];
        for (sql, params, expected) in cases {
            let outcome = raw.write(move |tx| tx.execute(sql, &params)).await;
            let found = match &outcome {
                Ok(1) => None,
                Err(StoreError::Constraint { constraint, .. }) => Some(*constraint),
                other => panic!("{other:?}"),
            };
            assert_eq!(found, expected, "{outcome:?}");
        }
    }
}
