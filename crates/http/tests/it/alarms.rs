//! Alarms are told: each destination once, whatever becomes of nodes and of the others.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use doorward_delivery::BoxFuture;
use doorward_delivery::alarms::Alarms;
use doorward_delivery::message::OutgoingMessage;
use doorward_delivery::sender::{
    HttpOptions, Receipt, SendError, Sender, WebhookOptions, WebhookSender,
};
use doorward_domain::OutboxId;
use doorward_domain::secret::SecretText;
use doorward_domain::sms::AlarmKind;
use doorward_domain::time::plus_seconds;
use doorward_service::{Core, alarms, jobs};
use doorward_store::StoreError;
use doorward_store::app::SmsAlarm;
use doorward_testkit::on_both_engines;
use doorward_testkit::platform::contact;
use serde_json::json;

use crate::front::ask;
use crate::receipts::{Provider, SECRET, World};

/// A mail server that refuses the first so many.
#[derive(Default)]
struct Post {
    refusals: AtomicUsize,
    asked: Mutex<Vec<OutboxId>>,
}

impl Sender for Post {
    fn send<'a>(
        &'a self,
        message: &'a OutgoingMessage,
    ) -> BoxFuture<'a, Result<Receipt, SendError>> {
        self.asked.lock().unwrap().push(message.id);
        let refuses = |left: usize| left.checked_sub(1);
        let refused = self
            .refusals
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, refuses);
        Box::pin(async move {
            match refused {
                Ok(_) => Err(SendError::temporary("not now")),
                Err(_) => Ok(Receipt::default()),
            }
        })
    }
}

impl Post {
    fn count(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

fn webhook(hook: &Provider) -> WebhookSender {
    WebhookSender::new(&WebhookOptions {
        url: format!("http://127.0.0.1:{}/", hook.port).parse().unwrap(),
        secret: SecretText::new(SECRET),
        http: HttpOptions::default(),
    })
    .unwrap()
}

/// An endpoint and a mailbox that every node of the world tells.
async fn destinations(nodes: &[&Arc<Core>]) -> (Provider, Arc<Post>) {
    let (hook, post) = (Provider::start().await, Arc::new(Post::default()));
    for node in nodes {
        let mail = (contact("ops@example.com"), post.clone() as Arc<dyn Sender>);
        let alarms = Alarms::new(Some(webhook(&hook)), Some(mail));
        node.messages.set_alarms(Arc::new(alarms));
    }
    (hook, post)
}

/// Raises so many alarms.
async fn raise(world: &World, count: usize) {
    let (id, now) = (world.app.id, world.front.platform.context().now());
    let store = &world.front.platform.core.store;
    let raised = store.write(move |tx| {
        for number in 0..count {
            let raised = tx.app(id).raise_sms_alarm(&SmsAlarm {
                kind: AlarmKind::DayBudget,
                prefix: format!("+9{number}"),
                raised_at: now,
                active_until: plus_seconds(now, 80_000),
                stops: true,
            })?;
            assert!(raised);
        }
        Ok::<_, StoreError>(())
    });
    raised.await.unwrap();
}

on_both_engines! {
    async fn an_alarm_is_told_once_whatever_becomes_of_nodes(db: TestDatabase) {
        let world = World::with(&db, |settings| settings.sms.per_day = 1).await;
        let first = world.front.platform.core.clone();
        let second = world.front.platform.second_node().await;
        alarms::tell(&first).await.unwrap();
        let (hook, post) = destinations(&[&first, &second]).await;
        hook.answers.lock().unwrap().push_back((Duration::ZERO, 500));
        world.send().await;
        let both = async || {
            let (one, two) = tokio::join!(alarms::tell(&first), alarms::tell(&second));
            one.unwrap();
            two.unwrap();
        };
        both().await;
        assert_eq!(hook.count(), 1, "of all nodes one");
        world.front.platform.advance(59);
        both().await;
        assert_eq!(hook.count(), 1, "it waits before it tries again");
        world.front.platform.advance(1);
        for _ in 0..3 {
            both().await;
            assert_eq!(hook.count(), 2);
            world.front.platform.advance(3_600);
        }
        assert_eq!(post.count(), 1, "who was told is not told again because another was not");
        let (failed, notice) = (hook.message(0).await, hook.message(1).await);
        assert_eq!(failed, notice, "the same, by which a repetition is known");
        assert_eq!(notice["kind"], "day_budget");
        assert_eq!((&notice["app_slug"], &notice["app_id"]), (&json!("shop"), &json!(world.app.id)));
        assert_eq!(notice["stops"], true);
    }

    async fn a_mailbox_that_refuses_has_nobody_else_told_again(db: TestDatabase) {
        let world = World::new(&db).await;
        let core = &world.front.platform.core;
        let (hook, post) = destinations(&[core]).await;
        post.refusals.store(2, Ordering::SeqCst);
        raise(&world, 1).await;
        for wait in [60, 120, 7_200, 7_200] {
            alarms::tell(core).await.unwrap();
            world.front.platform.advance(wait);
        }
        assert_eq!((hook.count(), post.count()), (1, 3));
        let mut names = post.asked.lock().unwrap().clone();
        names.dedup();
        assert_eq!(names.len(), 1, "a repetition is known by its name");
    }

    /// A node that dies after it told one destination, and before the other.
    async fn what_a_dead_node_told_is_not_told_again(db: TestDatabase) {
        let world = World::new(&db).await;
        let core = &world.front.platform.core;
        let (hook, post) = destinations(&[core]).await;
        raise(&world, 1).await;
        let now = world.front.platform.context().now();
        let taken = core.store.write(move |tx| {
            let taken = tx.platform().take_untold_alarm(now, plus_seconds(now, 120))?.unwrap();
            tx.platform().alarm_told_to(taken.app_id, &taken.alarm, "webhook")?;
            Ok::<_, StoreError>(())
        });
        taken.await.unwrap();
        alarms::tell(core).await.unwrap();
        assert_eq!((hook.count(), post.count()), (0, 0), "it may live");
        world.front.platform.advance(120);
        for _ in 0..2 {
            alarms::tell(core).await.unwrap();
            assert_eq!((hook.count(), post.count()), (0, 1));
            world.front.platform.advance(7_200);
        }
    }

    /// Time flies: 20 s in each tenth of a second, and each alarm takes two tenths.
    async fn none_is_told_twice_because_others_are_slow(db: TestDatabase) {
        let world = World::new(&db).await;
        let first = world.front.platform.core.clone();
        let second = world.front.platform.second_node().await;
        let (hook, _) = destinations(&[&first, &second]).await;
        let slow = (Duration::from_millis(200), 200);
        hook.answers.lock().unwrap().extend([slow; 48]);
        raise(&world, 48).await;
        let telling = async |core: &Arc<Core>| {
            for _ in 0..3 {
                alarms::tell(core).await.unwrap();
            }
        };
        let time = async {
            for _ in 0..15 {
                tokio::time::sleep(Duration::from_millis(100)).await;
                world.front.platform.advance(20);
            }
        };
        tokio::join!(telling(&first), telling(&second), time);
        assert_eq!(hook.count(), 48);
        let mut told = HashSet::new();
        for number in 0..48 {
            told.insert(hook.message(number).await["id"].to_string());
        }
        assert_eq!(told.len(), 48, "each once");
    }

    async fn nothing_more_is_told_once_the_server_is_to_stop(db: TestDatabase) {
        let world = World::new(&db).await;
        let core = &world.front.platform.core;
        let (hook, _) = destinations(&[core]).await;
        hook.answers.lock().unwrap().extend([(Duration::from_secs(1), 200); 12]);
        raise(&world, 12).await;
        let (stop, stopping) = tokio::sync::watch::channel(());
        let jobs = jobs::spawn(core, &stopping);
        hook.message(0).await;
        drop(stop);
        for job in jobs {
            job.await.unwrap();
        }
        assert!((1..=4).contains(&hook.count()), "{}", hook.count());
    }

    /// Of any number that wait, an endpoint that is gone is asked a few times.
    async fn a_destination_that_keeps_failing_is_left_alone(db: TestDatabase) {
        let world = World::new(&db).await;
        let core = &world.front.platform.core;
        let (hook, post) = destinations(&[core]).await;
        hook.answers.lock().unwrap().extend([(Duration::ZERO, 503); 40]);
        raise(&world, 40).await;
        alarms::tell(core).await.unwrap();
        assert!((5..=8).contains(&hook.count()), "{}", hook.count());
        assert_eq!(post.count(), 40, "the other one is told all the same");
        hook.answers.lock().unwrap().clear();
        // One tries; what it told is not told again.
        for _ in 0..5 {
            world.front.platform.advance(600);
            alarms::tell(core).await.unwrap();
        }
        let asked = hook.count();
        world.front.platform.advance(7_200);
        alarms::tell(core).await.unwrap();
        assert_eq!((hook.count(), post.count()), (asked, 40));
        let mut told = HashSet::new();
        for number in 0..asked {
            told.insert(hook.message(number).await["id"].to_string());
        }
        assert_eq!(told.len(), 40);
    }

    async fn a_test_alarm_is_sent_now_and_then(db: TestDatabase) {
        let world = World::new(&db).await;
        let (hook, _) = destinations(&[&world.front.platform.core]).await;
        let test = async || world.front.admin(ask("POST", "/admin/alarms/test")).await;
        let result = |destination: &str| {
            json!({ "destination": destination, "accepted": true, "failed_step": null, "reason": null })
        };
        let all = json!([result("webhook"), result("email")]);
        assert_eq!(test().await.json()["results"], all);
        assert_eq!(hook.message(0).await["kind"], "test");
        let again = test().await;
        assert_eq!(again.brief(), (429, "RATE_LIMITED".to_owned()));
        assert_eq!(hook.count(), 1);
        world.front.platform.advance(10);
        assert_eq!(test().await.json()["results"], all);
        let events = world.front.platform.events(None).await;
        let tested = events.iter().filter(|event| event.action == "alarm.tested");
        assert_eq!(tested.count(), 2);
    }

    async fn without_anybody_to_tell_a_test_alarm_says_so(db: TestDatabase) {
        let world = World::new(&db).await;
        let answer = world.front.admin(ask("POST", "/admin/alarms/test")).await;
        assert_eq!(answer.brief(), (404, "NOT_FOUND".to_owned()));
    }
}
