//! What a worker does when sending fails.

use std::sync::Arc;
use std::time::Duration;

use doorward_crypto::{Keyring, MasterKey};
use doorward_delivery::sender::{SendError, Step};
use doorward_delivery::worker::WorkerOptions;
use doorward_domain::contact::Channel;
use doorward_domain::{Clock as _, OsRandom, time};
use doorward_testkit::on_both_engines;
use serde_json::json;

use super::house::{Act, House, LIFE, Script, a_while, options, until};
use crate::messages::app_id;

fn temporary() -> Act {
    Act::Fail(SendError::temporary("the relay is down"))
}

/// Seconds from now until the one waiting message is due.
async fn due_in(house: &House) -> f64 {
    let due = house.depth().await.oldest_due.unwrap();
    due.duration_since(house.clock.now()).as_secs_f64()
}

on_both_engines! {
    async fn waits_longer_after_each_failure_then_succeeds(db: TestDatabase) {
        let house = House::new(&db);
        let sender = Script::new([temporary(), temporary(), Act::Accept]);
        house.enqueue(1).await;
        let worker = house.start(&sender, options());
        for (attempt, most) in [(1, 8.0), (2, 16.0)] {
            // Until the failure is noted the message is due at the end of its lease, in 60 s.
            until("the failure is noted", async || {
                sender.begun() == attempt && due_in(&house).await <= 16.0
            })
            .await;
            let wait = due_in(&house).await;
            assert!((most / 2.0..=most).contains(&wait), "attempt {attempt}: {wait}");
            house.clock.advance_seconds(wait.floor() as i64 - 1);
            a_while().await;
            assert_eq!(sender.begun(), attempt, "not before its time");
            house.clock.advance_seconds(2);
        }
        house.drained().await;
        worker.stop().await;
        assert_eq!(sender.begun(), 3);
        let events = house.audit().await;
        assert_eq!(events.len(), 1, "attempts in between are no events");
        assert_eq!(events[0].action, "message.sent");
        assert_eq!(events[0].details.as_ref().unwrap()["attempt"], 3);
    }

    async fn waits_as_long_as_the_other_side_asks(db: TestDatabase) {
        let house = House::new(&db);
        let asked = SendError::Temporary {
            reason: "too many".into(),
            retry_after: Some(Duration::from_secs(40)),
            step: Step::Refused,
        };
        let sender = Script::new([Act::Fail(asked), Act::Accept]);
        house.enqueue(1).await;
        let worker = house.start(&sender, options());
        until("the failure is noted", async || sender.begun() == 1 && due_in(&house).await < 60.0).await;
        assert!((due_in(&house).await - 40.0).abs() < 0.001);
        house.clock.advance_seconds(41);
        house.drained().await;
        worker.stop().await;
    }

    async fn a_sender_that_is_out_of_reach_is_left_alone(db: TestDatabase) {
        let house = House::new(&db);
        let gone = || Act::Fail(SendError::temporary("no connection").at(Step::Connect));
        let sender = Script::new([gone(), gone(), gone(), gone(), gone(), Act::Accept]);
        house.enqueue_for(app_id(), Channel::Email, 5).await;
        let worker = house.start(&sender, options());
        until("all are tried", async || sender.begun() == 5).await;
        a_while().await;
        house.enqueue_for(app_id(), Channel::Email, 1).await;
        a_while().await;
        assert_eq!(sender.begun(), 5, "nobody asks it");
        house.clock.advance_seconds(31);
        until("one tries", async || sender.begun() >= 6).await;
        a_while().await;
        house.clock.advance_seconds(20);
        house.drained().await;
        worker.stop().await;
        assert_eq!(sender.begun(), 11, "each once more");
    }

    /// Else one app's messages would shut the others off.
    async fn what_is_refused_leaves_the_sender_open(db: TestDatabase) {
        let house = House::new(&db);
        let refused = Act::Fail(SendError::permanent("not this one"));
        let sender = Script::new([refused]);
        house.enqueue_for(app_id(), Channel::Email, 12).await;
        let worker = house.start(&sender, options());
        until("all are tried", async || sender.begun() == 12).await;
        worker.stop().await;
    }

    async fn gives_up_after_the_last_attempt(db: TestDatabase) {
        let house = House::new(&db);
        let sender = Script::new([temporary()]);
        let ids = house.enqueue(1).await;
        let worker = house.start(&sender, options());
        for attempt in 1..=3 {
            until("the attempt is made", async || sender.begun() >= attempt).await;
            until("it is noted", async || {
                // One look: between two of them the last attempt may be noted, and nothing is due.
                let due = house.depth().await.oldest_due;
                due.is_none_or(|due| due.duration_since(house.clock.now()).as_secs_f64() < 59.0)
            })
            .await;
            house.clock.advance_seconds(40);
        }
        house.drained().await;
        a_while().await;
        worker.stop().await;
        assert_eq!(sender.begun(), 3);
        let events = house.audit().await;
        assert_eq!(events.len(), 1);
        assert_eq!((events[0].action.as_str(), events[0].outcome.as_str()), ("message.failed", "refused"));
        assert_eq!(events[0].target_id, Some(ids[0].to_string()));
        assert_eq!(
            events[0].details,
            Some(json!({
                "channel": "email", "template": "otp/LOGIN", "attempt": 3,
                "error": "the relay is down",
            }))
        );
    }

    async fn gives_up_at_once_when_trying_again_is_pointless(db: TestDatabase) {
        let house = House::new(&db);
        let sender = Script::new([Act::Fail(SendError::permanent("no such number"))]);
        house.enqueue(1).await;
        let worker = house.start(&sender, options());
        house.drained().await;
        worker.stop().await;
        assert_eq!(sender.begun(), 1);
        let event = house.audit().await.remove(0);
        assert_eq!(event.action, "message.failed");
        assert_eq!(event.details.unwrap()["error"], "no such number");
    }

    async fn a_dead_code_is_not_sent(db: TestDatabase) {
        let house = House::new(&db);
        let sender = Script::new([Act::Accept]);
        house.enqueue(2).await;
        house.clock.advance_seconds(LIFE);
        let worker = house.start(&sender, options());
        house.drained().await;
        worker.stop().await;
        assert_eq!(sender.begun(), 0);
        assert!(house.audit().await.is_empty(), "neither sent nor failed: expired");
    }

    async fn a_retry_that_would_come_too_late_is_a_failure(db: TestDatabase) {
        let house = House::new(&db);
        let sender = Script::new([temporary()]);
        house.enqueue(1).await;
        house.clock.advance_seconds(LIFE - 2);
        let worker = house.start(&sender, options());
        house.drained().await;
        worker.stop().await;
        assert_eq!(sender.begun(), 1);
        assert_eq!(house.audit().await[0].action, "message.failed");
    }

    async fn an_attempt_that_hangs_ends_in_time(db: TestDatabase) {
        let house = House::new(&db);
        let never = Arc::new(tokio::sync::Semaphore::new(0));
        let sender = Script::new([Act::Wait(never), Act::Accept]);
        house.enqueue(1).await;
        let quick = WorkerOptions { send_timeout: Duration::from_millis(50), ..options() };
        let worker = house.start(&sender, quick);
        until("it is broken off", async || sender.begun() == 1 && due_in(&house).await < 10.0).await;
        house.clock.advance_seconds(10);
        house.drained().await;
        worker.stop().await;
        assert_eq!(sender.accepted().len(), 1);
    }

    async fn a_panicking_sender_harms_nobody_else(db: TestDatabase) {
        let house = House::new(&db);
        let sender = Script::new([Act::Panic, Act::Accept]);
        house.enqueue(1).await;
        let worker = house.start(&sender, options());
        until("it panicked", async || sender.begun() == 1).await;
        house.enqueue(5).await;
        until("the others are sent", async || sender.accepted().len() == 5).await;
        house.clock.advance_seconds(60);
        house.drained().await;
        worker.stop().await;
        assert_eq!(sender.accepted().len(), 6);
    }

    async fn a_message_that_kills_every_attempt_is_given_up(db: TestDatabase) {
        let house = House::new(&db);
        let sender = Script::new([Act::Panic]);
        house.enqueue(1).await;
        let worker = house.start(&sender, options());
        for attempt in 1..=3 {
            until("it panicked", async || sender.begun() == attempt).await;
            a_while().await;
            house.clock.advance_seconds(60);
        }
        house.drained().await;
        worker.stop().await;
        assert_eq!(sender.begun(), 3);
        let event = house.audit().await.remove(0);
        assert_eq!(event.details.unwrap()["error"], "every attempt was cut short");
    }

    async fn what_one_node_cannot_open_is_left_to_another(db: TestDatabase) {
        let house = House::new(&db);
        let mut strange = house.second_node(&db).await;
        strange.keyring = Arc::new(Keyring::new(MasterKey::generate(&OsRandom), Vec::new()));
        let sender = Script::new([Act::Accept]);
        house.enqueue(1).await;
        let worker = strange.start(&sender, options());
        until("it is noted", async || due_in(&house).await <= 8.0 && due_in(&house).await > 0.0).await;
        worker.stop().await;
        assert_eq!(sender.begun(), 0);
        house.clock.advance_seconds(8);
        let worker = house.start(&sender, options());
        house.drained().await;
        worker.stop().await;
        assert_eq!(sender.accepted().len(), 1);
        assert!(house.clock.now() < time::plus_seconds(crate::messages::now(), LIFE));
    }
}
