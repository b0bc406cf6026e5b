//! Nobody waits behind somebody else's trouble.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use doorward_delivery::BoxFuture;
use doorward_delivery::message::OutgoingMessage;
use doorward_delivery::sender::{Receipt, SendError, Sender};
use doorward_delivery::worker::WorkerOptions;
use doorward_domain::AppId;
use doorward_domain::contact::Channel;
use doorward_testkit::on_both_engines;
use tokio::sync::Semaphore;

use super::house::{House, a_while, options, until};

/// Apps around whatever order their ids have.
fn app(number: u128) -> AppId {
    AppId::from_uuid(uuid::Uuid::from_u128(number))
}

/// Sends one message for each permit of its channel's gate, and remembers the order it was given.
struct Gated {
    email: Semaphore,
    sms: Semaphore,
    begun: Mutex<Vec<(Channel, AppId)>>,
}

impl Gated {
    fn new(email: usize, sms: usize) -> Arc<Self> {
        Arc::new(Self {
            email: Semaphore::new(email),
            sms: Semaphore::new(sms),
            begun: Mutex::default(),
        })
    }

    /// The apps whose messages a channel was given, in order.
    fn begun(&self, channel: Channel) -> Vec<AppId> {
        let begun = self.begun.lock().unwrap();
        let of_channel = begun.iter().filter(|(other, _)| *other == channel);
        of_channel.map(|(_, app)| *app).collect()
    }

    /// How many messages were begun up to and with the first of this app.
    fn wait_of(&self, app: AppId) -> Option<usize> {
        let begun = self.begun(Channel::Email);
        begun
            .iter()
            .position(|other| *other == app)
            .map(|at| at + 1)
    }
}

impl Sender for Gated {
    fn send<'a>(
        &'a self,
        message: &'a OutgoingMessage,
    ) -> BoxFuture<'a, Result<Receipt, SendError>> {
        Box::pin(async move {
            let given = (message.channel, message.app_id);
            self.begun.lock().unwrap().push(given);
            let gate = match message.channel {
                Channel::Email => &self.email,
                Channel::Sms => &self.sms,
            };
            gate.acquire().await.unwrap().forget();
            Ok(Receipt::default())
        })
    }
}

/// Waits until the e-mail lane has this many messages in hand or done.
async fn begun(sender: &Gated, count: usize) {
    until("so many are begun", async || {
        sender.begun(Channel::Email).len() >= count
    })
    .await;
}

on_both_engines! {
    async fn a_mail_server_that_hangs_delays_no_text_message(db: TestDatabase) {
        let house = House::new(&db);
        let sender = Gated::new(0, 1_000);
        house.enqueue_for(app(1), Channel::Email, 40).await;
        // No poll comes to help: the ring alone must reach the right worker.
        let worker = house.start_with(sender.clone(), WorkerOptions { poll: Duration::from_secs(600), ..options() });
        begun(&sender, 4).await;
        for sent in 1..=3 {
            house.enqueue_for(app(1), Channel::Sms, 1).await;
            house.bell.ring(Channel::Sms);
            until("it is sent", async || house.depth().await.queued == 40).await;
            assert_eq!(sender.begun(Channel::Sms).len(), sent);
        }
        assert_eq!(sender.begun(Channel::Email).len(), 4, "the mail server still hangs");
        sender.email.add_permits(1_000);
        house.drained().await;
        worker.stop().await;
    }

    async fn a_ring_while_it_is_busy_is_not_lost(db: TestDatabase) {
        let house = House::new(&db);
        let sender = Gated::new(1_000, 1_000);
        let worker = house.start_with(sender.clone(), WorkerOptions { poll: Duration::from_secs(600), ..options() });
        for _ in 0..20 {
            for channel in Channel::ALL {
                house.enqueue_for(app(1), channel, 1).await;
                house.bell.ring(channel);
            }
        }
        house.drained().await;
        worker.stop().await;
    }

    async fn a_server_that_hangs_delays_only_the_app_that_named_it(db: TestDatabase) {
        let house = House::new(&db);
        let sender = Gated::new(0, 0);
        let (hanging, other) = (app(10), app(90));
        house.enqueue_for(hanging, Channel::Email, 200).await;
        let slow = Duration::from_millis(300);
        let worker = house.start_with(sender.clone(), WorkerOptions { slow, ..options() });
        begun(&sender, 4).await;
        house.enqueue_for(other, Channel::Email, 1).await;
        // Nothing has come to an end.
        until("the other's turn", async || sender.wait_of(other).is_some()).await;
        let most = 4 * WorkerOptions::SLOW_PLACES;
        begun(&sender, most).await;
        tokio::time::sleep(2 * slow).await;
        assert_eq!(sender.begun(Channel::Email).len(), most, "within bounds");
        sender.email.add_permits(1_000);
        house.drained().await;
        worker.stop().await;
    }

    async fn a_backlog_of_one_app_delays_no_other(db: TestDatabase) {
        let house = House::new(&db);
        let sender = Gated::new(0, 0);
        let (noisy, before, behind) = (app(50), app(10), app(90));
        house.enqueue_for(noisy, Channel::Email, 2_000).await;
        let worker = house.start_with(sender.clone(), options());
        begun(&sender, 4).await;
        // Later, and whether their ids are smaller or greater.
        house.clock.advance_seconds(20);
        house.enqueue_for(before, Channel::Email, 1).await;
        house.enqueue_for(behind, Channel::Email, 1).await;
        a_while().await;
        for sends in 5..=6 {
            sender.email.add_permits(1);
            begun(&sender, sends).await;
        }
        let waits = [before, behind].map(|app| sender.wait_of(app));
        assert!(waits.iter().all(|wait| wait.is_some_and(|sends| sends <= 6)), "{waits:?}");
        // Alone again, it has all slots for itself.
        sender.email.add_permits(40);
        begun(&sender, 46).await;
        sender.email.add_permits(10_000);
        house.drained().await;
        worker.stop().await;
    }

    async fn apps_with_backlogs_share_what_there_is(db: TestDatabase) {
        let house = House::new(&db);
        let sender = Gated::new(0, 0);
        house.enqueue_for(app(1), Channel::Email, 300).await;
        house.clock.advance_seconds(1);
        house.enqueue_for(app(2), Channel::Email, 30).await;
        house.clock.advance_seconds(1);
        house.enqueue_for(app(3), Channel::Email, 30).await;
        let worker = house.start_with(sender.clone(), options());
        sender.email.add_permits(56);
        begun(&sender, 60).await;
        a_while().await;
        let begun = sender.begun(Channel::Email);
        for number in 1..=3 {
            let share = begun.iter().filter(|other| **other == app(number)).count();
            assert_eq!(share, 20, "app {number}");
        }
        sender.email.add_permits(1_000);
        house.drained().await;
        worker.stop().await;
    }
}
