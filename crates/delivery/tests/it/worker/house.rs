//! An outbox, a clock that stands still until it is moved, and senders that do as they are told.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use doorward_crypto::{Keyring, MasterKey};
use doorward_delivery::BoxFuture;
use doorward_delivery::message::{Envelope, Otp, OutgoingMessage};
use doorward_delivery::sender::{Receipt, SendError, Sender};
use doorward_delivery::template::BuiltIn;
use doorward_delivery::worker::{Backoff, Worker, WorkerOptions, WorkerParts};
use doorward_domain::contact::{Channel, Contact};
use doorward_domain::otp::Purpose;
use doorward_domain::outbox::OutboxMessage;
use doorward_domain::secret::SecretText;
use doorward_domain::{Clock, NodeId, OffsetClock, OsRandom, OutboxId, Timestamp, time};
use doorward_store::platform::{AuditFilter, OutboxDepth, StoredEvent};
use doorward_store::{Store, StoreError};
pub(crate) use doorward_testkit::database::TestDatabase;
use tokio::sync::{Notify, Semaphore, oneshot};
use tokio::task::JoinHandle;

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
    pub(crate) wake: Arc<Notify>,
}

/// A worker that runs.
pub(crate) struct Running {
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

impl House {
    pub(crate) fn new(db: &TestDatabase) -> Self {
        Self {
            store: db.store(),
            keyring: Arc::new(Keyring::new(MasterKey::generate(&OsRandom), Vec::new())),
            clock: OffsetClock::new(Arc::new(Still)),
            wake: Arc::default(),
        }
    }

    /// Another node on the same database.
    pub(crate) async fn second_node(&self, db: &TestDatabase) -> Self {
        Self {
            store: db.open().await,
            keyring: self.keyring.clone(),
            clock: self.clock.clone(),
            wake: Arc::default(),
        }
    }

    /// Writes messages, by turns to an address and a number. Wakes nobody.
    pub(crate) async fn enqueue(&self, count: usize) -> Vec<OutboxId> {
        let messages: Vec<OutboxMessage> = (0..count).map(|at| self.message(at)).collect();
        let ids = messages.iter().map(|message| message.id).collect();
        let written = self.store.write(move |tx| {
            let mut app = tx.app(app_id());
            messages
                .iter()
                .try_for_each(|message| app.enqueue(message, false))
        });
        let written: Result<(), StoreError> = written.await;
        written.unwrap();
        ids
    }

    fn message(&self, at: usize) -> OutboxMessage {
        let to = match at % 2 {
            0 => Contact::from_stored(Channel::Email, "ada@example.com"),
            _ => Contact::from_stored(Channel::Sms, "+14155552671"),
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
            app_id: app_id(),
            channel: to.channel(),
            template: envelope.template(),
            sealed: envelope.seal(&self.keyring, app_id(), id, &OsRandom),
            created_at,
            expires_at: time::plus_seconds(created_at, LIFE),
        }
    }

    /// Starts a worker with a node id of its own.
    pub(crate) fn start(&self, sender: &Arc<Script>, options: WorkerOptions) -> Running {
        let parts = WorkerParts {
            store: self.store.clone(),
            keyring: self.keyring.clone(),
            sender: sender.clone(),
            templates: Arc::new(BuiltIn),
            clock: Arc::new(self.clock.clone()),
            random: Arc::new(OsRandom),
            node: NodeId::from_uuid(outbox_id().as_uuid()),
            wake: self.wake.clone(),
        };
        let (stop, stopped) = oneshot::channel();
        let worker = Worker::new(parts, options);
        let task = tokio::spawn(worker.run(async move { drop(stopped.await) }));
        Running {
            stop: Some(stop),
            task,
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
            action: None,
            before: None,
            limit: 1000,
        };
        let read = self
            .store
            .read(move |tx| tx.platform().audit_events(&filter));
        let events: Result<_, StoreError> = read.await;
        events.unwrap()
    }
}

impl Running {
    /// Asks it to stop.
    pub(crate) fn ask_to_stop(&mut self) {
        drop(self.stop.take());
    }

    pub(crate) fn is_finished(&self) -> bool {
        self.task.is_finished()
    }

    /// Asks it to stop and waits until it has.
    pub(crate) async fn stop(mut self) {
        self.ask_to_stop();
        tokio::time::timeout(Duration::from_secs(20), self.task)
            .await
            .expect("it stops")
            .unwrap();
    }

    /// As when the process dies.
    pub(crate) async fn crash(self) {
        self.task.abort();
        assert!(self.task.await.unwrap_err().is_cancelled());
    }
}

/// Options with waits that a test can sit out.
pub(crate) fn options() -> WorkerOptions {
    WorkerOptions {
        concurrency: 4,
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
            Act::Panic => panic!("a sender that panics, as this test wants it"),
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
