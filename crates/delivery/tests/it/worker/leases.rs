//! Several workers on one outbox.

use std::sync::Arc;

use doorward_delivery::worker::WorkerOptions;
use doorward_testkit::on_both_engines;
use tokio::sync::Semaphore;

use super::house::{Act, House, Script, a_while, options, until};

on_both_engines! {
    async fn two_workers_never_send_one_message_twice(db: TestDatabase) {
        let house = House::new(&db);
        let other = house.second_node(&db).await;
        let sender = Script::new([Act::Accept]);
        let before = house.enqueue(40).await;
        let workers = [
            house.start(&sender, options()),
            other.start(&sender, options()),
            house.start(&sender, options()),
        ];
        let mut ids = before;
        for _ in 0..10 {
            ids.extend(other.enqueue(4).await);
        }
        house.drained().await;
        for worker in workers {
            worker.stop().await;
        }
        let accepted = sender.accepted();
        assert_eq!(accepted.len(), ids.len());
        assert!(accepted.values().all(|times| *times == 1), "{accepted:?}");
        assert_eq!(house.audit().await.len(), ids.len());
    }

    async fn a_dead_workers_message_is_taken_over_after_its_lease(db: TestDatabase) {
        let house = House::new(&db);
        let stuck = Script::new([Act::Wait(Arc::new(Semaphore::new(0)))]);
        let ids = house.enqueue(1).await;
        let dying = house.start(&stuck, options());
        until("it is being sent", async || stuck.begun() == 1).await;
        dying.crash().await;

        let other = house.second_node(&db).await;
        let sender = Script::new([Act::Accept]);
        let worker = other.start(&sender, options());
        house.clock.advance_seconds(59);
        a_while().await;
        assert_eq!(sender.begun(), 0, "the lease still holds");
        house.clock.advance_seconds(1);
        house.drained().await;
        worker.stop().await;
        assert_eq!(sender.accepted().get(&ids[0]), Some(&1));
        let events = house.audit().await;
        assert_eq!(events.len(), 1);
        assert_eq!(events[0].details.as_ref().unwrap()["attempt"], 2);
    }

    async fn a_late_note_of_a_lost_lease_changes_nothing(db: TestDatabase) {
        let house = House::new(&db);
        let gate = Arc::new(Semaphore::new(0));
        let slow = Script::new([Act::Wait(gate.clone())]);
        house.enqueue(1).await;
        let first = house.start(&slow, WorkerOptions { poll: std::time::Duration::from_secs(600), ..options() });
        until("it is being sent", async || slow.begun() == 1).await;

        // The lease runs out under it, and another node fails for good.
        house.clock.advance_seconds(60);
        let failing = Script::new([Act::Fail(doorward_delivery::sender::SendError::permanent("no"))]);
        let second = house.second_node(&db).await.start(&failing, options());
        house.drained().await;
        gate.add_permits(1);
        first.stop().await;
        second.stop().await;
        let actions: Vec<_> = house.audit().await.into_iter().map(|event| event.action).collect();
        assert_eq!(actions, ["message.failed"]);
    }

    async fn a_moved_clock_does_not_make_a_worker_send_twice(db: TestDatabase) {
        let house = House::new(&db);
        let gate = Arc::new(Semaphore::new(0));
        let sender = Script::new([Act::Wait(gate.clone())]);
        house.enqueue(1).await;
        let worker = house.start(&sender, options());
        until("it is being sent", async || sender.begun() == 1).await;
        house.clock.advance_seconds(120);
        a_while().await;
        gate.add_permits(10);
        house.drained().await;
        worker.stop().await;
        assert_eq!(sender.begun(), 1);
        assert_eq!(house.audit().await.len(), 1);
    }
}
