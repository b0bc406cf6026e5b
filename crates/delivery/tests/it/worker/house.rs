//! An outbox, a clock that stands still until it is moved, and senders that do as they are told.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use doorward_crypto::{Keyring, MasterKey};
use doorward_delivery::BoxFuture;
use doorward_delivery::apps::{Apps, Policy};
use doorward_delivery::message::{Envelope, Otp, OutgoingMessage};
use doorward_delivery::sender::{Receipt, SendError, Sender};
use doorward_delivery::worker::{Backoff, Bell, Worker, WorkerOptions, WorkerParts};
use doorward_domain::contact::{Channel, Contact};
use doorward_domain::otp::Purpose;
use doorward_domain::outbox::OutboxMessage;
use doorward_domain::secret::SecretText;
use doorward_domain::{AppId, Clock, OffsetClock, OsRandom, OutboxId, Timestamp, time};
use doorward_store::platform::{AuditFilter, OutboxDepth, StoredEvent};
use doorward_store::{Store, StoreError};
pub(crate) use doorward_testkit::database::TestDatabase;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use crate::messages::{app_id, now, outbox_id};

/// How long a code of these tests lives, in seconds.
pub(crate) const LIFE: i64 = 300;

struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        now()
    }
}

/// An outbox with all that a worker needs, except the sender.
pub(crate) struct House {
    pub(crate) store: Store,
    pub(crate) keyring: Arc<Keyring>,
    pub(crate) clock: OffsetClock,
    pub(crate) bell: Arc<Bell>,
}

/// The workers of a node, one for each channel.
pub(crate) struct Running {
    stop: Option<watch::Sender<()>>,
    tasks: JoinSet<()>,
}

impl House {
    pub(crate) fn new(db: &TestDatabase) -> Self {
        Self {
            store: db.store(),
            keyring: Arc::new(Keyring::new(MasterKey::generate(&OsRandom), Vec::new())),
            clock: OffsetClock::new(Arc::new(Still)),
            bell: Arc::default(),
        }
    }

    /// Another node on the same database.
    pub(crate) async fn second_node(&self, db: &TestDatabase) -> Self {
        Self {
            store: db.open().await,
            keyring: self.keyring.clone(),
            clock: self.clock.clone(),
            bell: Arc::default(),
        }
    }

    /// Writes messages, by turns to an address and a number. Wakes nobody.
    pub(crate) async fn enqueue(&self, count: usize) -> Vec<OutboxId> {
        let channels = Channel::ALL.into_iter().cycle().take(count);
        self.write(app_id(), channels).await
    }

    /// Writes messages of an app for one channel. Wakes nobody.
    pub(crate) async fn enqueue_for(
        &self,
        app_id: AppId,
        channel: Channel,
        count: usize,
    ) -> Vec<OutboxId> {
        self.write(app_id, std::iter::repeat_n(channel, count))
            .await
    }

    async fn write(&self, app_id: AppId, channels: impl Iterator<Item = Channel>) -> Vec<OutboxId> {
        let messages: Vec<OutboxMessage> = channels
            .enumerate()
            .map(|(at, channel)| self.message(app_id, channel, at))
            .collect();
        let ids = messages.iter().map(|message| message.id).collect();
        let written = self.store.write(move |tx| {
            let mut app = tx.app(app_id);
            messages
                .iter()
                .try_for_each(|message| app.enqueue(message, false))
        });
        let written: Result<(), StoreError> = written.await;
        written.unwrap();
        ids
    }

    fn message(&self, app_id: AppId, channel: Channel, at: usize) -> OutboxMessage {
        let to = match channel {
            Channel::Email => Contact::from_stored(channel, "ada@example.com"),
            Channel::Sms => Contact::from_stored(channel, "+14155552671"),
        };
        let to = to.unwrap();
        let envelope = Envelope::new_otp(&Otp {
            to: &to,
            app_name: "My shop",
            language: "en",
            purpose: Purpose::Login,
            code: &SecretText::new(format!("{at:06}")),
            valid_minutes: 5,
            domain: None,
        });
        let id = outbox_id();
        let created_at = self.clock.now();
        OutboxMessage {
            id,
            app_id,
            channel,
            template: envelope.template(),
            sealed: envelope.seal(&self.keyring, app_id, id, &OsRandom),
            contact_ref: None,
            user_id: None,
            otp_request_id: None,
            sms_prefix: (channel == Channel::Sms).then(|| "+1".to_owned()),
            created_at,
            expires_at: time::plus_seconds(created_at, LIFE),
        }
    }

    /// Starts a worker for each channel.
    pub(crate) fn start(&self, sender: &Arc<Script>, options: WorkerOptions) -> Running {
        self.start_with(sender.clone(), options)
    }

    /// As [`House::start`], with any sender.
    pub(crate) fn start_with(&self, sender: Arc<dyn Sender>, options: WorkerOptions) -> Running {
        let parts = WorkerParts {
            store: self.store.clone(),
            keyring: self.keyring.clone(),
            sender,
            apps: Arc::new(Apps::new(
                self.store.clone(),
                self.keyring.clone(),
                Policy::default(),
            )),
            clock: Arc::new(self.clock.clone()),
            random: Arc::new(OsRandom),
            bell: self.bell.clone(),
            counts: Arc::new(()),
        };
        let (stop, stopped) = watch::channel(());
        let mut tasks = JoinSet::new();
        for channel in Channel::ALL {
            let worker = Worker::new(channel, parts.clone(), options.clone());
            let mut stopped = stopped.clone();
            tasks.spawn(worker.run(async move { drop(stopped.changed().await) }));
        }
        Running {
            stop: Some(stop),
            tasks,
        }
    }

    pub(crate) async fn depth(&self) -> OutboxDepth {
        let read = self.store.read(|tx| tx.platform().outbox_depth());
        let depth: Result<_, StoreError> = read.await;
        depth.unwrap()
    }

    /// Waits until nothing is queued any more.
    pub(crate) async fn drained(&self) {
        until("the outbox is empty", async || {
            self.depth().await.queued == 0
        })
        .await;
    }

    /// Every audit event, newest first.
    pub(crate) async fn audit(&self) -> Vec<StoredEvent> {
        let filter = AuditFilter {
            app_id: Some(app_id()),
            limit: 1000,
            ..AuditFilter::default()
        };
        let read = self
            .store
            .read(move |tx| tx.platform().audit_events(&filter));
        let page: Result<_, StoreError> = read.await;
        page.unwrap().events
    }
}

impl Running {
    /// Asks it to stop.
    pub(crate) fn ask_to_stop(&mut self) {
        drop(self.stop.take());
    }

    pub(crate) fn is_finished(&mut self) -> bool {
        while self.tasks.try_join_next().is_some() {}
        self.tasks.is_empty()
    }

    /// Asks it to stop and waits until it has.
    pub(crate) async fn stop(mut self) {
        self.ask_to_stop();
        let stopped = async {
            while let Some(ended) = self.tasks.join_next().await {
                ended.unwrap();
            }
        };
        tokio::time::timeout(Duration::from_secs(20), stopped)
            .await
            .expect("it stops");
    }

    /// As when the process dies.
    pub(crate) async fn crash(mut self) {
        self.tasks.abort_all();
        while let Some(ended) = self.tasks.join_next().await {
            assert!(ended.unwrap_err().is_cancelled());
        }
    }
}

/// Options with waits that a test can sit out.
pub(crate) fn options() -> WorkerOptions {
    WorkerOptions {
        concurrency: 4,
        slow: Duration::from_secs(600),
        poll: Duration::from_millis(20),
        send_timeout: Duration::from_secs(20),
        lease: Duration::from_secs(60),
        max_attempts: 3,
        backoff: Backoff {
            base: Duration::from_secs(8),
            cap: Duration::from_secs(60),
        },
    }
}

/// What a sender does with a message.
#[derive(Clone)]
pub(crate) enum Act {
    Accept,
    Fail(SendError),
    Panic,
    /// Waits for a permit of this gate, then accepts.
    Wait(Arc<Semaphore>),
}

/// A sender that does the given acts one after the other, the last one again and again.
pub(crate) struct Script {
    acts: Vec<Act>,
    begun: AtomicUsize,
    inside: AtomicUsize,
    most_inside: AtomicUsize,
    accepted: Mutex<HashMap<OutboxId, usize>>,
    last: Mutex<Option<OutgoingMessage>>,
}

impl Script {
    pub(crate) fn new(acts: impl Into<Vec<Act>>) -> Arc<Self> {
        Arc::new(Self {
            acts: acts.into(),
            begun: AtomicUsize::new(0),
            inside: AtomicUsize::new(0),
            most_inside: AtomicUsize::new(0),
            accepted: Mutex::default(),
            last: Mutex::default(),
        })
    }

    /// How many attempts were begun.
    pub(crate) fn begun(&self) -> usize {
        self.begun.load(Ordering::SeqCst)
    }

    /// How many were under way at the same time, at most.
    pub(crate) fn most_inside(&self) -> usize {
        self.most_inside.load(Ordering::SeqCst)
    }

    /// How often each message was accepted.
    pub(crate) fn accepted(&self) -> HashMap<OutboxId, usize> {
        self.accepted.lock().unwrap().clone()
    }

    /// The message of the last attempt.
    pub(crate) fn last(&self) -> OutgoingMessage {
        self.last.lock().unwrap().clone().unwrap()
    }

    async fn act(&self, message: &OutgoingMessage) -> Result<Receipt, SendError> {
        let nth = self.begun.fetch_add(1, Ordering::SeqCst);
        *self.last.lock().unwrap() = Some(message.clone());
        match self.acts[nth.min(self.acts.len() - 1)].clone() {
            Act::Accept => tokio::time::sleep(Duration::from_millis(1)).await,
            Act::Wait(gate) => gate.acquire().await.unwrap().forget(),
            Act::Fail(error) => return Err(error),
            // Without the hook, which may take long to print where it happened.
            Act::Panic => std::panic::resume_unwind(Box::new("as this test wants it")),
        }
        *self.accepted.lock().unwrap().entry(message.id).or_default() += 1;
        Ok(Receipt::default())
    }
}

impl Sender for Script {
    fn send<'a>(
        &'a self,
        message: &'a OutgoingMessage,
    ) -> BoxFuture<'a, Result<Receipt, SendError>> {
        Box::pin(async move {
            let inside = self.inside.fetch_add(1, Ordering::SeqCst) + 1;
            self.most_inside.fetch_max(inside, Ordering::SeqCst);
            let result = self.act(message).await;
            self.inside.fetch_sub(1, Ordering::SeqCst);
            result
        })
    }
}

/// Waits until something holds.
pub(crate) async fn until(what: &str, condition: impl AsyncFn() -> bool) {
    for _ in 0..2_000 {
        if condition().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("waited in vain until {what}");
}

/// Time enough for a worker to do what it should not.
pub(crate) async fn a_while() {
    tokio::time::sleep(Duration::from_millis(200)).await;
}
