//! What both drivers promise about writes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use doorward_store::{Access, Connection, Constraint, Job, StoreError, Verdict};
use doorward_testkit::on_both_engines;

use crate::support::{Hold, Probe, Raw, Tune, ids, insert, insert_deferred};

/// One thread for writes on either engine.
const ONE: Tune = Tune {
    threads: 1,
    queue: 1024,
};

/// Looks, at the moment of its answer, whether others can see what it wrote.
struct Witness {
    other: Raw,
    runtime: tokio::runtime::Handle,
    seen: tokio::sync::oneshot::Sender<Vec<i64>>,
}

impl Job for Witness {
    fn run(&mut self, connection: &mut dyn Connection) -> Verdict {
        insert(connection, 1).expect("inserts");
        insert_deferred(connection, 2).expect("inserts");
        Verdict::Commit
    }

    fn finish(self: Box<Self>, outcome: Result<(), StoreError>) {
        outcome.expect("commits");
        let seen = self.runtime.block_on(self.other.read(ids)).expect("reads");
        self.seen.send(seen).expect("the test waits");
    }

    fn abandoned(&self) -> bool {
        false
    }
}

fn is_probe_key(error: &StoreError) -> bool {
    matches!(
        error,
        StoreError::Constraint {
            constraint: Constraint::Other,
            ..
        }
    )
}

on_both_engines! {
    async fn a_write_is_answered_after_others_can_see_it(db: TestDatabase) {
        let probe = Probe::new(&db, ONE).await;
        let other = Probe::driver(&db, ONE).await;
        let (seen, sight) = tokio::sync::oneshot::channel();
        let runtime = tokio::runtime::Handle::current();
        probe.raw.0.submit(Access::Write, Box::new(Witness { other, runtime, seen }));
        assert_eq!(sight.await, Ok(vec![1, 2]));
    }

    async fn a_failing_job_harms_none_of_its_neighbours(db: TestDatabase) {
        let probe = Probe::new(&db, ONE).await;
        let hold = Hold::writer(&probe.raw).await;
        let before = probe.raw.write(|tx| insert(tx, 1));
        let refused = probe.raw.write(|tx| {
            insert(tx, 2)?;
            Err::<(), _>(StoreError::Internal("of its own".to_owned()))
        });
        let panicking = probe.raw.write(|tx| -> Result<(), _> {
            insert(tx, 3)?;
            panic!("a panic on purpose");
        });
        let stubborn = probe.raw.write(|tx| {
            insert(tx, 4)?;
            // The error is swallowed; the transaction fails all the same.
            let _ = insert(tx, 1);
            Ok(())
        });
        let deferring = probe.raw.write(|tx| {
            insert(tx, 5)?;
            let _ = insert_deferred(tx, 1);
            Ok(())
        });
        let after = probe.raw.write(|tx| insert(tx, 6));
        hold.release().await;
        assert_eq!(before.await.unwrap(), 1);
        assert!(matches!(refused.await, Err(StoreError::Internal(text)) if text == "of its own"));
        let panicked = panicking.await.unwrap_err();
        assert!(matches!(panicked, StoreError::Internal(text) if text.contains("panic")));
        assert!(is_probe_key(&stubborn.await.unwrap_err()));
        assert!(is_probe_key(&deferring.await.unwrap_err()));
        assert_eq!(after.await.unwrap(), 1);
        assert_eq!(probe.ids().await, [1, 6]);
    }

    async fn a_failed_transaction_does_nothing_more(db: TestDatabase) {
        let probe = Probe::new(&db, ONE).await;
        let outcome = probe.raw.write(|tx| {
            insert(tx, 1)?;
            let first = insert(tx, 1).unwrap_err();
            let second = insert(tx, 2).unwrap_err();
            assert_eq!(first.to_string(), second.to_string());
            assert!(ids(tx).is_err());
            Err::<(), _>(first)
        });
        assert!(is_probe_key(&outcome.await.unwrap_err()));
        assert_eq!(probe.ids().await, [0_i64; 0]);
    }

    async fn deferred_writes_take_effect_in_order(db: TestDatabase) {
        let probe = Probe::new(&db, ONE).await;
        let seen = probe.raw.write(|tx| {
            insert_deferred(tx, 1)?;
            insert_deferred(tx, 2)?;
            let seen = ids(tx)?;
            insert_deferred(tx, 3)?;
            Ok(seen)
        });
        assert_eq!(seen.await.unwrap(), [1, 2]);
        assert_eq!(probe.ids().await, [1, 2, 3]);
        probe.raw.write(|tx| insert_deferred(tx, 4)).await.unwrap();
        assert_eq!(probe.ids().await, [1, 2, 3, 4]);
    }

    async fn a_rollback_leaves_nothing(db: TestDatabase) {
        let probe = Probe::new(&db, ONE).await;
        let refused = probe.raw.write(|tx| {
            insert(tx, 1)?;
            insert_deferred(tx, 2)?;
            Err::<(), _>(StoreError::Internal("no".to_owned()))
        });
        refused.await.unwrap_err();
        assert_eq!(probe.ids().await, [0_i64; 0]);
    }

    async fn abandoned_jobs_are_skipped(db: TestDatabase) {
        let probe = Probe::new(&db, ONE).await;
        let hold = Hold::writer(&probe.raw).await;
        let ran = Arc::new(AtomicBool::new(false));
        let flag = ran.clone();
        drop(probe.raw.write(move |tx| {
            flag.store(true, Ordering::SeqCst);
            insert(tx, 1)
        }));
        let after = probe.raw.write(|tx| insert(tx, 2));
        hold.release().await;
        after.await.unwrap();
        assert!(!ran.load(Ordering::SeqCst));
        assert_eq!(probe.ids().await, [2]);
    }

    async fn a_full_queue_is_said_at_once(db: TestDatabase) {
        let probe = Probe::new(&db, Tune { threads: 1, queue: 2 }).await;
        let hold = Hold::writer(&probe.raw).await;
        let waiting = [probe.raw.write(|tx| insert(tx, 1)), probe.raw.write(|tx| insert(tx, 2))];
        assert!(matches!(probe.raw.write(|tx| insert(tx, 3)).await, Err(StoreError::Busy)));
        hold.release().await;
        for job in waiting {
            job.await.unwrap();
        }
        assert_eq!(probe.ids().await, [1, 2]);
    }

    async fn closing_finishes_what_waits_and_refuses_the_rest(db: TestDatabase) {
        let probe = Probe::new(&db, ONE).await;
        let hold = Hold::writer(&probe.raw).await;
        let waiting = probe.raw.write(|tx| insert(tx, 1));
        let driver = probe.raw.0.clone();
        let closing = tokio::spawn(async move { driver.close().await });
        tokio::task::yield_now().await;
        hold.release().await;
        closing.await.unwrap();
        waiting.await.unwrap();
        let late = probe.raw.write(|tx| insert(tx, 2)).await;
        assert!(matches!(late, Err(StoreError::Unavailable { uncertain: false, .. })), "{late:?}");
        assert_eq!(Probe { raw: Probe::driver(&db, ONE).await }.ids().await, [1]);
    }

    async fn two_stores_on_one_database_lose_no_update(db: TestDatabase) {
        const ADD: &str = "UPDATE probe SET i = i + 1 WHERE id = 1";
        const ROUNDS: usize = 200;
        let probe = Probe::new(&db, Tune::default()).await;
        let other = Probe::driver(&db, Tune::default()).await;
        let start = "INSERT INTO probe (id, i) VALUES (1, 0)";
        probe.raw.write(move |tx| tx.execute(start, &[])).await.unwrap();
        let runs = Arc::new(AtomicUsize::new(0));
        let jobs: Vec<_> = (0..ROUNDS)
            .map(|round| {
                let runs = runs.clone();
                [&probe.raw, &other][round % 2].write(move |tx| {
                    runs.fetch_add(1, Ordering::SeqCst);
                    tx.execute(ADD, &[])
                })
            })
            .collect();
        for job in jobs {
            assert_eq!(job.await.unwrap(), 1);
        }
        let total = probe.raw.read(|tx| {
            tx.query("SELECT i FROM probe WHERE id = 1", &[])?.remove(0).take::<i64>()
        });
        assert_eq!(total.await.unwrap(), i64::try_from(ROUNDS).unwrap());
        assert!(runs.load(Ordering::SeqCst) >= ROUNDS);
    }

    async fn mistakes_in_statements_are_internal_errors(db: TestDatabase) {
        let probe = Probe::new(&db, ONE).await;
        let few = probe.raw.write(|tx| tx.execute("INSERT INTO probe (id) VALUES ($1)", &[])).await;
        assert!(matches!(few, Err(StoreError::Internal(_))), "{few:?}");
        let syntax = probe.raw.write(|tx| tx.execute("INSERT INTO", &[])).await;
        assert!(matches!(syntax, Err(StoreError::Internal(_))), "{syntax:?}");
        let table = probe.raw.read(|tx| tx.query("SELECT 1 FROM nowhere", &[]).map(drop)).await;
        assert!(matches!(table, Err(StoreError::Internal(_))), "{table:?}");
        probe.raw.write(|tx| insert(tx, 1)).await.unwrap();
    }
}
