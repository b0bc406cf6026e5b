//! What a worker does while all is well, and how it stops.

use std::sync::Arc;
use std::time::{Duration, Instant};

use doorward_delivery::worker::WorkerOptions;
use doorward_domain::contact::Channel;
use doorward_testkit::on_both_engines;
use tokio::sync::Semaphore;

use super::house::{Act, House, Script, a_while, options, until};
use crate::messages::app_id;

on_both_engines! {
    async fn sends_and_notes_it_in_the_audit_trail(db: TestDatabase) {
        let house = House::new(&db);
        let sender = Script::new([Act::Accept]);
        let ids = house.enqueue(1).await;
        let worker = house.start(&sender, options());
        house.drained().await;
        worker.stop().await;

        let message = sender.last();
        assert_eq!((message.id, message.channel), (ids[0], Channel::Email));
        assert_eq!(message.app_name, "My shop");
        assert_eq!(message.content.to.original(), "ada@example.com");
        assert!(message.content.text.starts_with("000000 is your code to sign in to My shop."));
        assert!(message.content.html.is_some() && message.content.subject.is_some());

        let events = house.audit().await;
        assert_eq!(events.len(), 1);
        let event = &events[0];
        assert_eq!((event.action.as_str(), event.outcome.as_str()), ("message.sent", "success"));
        assert_eq!(event.actor_type, "system");
        assert_eq!(event.target_type.as_deref(), Some("message"));
        assert_eq!(event.target_id, Some(ids[0].to_string()));
        assert_eq!(
            event.details,
            Some(serde_json::json!({ "channel": "email", "template": "otp/LOGIN", "attempt": 1 }))
        );
    }

    async fn drains_a_long_queue_within_its_bounds(db: TestDatabase) {
        let house = House::new(&db);
        let sender = Script::new([Act::Accept]);
        let ids = house.enqueue(50).await;
        // A poll would come far too late: a full batch alone makes it look again.
        let worker = house.start(&sender, WorkerOptions { poll: Duration::from_secs(600), ..options() });
        house.drained().await;
        worker.stop().await;
        let accepted = sender.accepted();
        assert_eq!(accepted.len(), ids.len());
        assert!(accepted.values().all(|times| *times == 1), "{accepted:?}");
        assert!(sender.most_inside() <= 8, "four of each channel, not {}", sender.most_inside());
        assert_eq!(house.audit().await.len(), 50);
    }

    async fn wakes_when_told_and_polls_when_not(db: TestDatabase) {
        let house = House::new(&db);
        let sender = Script::new([Act::Accept]);
        let worker = house.start(&sender, WorkerOptions { poll: Duration::from_secs(600), ..options() });
        a_while().await;
        house.enqueue(1).await;
        a_while().await;
        assert_eq!(sender.begun(), 0, "nobody told it");
        house.bell.ring(Channel::Email);
        house.drained().await;
        worker.stop().await;

        let begun = Instant::now();
        let worker = house.start(&sender, WorkerOptions { poll: WorkerOptions::default().poll, ..options() });
        a_while().await;
        house.enqueue(1).await;
        house.drained().await;
        assert!(begun.elapsed() < Duration::from_secs(10));
        worker.stop().await;
    }

    async fn finishes_what_it_sends_before_it_stops(db: TestDatabase) {
        let house = House::new(&db);
        let gate = Arc::new(Semaphore::new(0));
        let sender = Script::new([Act::Wait(gate.clone())]);
        house.enqueue_for(app_id(), Channel::Email, 6).await;
        let mut worker = house.start(&sender, options());
        until("four are under way", async || sender.begun() == 4).await;

        worker.ask_to_stop();
        a_while().await;
        assert!(!worker.is_finished(), "it waits for what it sends");
        gate.add_permits(100);
        worker.stop().await;
        // The four are done and noted; the other two are free for the next worker at once.
        assert_eq!(sender.accepted().len(), 4);
        assert_eq!(house.audit().await.len(), 4);
        assert_eq!(house.depth().await.queued, 2);
        let next = house.start(&sender, options());
        house.drained().await;
        next.stop().await;
        assert!(sender.accepted().values().all(|times| *times == 1));
        assert_eq!(sender.accepted().len(), 6);
    }

    async fn stops_at_once_when_idle_or_told_before_it_began(db: TestDatabase) {
        let house = House::new(&db);
        let sender = Script::new([Act::Accept]);
        let idle = house.start(&sender, WorkerOptions { poll: Duration::from_secs(600), ..options() });
        a_while().await;
        idle.stop().await;

        house.enqueue(3).await;
        let mut early = house.start(&sender, options());
        early.ask_to_stop();
        early.stop().await;
        // Whatever it took it sent or gave back: nothing waits for a lease to run out.
        let next = house.start(&sender, options());
        house.drained().await;
        next.stop().await;
        assert_eq!(sender.accepted().len(), 3);
        assert!(sender.accepted().values().all(|times| *times == 1));
    }
}
