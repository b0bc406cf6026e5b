//! What only a server can do: collide, deadlock, hang up, go away and come back.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use doorward_store::postgres::PostgresDriver;
use doorward_store::{Connection, StoreError};
use doorward_testkit::database::{Engine, TestDatabase, run};

use crate::support::{
    Probe, Proxy, Raw, Server, Tune, again, from_parent, ids, insert, insert_deferred,
    postgres_options,
};

/// A connection past the driver.
async fn admin(url: &str) -> tokio_postgres::Client {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls)
        .await
        .expect("connects");
    tokio::spawn(connection);
    client
}

fn backend(tx: &mut dyn Connection) -> Result<i64, StoreError> {
    tx.query("SELECT CAST(pg_backend_pid() AS BIGINT)", &[])?
        .remove(0)
        .take()
}

async fn kill(client: &tokio_postgres::Client, pid: i64) {
    let pid = i32::try_from(pid).unwrap();
    // Returns when the process is gone.
    let row = client
        .query_one("SELECT pg_terminate_backend($1, 5000)", &[&pid])
        .await
        .unwrap();
    assert!(row.get::<_, bool>(0));
}

fn lost(outcome: &Result<impl std::fmt::Debug, StoreError>) -> Option<bool> {
    match outcome {
        Err(StoreError::Unavailable { uncertain, .. }) => Some(*uncertain),
        _ => None,
    }
}

/// A function that fails with `code` the first `times` times; a sequence forgets no rollback.
async fn failing_function(db: &TestDatabase, code: &str, times: i64) {
    let sql = format!(
        "CREATE SEQUENCE calls;
         CREATE FUNCTION stumble() RETURNS BIGINT LANGUAGE plpgsql AS $$ BEGIN
             IF nextval('calls') <= {times} THEN
                 RAISE EXCEPTION 'stumbled' USING ERRCODE = '{code}';
             END IF;
             RETURN currval('calls');
         END $$;
         CREATE FUNCTION stumble_late() RETURNS trigger LANGUAGE plpgsql AS
             $$ BEGIN PERFORM stumble(); RETURN NULL; END $$;"
    );
    admin(&db.url()).await.batch_execute(&sql).await.unwrap();
}

/// Calls it at COMMIT.
async fn stumble_at_commit(db: &TestDatabase) {
    const SQL: &str = "CREATE CONSTRAINT TRIGGER late AFTER INSERT ON probe \
         DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION stumble_late()";
    admin(&db.url()).await.batch_execute(SQL).await.unwrap();
}

const STUMBLE: &str = "SELECT stumble()";

#[test]
fn collisions_are_run_again_until_they_pass() {
    run(Engine::Postgres, async |db| {
        failing_function(&db, "40001", 3).await;
        let probe = Probe::new(&db, Tune::default()).await;
        let calls = probe.raw.write(|tx| {
            insert(tx, 1)?;
            tx.query(STUMBLE, &[])?.remove(0).take::<i64>()
        });
        assert_eq!(calls.await.unwrap(), 4);
        assert_eq!(probe.ids().await, [1]);
    });
}

#[test]
fn collisions_at_commit_are_run_again() {
    run(Engine::Postgres, async |db| {
        failing_function(&db, "40001", 3).await;
        let probe = Probe::new(&db, Tune::default()).await;
        stumble_at_commit(&db).await;
        let runs = Arc::new(AtomicUsize::new(0));
        let counter = runs.clone();
        let write = probe.raw.write(move |tx| {
            counter.fetch_add(1, Ordering::SeqCst);
            insert_deferred(tx, 1)
        });
        write.await.unwrap();
        assert_eq!(runs.load(Ordering::SeqCst), 4);
        assert_eq!(probe.ids().await, [1]);
    });
}

#[test]
fn collisions_without_end_are_contention() {
    run(Engine::Postgres, async |db| {
        failing_function(&db, "40001", 1_000_000).await;
        let probe = Probe::new(&db, Tune::default()).await;
        let runs = Arc::new(AtomicUsize::new(0));
        let counter = runs.clone();
        let write = probe.raw.write(move |tx| {
            counter.fetch_add(1, Ordering::SeqCst);
            tx.query(STUMBLE, &[]).map(drop)
        });
        assert!(matches!(write.await, Err(StoreError::Contention)));
        assert_eq!(runs.load(Ordering::SeqCst), 11);
    });
}

#[test]
fn an_error_at_commit_is_no_success() {
    run(Engine::Postgres, async |db| {
        failing_function(&db, "23514", 1_000_000).await;
        let probe = Probe::new(&db, Tune::default()).await;
        stumble_at_commit(&db).await;
        let write = probe.raw.write(|tx| insert(tx, 1)).await;
        assert!(
            matches!(write, Err(StoreError::Constraint { .. })),
            "{write:?}"
        );
        assert_eq!(probe.ids().await, [0_i64; 0]);
    });
}

#[test]
fn deadlocks_are_run_again() {
    run(Engine::Postgres, async |db| {
        const ADD: &str = "UPDATE probe SET i = i + 1 WHERE id = $1";
        let probe = Probe::new(&db, Tune::default()).await;
        let rows = "INSERT INTO probe (id, i) VALUES (1, 0), (2, 0)";
        probe
            .raw
            .write(move |tx| tx.execute(rows, &[]))
            .await
            .unwrap();
        let runs = Arc::new(AtomicUsize::new(0));
        let meet = Arc::new(Barrier::new(2));
        let jobs = [[1_i64, 2], [2, 1]].map(|[first, second]| {
            let (runs, meet) = (runs.clone(), meet.clone());
            probe.raw.write(move |tx| {
                tx.execute(ADD, &[first.into()])?;
                // Only the first two runs hold a row each and want the other.
                if runs.fetch_add(1, Ordering::SeqCst) < 2 {
                    meet.wait();
                }
                tx.execute(ADD, &[second.into()])
            })
        });
        for job in jobs {
            job.await.unwrap();
        }
        // More when the one run again is quick enough to get in the other's way once more.
        assert!(runs.load(Ordering::SeqCst) >= 3);
        let sums = probe.raw.read(|tx| {
            tx.query("SELECT i FROM probe ORDER BY id", &[])?
                .into_iter()
                .map(|mut row| row.take::<i64>())
                .collect::<Result<Vec<_>, _>>()
        });
        assert_eq!(sums.await.unwrap(), [2, 2]);
    });
}

#[test]
fn a_connection_killed_between_jobs_is_replaced() {
    run(Engine::Postgres, async |db| {
        let probe = Probe::new(
            &db,
            Tune {
                threads: 1,
                queue: 16,
            },
        )
        .await;
        let admin = admin(&db.url()).await;
        for id in 1..=3 {
            let pid = probe.raw.read(backend).await.unwrap();
            kill(&admin, pid).await;
            probe.raw.write(move |tx| insert(tx, id)).await.unwrap();
            let pid = probe.raw.write(backend).await.unwrap();
            kill(&admin, pid).await;
        }
        assert_eq!(probe.ids().await, [1, 2, 3]);
    });
}

#[test]
fn a_job_whose_connection_is_killed_runs_again() {
    run(Engine::Postgres, async |db| {
        let probe = Probe::new(
            &db,
            Tune {
                threads: 1,
                queue: 16,
            },
        )
        .await;
        let admin = Arc::new(admin(&db.url()).await);
        let runtime = tokio::runtime::Handle::current();
        let runs = Arc::new(AtomicUsize::new(0));
        let counter = runs.clone();
        let write = probe.raw.write(move |tx| {
            insert(tx, 1)?;
            let pid = backend(tx)?;
            if counter.fetch_add(1, Ordering::SeqCst) == 0 {
                runtime.block_on(kill(&admin, pid));
            }
            insert(tx, 2)
        });
        write.await.unwrap();
        assert_eq!(runs.load(Ordering::SeqCst), 2);
        assert_eq!(probe.ids().await, [1, 2]);
    });
}

#[test]
fn a_connection_lost_during_commit_is_uncertain_and_not_tried_again() {
    run(Engine::Postgres, async |db| {
        let probe = Probe::new(
            &db,
            Tune {
                threads: 1,
                queue: 16,
            },
        )
        .await;
        let admin = admin(&db.url()).await;
        admin
            .batch_execute(
                "CREATE FUNCTION linger() RETURNS trigger LANGUAGE plpgsql AS
                     $$ BEGIN PERFORM pg_sleep(30); RETURN NULL; END $$;
                 CREATE CONSTRAINT TRIGGER late AFTER INSERT ON probe
                     DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION linger();",
            )
            .await
            .unwrap();
        let runs = Arc::new(AtomicUsize::new(0));
        let (counter, pid) = (runs.clone(), probe.raw.read(backend).await.unwrap());
        let write = probe.raw.write(move |tx| {
            counter.fetch_add(1, Ordering::SeqCst);
            insert(tx, 1)
        });
        let committing = "SELECT count(*) FROM pg_stat_activity WHERE pid = $1 \
             AND query = 'COMMIT' AND wait_event = 'PgSleep'";
        let pid = i32::try_from(pid).unwrap();
        while admin
            .query_one(committing, &[&pid])
            .await
            .unwrap()
            .get::<_, i64>(0)
            == 0
        {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        kill(&admin, pid.into()).await;
        assert_eq!(lost(&write.await), Some(true));
        assert_eq!(runs.load(Ordering::SeqCst), 1);
        assert_eq!(probe.ids().await, [0_i64; 0]);
    });
}

#[test]
fn statements_have_a_time_limit() {
    run(Engine::Postgres, async |db| {
        let mut options = postgres_options(&db.url());
        options.statement_timeout = Duration::from_millis(500);
        let raw = Raw::new(PostgresDriver::connect(options).await.unwrap());
        let slow = raw.read(|tx| tx.query("SELECT CAST(pg_sleep(60) AS TEXT)", &[]).map(drop));
        assert_eq!(lost(&slow.await), Some(false));
        raw.read(backend).await.unwrap();
    });
}

#[test]
fn connections_say_who_they_are_and_keep_their_limits() {
    run(Engine::Postgres, async |db| {
        const SQL: &str = "SELECT current_setting('application_name'), \
             current_setting('statement_timeout'), current_setting('lock_timeout'), \
             current_setting('idle_in_transaction_session_timeout'), \
             current_setting('transaction_isolation'), current_setting('synchronous_commit')";
        let raw = Probe::driver(&db, Tune::default()).await;
        let told = |tx: &mut dyn Connection| {
            let mut row = tx.query(SQL, &[])?.remove(0);
            (0..6)
                .map(|_| row.take::<String>())
                .collect::<Result<Vec<_>, _>>()
        };
        let common = ["doorward", "10s", "5s", "15s"];
        let write = raw.write(told).await.unwrap();
        assert_eq!(write, [&common[..], &["read committed", "on"]].concat());
        let read = raw.read(told).await.unwrap();
        assert_eq!(read, [&common[..], &["repeatable read", "on"]].concat());
    });
}

/// A driver with one connection, and what it passes on its way.
async fn watched(db: &TestDatabase) -> (Proxy, Raw) {
    let config: tokio_postgres::Config = db.url().parse().unwrap();
    let port = *config.get_ports().first().unwrap_or(&5432);
    let proxy = Proxy::before(("127.0.0.1".to_owned(), port)).await;
    let (user, database) = (config.get_user().unwrap(), config.get_dbname().unwrap());
    let password = config.get_password().map_or(String::new(), |password| {
        format!(":{}", String::from_utf8_lossy(password))
    });
    let url = format!(
        "postgres://{user}{password}@127.0.0.1:{}/{database}",
        proxy.port()
    );
    let mut options = postgres_options(&url);
    options.connections = 1;
    let raw = Raw::new(PostgresDriver::connect(options).await.unwrap());
    (proxy, raw)
}

/// The end of a snapshot travels with what comes next: one round trip for a read, none for its end.
#[test]
fn reads_in_a_row_are_one_round_trip_each() {
    run(Engine::Postgres, async |db| {
        let _table = Probe::new(&db, Tune::default()).await;
        let (proxy, raw) = watched(&db).await;
        raw.read(ids).await.unwrap();
        raw.write(|tx| insert(tx, 1)).await.unwrap();
        // A machine that stands still for 20 ms closes a snapshot in between: once is enough.
        let mut fewest = u64::MAX;
        for _ in 0..20 {
            let before = proxy.round_trips();
            for _ in 0..5 {
                raw.read(ids).await.unwrap();
            }
            fewest = fewest.min(proxy.round_trips() - before);
        }
        assert_eq!(fewest, 5);
    });
}

#[test]
fn each_read_sees_what_was_written_since_the_one_before() {
    run(Engine::Postgres, async |db| {
        let other = Probe::new(&db, Tune::default()).await;
        let (_proxy, raw) = watched(&db).await;
        for id in 1..=50 {
            // Elsewhere, here after a read, and here after a read that asked nothing.
            match id % 3 {
                0 => other
                    .raw
                    .write(move |tx| insert_deferred(tx, id))
                    .await
                    .unwrap(),
                1 => raw.write(move |tx| insert(tx, id).map(drop)).await.unwrap(),
                _ => {
                    raw.read(|_| Ok(())).await.unwrap();
                    raw.write(|_| Ok(())).await.unwrap();
                    raw.write(move |tx| insert_deferred(tx, id)).await.unwrap();
                }
            }
            let seen = raw.read(ids).await.unwrap();
            assert_eq!(seen, (1..=id).collect::<Vec<_>>());
        }
    });
}

#[test]
fn a_snapshot_is_not_left_open_for_long() {
    run(Engine::Postgres, async |db| {
        let probe = Probe::new(
            &db,
            Tune {
                threads: 1,
                queue: 16,
            },
        )
        .await;
        let pid = probe.raw.read(backend).await.unwrap();
        let admin = admin(&db.url()).await;
        let pid = i32::try_from(pid).unwrap();
        let deadline = Instant::now() + Duration::from_secs(5);
        loop {
            let row = admin
                .query_one("SELECT state FROM pg_stat_activity WHERE pid = $1", &[&pid])
                .await
                .unwrap();
            if row.get::<_, String>(0) == "idle" {
                break;
            }
            assert!(Instant::now() < deadline, "still open");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
}

/// What is refused while it is prepared leaves nothing behind for what comes next.
#[test]
fn a_snapshot_that_is_over_takes_no_statement_with_it() {
    run(Engine::Postgres, async |db| {
        let _table = Probe::new(&db, Tune::default()).await;
        let (_proxy, raw) = watched(&db).await;
        let admin = admin(&db.url()).await;
        admin
            .batch_execute("CREATE TABLE other (id BIGINT)")
            .await
            .unwrap();
        raw.read(ids).await.unwrap();
        for _ in 0..5 {
            // The first leaves a snapshot; the second is refused; the third is new as well.
            let (left, refused, next) = tokio::join!(
                raw.read(ids),
                raw.write(|tx| tx.query("SELECT id FROM nowhere", &[]).map(drop)),
                raw.write(|tx| tx
                    .execute("INSERT INTO other (id) VALUES (1)", &[])
                    .map(drop)),
            );
            left.unwrap();
            assert!(
                matches!(refused, Err(StoreError::Internal(_))),
                "{refused:?}"
            );
            next.unwrap();
        }
    });
}

/// What a pooler says about the server it has lost is no answer of the server.
#[test]
fn a_server_that_a_pooler_lost_may_have_committed() {
    run(Engine::Postgres, async |db| {
        let probe = Probe::new(&db, Tune::default()).await;
        let (proxy, raw) = watched(&db).await;
        raw.write(|tx| insert_deferred(tx, 1)).await.unwrap();
        proxy.lose_the_server();
        let runs = Arc::new(AtomicUsize::new(0));
        let counter = runs.clone();
        let written = raw.write(move |tx| {
            counter.fetch_add(1, Ordering::SeqCst);
            insert_deferred(tx, 2)
        });
        assert_eq!(lost(&written.await), Some(true));
        assert_eq!(runs.load(Ordering::SeqCst), 1);
        assert_eq!(probe.ids().await, [1, 2], "it has");
        raw.write(|tx| insert_deferred(tx, 3)).await.unwrap();
    });
}

/// One query and two deferred writes: BEGIN and the query, then the writes and COMMIT.
#[test]
fn a_transaction_is_two_round_trips() {
    run(Engine::Postgres, async |db| {
        let _table = Probe::new(&db, Tune::default()).await;
        let (proxy, raw) = watched(&db).await;
        let mut id = 0;
        let mut measure = async || {
            let before = proxy.round_trips();
            id += 2;
            let write = raw.write(move |tx| {
                ids(tx)?;
                insert_deferred(tx, id)?;
                insert_deferred(tx, id + 1)
            });
            write.await.unwrap();
            proxy.round_trips() - before
        };
        let (first, second, third) = (measure().await, measure().await, measure().await);
        assert!(first > 2, "the first prepares its statements: {first}");
        assert_eq!((second, third), (2, 2));
    });
}

/// Threads that lost a race for a job must sleep again. In a process of its own, so that only they
/// are measured.
#[test]
fn idle_threads_use_no_processor_time() {
    run(Engine::Postgres, async |db| {
        let _table = Probe::new(&db, Tune::default()).await;
        let mut child = again("driver_postgres::child_works_and_idles", &db.url())
            .spawn()
            .unwrap();
        assert!(child.wait().unwrap().success());
    });
}

#[test]
#[ignore = "the other process of idle_threads_use_no_processor_time"]
fn child_works_and_idles() {
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let mut options = postgres_options(&from_parent());
        options.connections = 8;
        let raw = Raw::new(PostgresDriver::connect(options).await.unwrap());
        for _ in 0..20 {
            let jobs: Vec<_> = (0..8).map(|_| raw.read(ids)).collect();
            for job in jobs {
                job.await.unwrap();
            }
        }
        for _ in 0..200 {
            raw.read(ids).await.unwrap();
        }
        let before = processor_time();
        tokio::time::sleep(Duration::from_secs(1)).await;
        let used = processor_time() - before;
        assert!(used <= 10, "{used} hundredths of a second");
    });
}

/// Of this process, in hundredths of a second (`utime` and `stime` of proc(5)).
fn processor_time() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let (_, fields) = stat.rsplit_once(") ").unwrap();
    let fields: Vec<&str> = fields.split(' ').collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

/// A frozen machine accepts connections and says nothing; the next host of the list is asked then,
/// and asked first from then on.
#[test]
fn a_host_that_accepts_and_says_nothing_is_passed_over() {
    run(Engine::Postgres, async |db| {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let frozen = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            let mut held = Vec::new();
            while let Ok((stream, _)) = listener.accept().await {
                held.push(stream);
            }
        });
        let (account, place) = db.url().split_once('@').map(own).unwrap();
        let (address, database) = place.split_once('/').map(own).unwrap();
        let address = if address.contains(':') {
            address
        } else {
            format!("{address}:5432")
        };
        let url = format!("{account}@127.0.0.1:{frozen},{address}/{database}");
        let url = if url.contains('?') {
            format!("{url}&connect_timeout=1")
        } else {
            format!("{url}?connect_timeout=1")
        };
        let mut options = postgres_options(&url);
        options.connections = 2;
        let began = Instant::now();
        let raw = Raw::new(PostgresDriver::connect(options).await.unwrap());
        let first = began.elapsed();
        assert!(first >= Duration::from_secs(1), "{first:?}");
        assert!(first < Duration::from_secs(3), "{first:?}");
        // Two at once: the second thread makes its connection now.
        let both = [raw.read(backend), raw.read(backend)];
        let began = Instant::now();
        for read in both {
            read.await.unwrap();
        }
        assert!(began.elapsed() < Duration::from_millis(900), "{began:?}");
    });
}

fn own((left, right): (&str, &str)) -> (String, String) {
    (left.to_owned(), right.to_owned())
}

/// PostgreSQL answers such a COMMIT as if all were well.
#[test]
fn a_commit_that_no_standby_confirmed_is_uncertain() {
    const CANCEL: &str = "SELECT count(*) FROM (SELECT pg_cancel_backend(pid) \
         FROM pg_stat_activity WHERE wait_event = 'SyncRep') AS cancelled";
    let Some(server) = Server::start() else {
        return;
    };
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let url = server.url("127.0.0.1", "");
        let admin = admin(&url).await;
        let setting = async |names: &str| {
            let alter = format!("ALTER SYSTEM SET synchronous_standby_names = '{names}'");
            admin.batch_execute(&alter).await.unwrap();
            let reload = "SELECT pg_reload_conf()";
            admin.batch_execute(reload).await.unwrap();
            tokio::time::sleep(Duration::from_secs(1)).await;
        };
        let table = "CREATE TABLE probe (id BIGINT NOT NULL PRIMARY KEY)";
        admin.batch_execute(table).await.unwrap();
        setting("nobody").await;
        let raw = Raw::new(
            PostgresDriver::connect(postgres_options(&url))
                .await
                .unwrap(),
        );
        let write = tokio::spawn(raw.write(|tx| insert(tx, 1)));
        while admin.query_one(CANCEL, &[]).await.unwrap().get::<_, i64>(0) == 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let write = write.await.unwrap();
        assert_eq!(lost(&write), Some(true), "{write:?}");
        // It has happened all the same, and the next one is judged by itself.
        assert_eq!(raw.read(ids).await.unwrap(), [1]);
        setting("").await;
        raw.write(|tx| insert(tx, 2)).await.unwrap();
    });
}

#[test]
fn a_server_that_goes_away_is_said_and_found_again() {
    let Some(server) = Server::start() else {
        return;
    };
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let mut options = postgres_options(&server.url("127.0.0.1", ""));
        options.connections = 2;
        options.unavailable_after = Duration::from_secs(1);
        let hasty = Raw::new(PostgresDriver::connect(options.clone()).await.unwrap());
        let mut patient = options.clone();
        patient.unavailable_after = Duration::from_secs(60);
        let patient = Raw::new(PostgresDriver::connect(patient).await.unwrap());
        let table = "CREATE TABLE probe (id BIGINT NOT NULL PRIMARY KEY)";
        patient
            .write(move |tx| tx.execute(table, &[]))
            .await
            .unwrap();
        patient.write(|tx| insert(tx, 1)).await.unwrap();

        // Restarted between two jobs: nobody notices.
        server.stop();
        server.boot();
        patient.write(|tx| insert(tx, 2)).await.unwrap();

        // Away for a moment that is shorter than the deadline: the job waits.
        server.stop();
        let waiting = patient.write(|tx| insert(tx, 3));
        tokio::task::block_in_place(|| server.boot());
        waiting.await.unwrap();

        // Away for longer: said after the deadline, to a whole queue at about the same time.
        server.stop();
        let began = Instant::now();
        let jobs: Vec<_> = (0..50).map(|_| hasty.write(|tx| insert(tx, 4))).collect();
        for job in jobs {
            assert_eq!(lost(&job.await), Some(false));
        }
        assert!(
            began.elapsed() < Duration::from_secs(10),
            "{:?}",
            began.elapsed()
        );
        let refused = PostgresDriver::connect(options).await;
        assert!(matches!(
            refused,
            Err(StoreError::Unavailable {
                uncertain: false,
                ..
            })
        ));

        server.boot();
        hasty.write(|tx| insert(tx, 5)).await.unwrap();
        assert_eq!(patient.read(ids).await.unwrap(), [1, 2, 3, 5]);
    });
}

/// As Patroni does it: two hosts in the URL, one of which takes no writes.
#[test]
fn the_host_that_takes_writes_is_found() {
    let (Some(standby), Some(primary)) = (Server::start(), Server::start()) else {
        return;
    };
    standby.stop();
    standby.configure("default_transaction_read_only = on\n");
    standby.boot();
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let port = |url: String| {
            url.rsplit_once(':')
                .unwrap()
                .1
                .split_once('/')
                .unwrap()
                .0
                .to_owned()
        };
        let ports = [&standby, &primary].map(|server| port(server.url("x", "")));
        let hosts = format!("127.0.0.1:{},127.0.0.1:{}", ports[0], ports[1]);
        let url = primary
            .url("H", "")
            .replace(&format!("H:{}", ports[1]), &hosts);
        let raw = Raw::new(
            PostgresDriver::connect(postgres_options(&url))
                .await
                .unwrap(),
        );
        let told = raw.write(|tx| {
            tx.query("SELECT current_setting('port')", &[])?
                .remove(0)
                .take::<String>()
        });
        assert_eq!(told.await.unwrap(), ports[1]);
        let only = standby.url("127.0.0.1", "");
        let refused = PostgresDriver::connect(postgres_options(&only)).await;
        assert!(
            matches!(refused, Err(StoreError::Unavailable { .. })),
            "{refused:?}"
        );
    });
}

#[test]
fn a_wrong_password_is_refused_at_once_and_never_shown() {
    let Some(server) = Server::start() else {
        return;
    };
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let url = server.url("127.0.0.1", "").replace("test-only", "hunter2");
        let mut options = postgres_options(&url);
        options.unavailable_after = Duration::from_secs(60);
        let began = Instant::now();
        let error = PostgresDriver::connect(options).await.unwrap_err();
        assert!(began.elapsed() < Duration::from_secs(30));
        assert_eq!(lost(&Err::<(), _>(error.clone())), Some(false));
        assert!(error.to_string().contains("28P01"), "{error}");
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
    });
}
