//! What only a file can do: group commits, other processes, permissions, full disks.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use doorward_store::sqlite::{self, Options, SqliteDriver};
use doorward_store::{Connection, StoreError};
use doorward_testkit::database::{Engine, run};

use crate::support::{FROM_PARENT, Hold, Probe, Raw, Tune, again, from_parent, ids, insert};

fn open(options: Options) -> Raw {
    Raw::new(SqliteDriver::open(options).expect("SQLite opens"))
}

async fn make_table(raw: &Raw) {
    const SQL: &str = "CREATE TABLE probe (id INTEGER NOT NULL PRIMARY KEY, y BLOB) STRICT";
    raw.write(|tx| tx.execute(SQL, &[]))
        .await
        .expect("the table is made");
}

/// Each job looks, from outside, whether the job before it is committed already.
#[test]
fn waiting_jobs_share_one_commit() {
    run(Engine::Sqlite, async |db| {
        let probe = Probe::new(&db, Tune::default()).await;
        let hold = Hold::writer(&probe.raw).await;
        let path = db.url().trim_start_matches("sqlite:").to_owned();
        let jobs: Vec<_> = (1..=70)
            .map(|id| {
                let path = path.clone();
                probe.raw.write(move |tx| {
                    let outside = rusqlite::Connection::open(&path).expect("opens");
                    let committed = outside
                        .query_row("SELECT count(*) FROM probe", [], |row| row.get::<_, i64>(0))
                        .expect("counts");
                    insert(tx, id)?;
                    Ok(committed)
                })
            })
            .collect();
        hold.release().await;
        let mut committed = Vec::new();
        for job in jobs {
            committed.push(job.await.unwrap());
        }
        // The holding job was the first of 64; the others had to wait for the next commit.
        assert_eq!(committed, [[0].repeat(63), [63].repeat(7)].concat());
    });
}

/// What a lock of the whole file is on NFS and SMB, where `flock` locks what SQLite locks. (Of the same
/// process: another connection's, because SQLite knows its own process's locks.)
#[test]
fn a_backup_is_written_to_a_file_that_is_locked() {
    let directory = tempfile::tempdir().unwrap();
    let options = Options::file(directory.path().join("a.db"));
    tokio::runtime::Runtime::new()
        .unwrap()
        .block_on(make_table(&open(options.clone())));
    let to = directory.path().join("50% of a? #1.partial");
    let lock = rusqlite::Connection::open(&to).unwrap();
    lock.execute_batch("BEGIN EXCLUSIVE").unwrap();
    sqlite::backup(&options, &to).unwrap();
    drop(lock);
    let rows = rusqlite::Connection::open(&to).unwrap().query_row(
        "SELECT count(*) FROM probe",
        [],
        |row| row.get::<_, i64>(0),
    );
    assert_eq!(rows.unwrap(), 0);
}

#[test]
fn database_files_are_the_owners_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.db");
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    std::fs::write(&path, "").unwrap();
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o664)).unwrap();
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let raw = open(Options::file(&path));
        make_table(&raw).await;
        for name in ["a.db", "a.db-wal", "a.db-shm"] {
            assert_eq!(mode(&directory.path().join(name)), 0o600, "{name}");
        }
        let fresh = directory.path().join("b.db");
        let _raw = open(Options::file(&fresh));
        assert_eq!(mode(&fresh), 0o600);
    });
}

#[test]
fn what_is_no_database_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let unavailable = |path: &Path| match SqliteDriver::open(Options::file(path)) {
        Err(StoreError::Unavailable {
            message,
            uncertain: false,
        }) => message,
        other => panic!("{other:?}"),
    };
    let text = directory.path().join("text");
    std::fs::write(
        &text,
        "not a database, but long enough to look at".repeat(50),
    )
    .unwrap();
    assert!(unavailable(&text).contains("not a database"));
    assert!(unavailable(&directory.path().join("no/such/a.db")).contains("a.db"));
    unavailable(directory.path());
}

#[test]
fn a_lock_held_by_another_process_is_waited_for_and_then_contention() {
    run(Engine::Sqlite, async |db| {
        let probe = Probe::new(&db, Tune::default()).await;
        let mut options = Options::parse(&db.url()).unwrap();
        options.busy_timeout = Duration::from_millis(100);
        options.busy_retries = 1;
        let hasty = open(options.clone());
        let other = rusqlite::Connection::open(&options.path).unwrap();
        other
            .execute_batch("BEGIN IMMEDIATE; INSERT INTO probe (id) VALUES (1)")
            .unwrap();
        assert!(matches!(
            hasty.write(|tx| insert(tx, 2)).await,
            Err(StoreError::Contention)
        ));
        // Readers do not wait for writers.
        assert_eq!(hasty.read(ids).await.unwrap(), [0_i64; 0]);
        let patient = probe.raw.write(|tx| insert(tx, 3));
        tokio::time::sleep(Duration::from_millis(300)).await;
        other.execute_batch("COMMIT").unwrap();
        patient.await.unwrap();
        hasty.write(|tx| insert(tx, 4)).await.unwrap();
        assert_eq!(probe.ids().await, [1, 3, 4]);
    });
}

#[test]
fn a_second_process_writes_the_same_file() {
    const ROUNDS: i64 = 300;
    run(Engine::Sqlite, async |db| {
        let probe = Probe::new(&db, Tune::default()).await;
        let path = db.url().trim_start_matches("sqlite:").to_owned();
        let mut child = again("driver_sqlite::child_writes_beside_its_parent", &path)
            .spawn()
            .unwrap();
        for id in 0..ROUNDS {
            probe.raw.write(move |tx| insert(tx, id)).await.unwrap();
        }
        assert!(child.wait().unwrap().success());
        let expected: Vec<i64> = (0..ROUNDS)
            .chain((0..ROUNDS).map(|id| 10_000 + id))
            .collect();
        assert_eq!(probe.ids().await, expected);
    });
}

#[test]
#[ignore = "the other process of a_second_process_writes_the_same_file"]
fn child_writes_beside_its_parent() {
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let raw = open(Options::file(from_parent()));
        for id in 0..300 {
            raw.write(move |tx| insert(tx, 10_000 + id)).await.unwrap();
        }
    });
}

/// The limit of the options takes the same way through SQLite as a full disk.
#[test]
fn a_file_at_its_limit_refuses_writes_and_recovers() {
    let directory = tempfile::tempdir().unwrap();
    let mut options = Options::file(directory.path().join("a.db"));
    options.max_bytes = Some(400_000);
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        fill_and_recover(&open(options)).await;
    });
}

/// A real full disk: this test again, in a name space with a tiny file system of its own.
#[test]
fn a_full_disk_refuses_writes_and_recovers() {
    let directory = tempfile::tempdir().unwrap();
    let place = directory.path().join("a.db");
    let child = again(
        "driver_sqlite::child_fills_its_disk",
        place.to_str().unwrap(),
    );
    let program = child.get_program().to_str().unwrap().to_owned();
    let script = format!(
        "mount -t tmpfs -o size=1m tmpfs '{}' || exit 99; exec '{program}' \"$@\"",
        directory.path().display()
    );
    let status = Command::new("unshare")
        .args(["--mount", "--map-root-user", "sh", "-c", &script, "sh"])
        .args(child.get_args())
        .env(FROM_PARENT, &place)
        .status();
    match status.map(|status| status.code()) {
        Ok(Some(0)) => {}
        Ok(Some(1 | 99)) | Err(_) if !can_mount() => {
            println!("skipped: no file system of one's own here")
        }
        other => panic!("{other:?}"),
    }
}

fn can_mount() -> bool {
    Command::new("unshare")
        .args([
            "--mount",
            "--map-root-user",
            "mount",
            "-t",
            "tmpfs",
            "tmpfs",
            "/mnt",
        ])
        .status()
        .is_ok_and(|status| status.success())
}

#[test]
#[ignore = "the other process of a_full_disk_refuses_writes_and_recovers"]
fn child_fills_its_disk() {
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let path = from_parent();
        let raw = open(Options::file(&path));
        make_table(&raw).await;
        // Something else takes the space away, then gives it back.
        let ballast = Path::new(&path).with_file_name("ballast");
        std::fs::write(&ballast, vec![0; 500_000]).unwrap();
        let refused = fill(&raw).await;
        assert!(
            matches!(refused, StoreError::Unavailable { .. }),
            "{refused:?}"
        );
        let before = raw.read(ids).await.unwrap();
        std::fs::remove_file(&ballast).unwrap();
        raw.write(|tx| insert(tx, 1_000_000)).await.unwrap();
        assert_eq!(
            raw.read(ids).await.unwrap(),
            [before, vec![1_000_000]].concat()
        );
    });
}

/// Writes until it is refused; every answered write is there afterwards.
async fn fill(raw: &Raw) -> StoreError {
    let mut stored = Vec::new();
    for id in 0..10_000 {
        let write = raw.write(move |tx| {
            tx.execute(
                "INSERT INTO probe (id, y) VALUES ($1, $2)",
                &[id.into(), (&[7; 4000]).into()],
            )
        });
        match write.await {
            Ok(_) => stored.push(id),
            Err(error) => {
                assert_eq!(raw.read(ids).await.unwrap(), stored);
                return error;
            }
        }
    }
    panic!("the disk is never full");
}

async fn fill_and_recover(raw: &Raw) {
    make_table(raw).await;
    let refused = fill(raw).await;
    assert!(
        matches!(
            refused,
            StoreError::Unavailable {
                uncertain: false,
                ..
            }
        ),
        "{refused:?}"
    );
    raw.write(|tx| tx.execute("DELETE FROM probe", &[]))
        .await
        .unwrap();
    raw.write(|tx| insert(tx, 1)).await.unwrap();
    assert_eq!(raw.read(ids).await.unwrap(), [1]);
}

#[test]
fn one_job_too_big_for_the_disk_harms_none_of_its_neighbours() {
    let directory = tempfile::tempdir().unwrap();
    let mut options = Options::file(directory.path().join("a.db"));
    options.max_bytes = Some(400_000);
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let raw = open(options);
        make_table(&raw).await;
        let hold = Hold::writer(&raw).await;
        let small = raw.write(|tx| insert(tx, 1));
        let big = raw.write(|tx| {
            tx.execute(
                "INSERT INTO probe (id, y) VALUES (2, $1)",
                &[(&vec![0; 1_000_000]).into()],
            )
        });
        let after = raw.write(|tx| insert(tx, 3));
        hold.release().await;
        // SQLite rolls the whole group back; the driver runs the others again.
        small.await.unwrap();
        assert!(matches!(
            big.await,
            Err(StoreError::Unavailable {
                uncertain: false,
                ..
            })
        ));
        after.await.unwrap();
        assert_eq!(raw.read(ids).await.unwrap(), [1, 3]);
    });
}

/// Three jobs that share a transaction; the second does `between`. Gives how often the first ran, what
/// became of the second, and what is there then.
async fn neighbours(
    raw: &Raw,
    first: i64,
    between: impl FnMut(&mut dyn Connection) -> Result<(), StoreError> + Send + 'static,
) -> (u32, Result<(), StoreError>, Vec<i64>) {
    let runs = Arc::new(AtomicU32::new(0));
    let hold = Hold::writer(raw).await;
    let counted = Arc::clone(&runs);
    let before = raw.write(move |tx| {
        counted.fetch_add(1, Ordering::Relaxed);
        insert(tx, first)
    });
    let between = raw.write(between);
    let after = raw.write(move |tx| insert(tx, first + 2));
    hold.release().await;
    before.await.unwrap();
    let between = between.await;
    after.await.unwrap();
    (
        runs.load(Ordering::Relaxed),
        between,
        raw.read(ids).await.unwrap(),
    )
}

#[test]
fn a_job_undone_harms_none_of_its_neighbours() {
    run(Engine::Sqlite, async |db| {
        let probe = Probe::new(&db, Tune::default()).await;
        let raw = &probe.raw;
        let refused = || Err(StoreError::Internal("no".to_owned()));

        // Nothing written, nothing to undo: the others run once.
        let (runs, outcome, found) = neighbours(raw, 1, move |_| refused()).await;
        assert!(matches!(outcome, Err(StoreError::Internal(_))));
        assert_eq!((runs, found), (1, vec![1, 3]));
        let (runs, outcome, found) = neighbours(raw, 11, |tx| insert(tx, 1).map(drop)).await;
        assert!(matches!(outcome, Err(StoreError::Constraint { .. })));
        assert_eq!((runs, found), (1, vec![1, 3, 11, 13]));

        // Written and refused: the transaction runs again, now with savepoints.
        let write_and_refuse = move |tx: &mut dyn Connection| {
            insert(tx, 22)?;
            refused()
        };
        let (runs, outcome, found) = neighbours(raw, 21, write_and_refuse).await;
        assert!(matches!(outcome, Err(StoreError::Internal(_))));
        assert_eq!((runs, found), (2, vec![1, 3, 11, 13, 21, 23]));

        // They stay for a while, so that many of these cost little.
        let (runs, outcome, found) = neighbours(raw, 31, |tx| {
            insert(tx, 32)?;
            panic!("a mistake of ours");
        })
        .await;
        assert!(matches!(outcome, Err(StoreError::Internal(_))));
        assert_eq!((runs, found), (1, vec![1, 3, 11, 13, 21, 23, 31, 33]));
    });
}

/// The first of a group that runs again is refused this time: the others' writes are not lost with its.
#[test]
fn whoever_changes_its_mind_in_the_second_run_harms_no_neighbour() {
    run(Engine::Sqlite, async |db| {
        let probe = Probe::new(&db, Tune::default()).await;
        let (go, wait) = mpsc::channel::<()>();
        let mut runs = 0;
        let first = probe.raw.write(move |tx| {
            runs += 1;
            if runs > 1 {
                return Err(StoreError::Internal("no longer".to_owned()));
            }
            let _ = wait.recv();
            insert(tx, 1)
        });
        let second = probe.raw.write(|tx| insert(tx, 2));
        let third = probe.raw.write(|tx| {
            insert(tx, 3)?;
            Err::<(), _>(StoreError::Internal("no".to_owned()))
        });
        go.send(()).unwrap();
        assert!(matches!(first.await, Err(StoreError::Internal(_))));
        second.await.unwrap();
        assert!(matches!(third.await, Err(StoreError::Internal(_))));
        assert_eq!(probe.ids().await, [2], "what was answered is there");
    });
}

#[test]
fn readers_wait_for_nobody() {
    run(Engine::Sqlite, async |db| {
        let probe = Probe::new(
            &db,
            Tune {
                threads: 1,
                queue: 16,
            },
        )
        .await;
        let (go, wait) = mpsc::channel::<()>();
        let writing = probe.raw.write(move |tx| {
            insert(tx, 1)?;
            let _ = wait.recv();
            Ok(())
        });
        assert_eq!(probe.ids().await, [0_i64; 0]);
        go.send(()).unwrap();
        writing.await.unwrap();
        assert_eq!(probe.ids().await, [1]);
    });
}

#[test]
fn the_last_to_close_leaves_one_file() {
    // Often, because of two connections that close at the same moment neither may be the last.
    for _ in 0..40 {
        let directory = tempfile::tempdir().unwrap();
        tokio::runtime::Runtime::new().unwrap().block_on(async {
            let raw = open(Options::file(directory.path().join("a.db")));
            make_table(&raw).await;
            tokio::try_join!(raw.read(ids), raw.read(ids), raw.read(ids)).unwrap();
            raw.0.close().await;
        });
        let left: Vec<_> = std::fs::read_dir(directory.path())
            .unwrap()
            .flatten()
            .collect();
        assert_eq!(left.len(), 1, "{left:?}");
    }
}
