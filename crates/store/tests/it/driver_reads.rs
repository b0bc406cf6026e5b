//! What both drivers promise about reads.

use std::sync::mpsc;

use doorward_store::StoreError;
use doorward_testkit::on_both_engines;

use crate::support::{Probe, Tune, ids, insert, insert_deferred};

const RETURNING: &str = "INSERT INTO probe (id) VALUES (3) RETURNING id";

on_both_engines! {
    async fn a_read_sees_one_snapshot(db: TestDatabase) {
        let probe = Probe::new(&db, Tune::default()).await;
        probe.raw.write(|tx| insert(tx, 1)).await.unwrap();
        let (go, wait) = mpsc::channel::<()>();
        let (looked, first_look) = tokio::sync::oneshot::channel();
        let mut looked = Some(looked);
        let reading = probe.raw.read(move |tx| {
            let before = ids(tx)?;
            if let Some(looked) = looked.take() {
                let _ = looked.send(());
            }
            let _ = wait.recv();
            Ok((before, ids(tx)?))
        });
        first_look.await.unwrap();
        probe.raw.write(|tx| insert(tx, 2)).await.unwrap();
        assert_eq!(probe.ids().await, [1, 2]);
        go.send(()).unwrap();
        assert_eq!(reading.await.unwrap(), (vec![1], vec![1]));
    }

    async fn a_read_cannot_write(db: TestDatabase) {
        let probe = Probe::new(&db, Tune::default()).await;
        for outcome in [
            probe.raw.read(|tx| insert(tx, 1).map(drop)).await,
            probe.raw.read(|tx| insert_deferred(tx, 2)).await,
            probe.raw.read(|tx| tx.query(RETURNING, &[]).map(drop)).await,
            // Swallowed, and an error all the same.
            probe.raw.read(|tx| {
                let _ = insert(tx, 4);
                Ok(())
            }).await,
        ] {
            let Err(StoreError::Internal(text)) = &outcome else { panic!("{outcome:?}") };
            assert!(text.contains("tried to write"), "{text}");
        }
        assert_eq!(probe.ids().await, [0_i64; 0]);
    }

    async fn a_panicking_read_harms_no_other(db: TestDatabase) {
        let probe = Probe::new(&db, Tune { threads: 1, queue: 16 }).await;
        probe.raw.write(|tx| insert(tx, 1)).await.unwrap();
        let panicking = probe.raw.read(|tx| -> Result<(), _> {
            ids(tx)?;
            panic!("a panic on purpose");
        });
        assert!(matches!(panicking.await, Err(StoreError::Internal(_))));
        probe.raw.write(|tx| insert(tx, 2)).await.unwrap();
        // A snapshot left open would not see it.
        assert_eq!(probe.ids().await, [1, 2]);
    }
}
