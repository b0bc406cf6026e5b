//! The worker that drains the outbox.
//!
//! One worker serves one channel, so that a mail server that hangs holds up no text message. The
//! apps are served by turns, so that none waits behind another's backlog.
//!
//! Any number of nodes may run some. A message is taken under a lease that only its holder can
//! settle; when a node dies the lease runs out and another takes over. Leases follow the clock that
//! is given, waiting follows the machine's timer.

mod attempt;
mod bell;
mod metrics;
mod options;
mod settle;

use std::collections::HashMap;
use std::pin::pin;
use std::sync::Arc;

use doorward_crypto::Keyring;
use doorward_domain::contact::Channel;
use doorward_domain::outbox::LeasedMessage;
use doorward_domain::stats::Counted;
use doorward_domain::{AppId, Clock, NodeId, OutboxId, SecureRandom, Timestamp};
use doorward_store::platform::LeaseRequest;
use doorward_store::{Store, StoreError};
use tokio::task::{self, JoinSet};
use tokio::time::Instant;

use crate::apps::Apps;
use crate::sender::Sender;
use crate::template::Renderer;

pub use bell::Bell;
pub(crate) use metrics::provider_failed;
pub use metrics::{describe_metrics, handed_over, reported};
pub use options::{Backoff, WorkerOptions};

/// What a worker needs.
#[derive(Clone)]
pub struct WorkerParts {
    /// Where the outbox is.
    pub store: Store,
    /// Opens what is sealed in it.
    pub keyring: Arc<Keyring>,
    /// Hands messages over, of apps without providers of their own.
    pub sender: Arc<dyn Sender>,
    /// What apps have set about their messages.
    pub apps: Arc<Apps>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The randomness.
    pub random: Arc<dyn SecureRandom>,
    /// Rung by whoever has just committed a message.
    pub bell: Arc<Bell>,
    /// Told what became of messages.
    pub counts: Arc<dyn Counts>,
}

/// Counts what became of messages, for the statistics of their app.
pub trait Counts: Send + Sync + 'static {
    /// One more.
    fn count(&self, app_id: AppId, at: Timestamp, kind: Counted);
}

/// Nobody wants to know.
impl Counts for () {
    fn count(&self, _: AppId, _: Timestamp, _: Counted) {}
}

/// Drains one channel of the outbox.
pub struct Worker {
    shared: Arc<Shared>,
    bell: Arc<Bell>,
    /// The app whose turn was last.
    after: Option<AppId>,
}

struct Shared {
    store: Store,
    keyring: Arc<Keyring>,
    sender: Arc<dyn Sender>,
    apps: Arc<Apps>,
    renderer: Renderer,
    clock: Arc<dyn Clock>,
    random: Arc<dyn SecureRandom>,
    counts: Arc<dyn Counts>,
    channel: Channel,
    /// Holds the leases of this worker, and of no other.
    node: NodeId,
    options: WorkerOptions,
}

/// What is being sent by this worker.
#[derive(Default)]
struct InFlight {
    tasks: JoinSet<()>,
    /// What each is about, and since when.
    begun: HashMap<task::Id, (Begun, Instant)>,
}

/// A message, and how many providers it was taken back from before.
type Begun = (OutboxId, usize);

impl Worker {
    /// Puts one together. It does nothing until [`Worker::run`].
    #[must_use]
    pub fn new(channel: Channel, parts: WorkerParts, options: WorkerOptions) -> Self {
        let node = NodeId::generate(&*parts.clock, &*parts.random);
        let shared = Shared {
            store: parts.store,
            keyring: parts.keyring,
            sender: parts.sender,
            apps: parts.apps,
            renderer: Renderer::new(),
            clock: parts.clock,
            random: parts.random,
            counts: parts.counts,
            channel,
            node,
            options,
        };
        Self {
            shared: Arc::new(shared),
            bell: parts.bell,
            after: None,
        }
    }

    /// Works until `stop` resolves, then takes nothing new, finishes what is being sent and returns.
    ///
    /// Finishing takes at most `send_timeout` and the time to note the result. Dropping the future
    /// instead breaks off what is being sent; its leases then have to run out.
    pub async fn run(mut self, stop: impl Future<Output = ()> + Send) {
        let mut stop = pin!(stop);
        let mut in_flight = InFlight::default();
        // Whether the outbox is to be looked at in this round.
        let mut look = true;
        loop {
            let room = in_flight.room(&self.shared.options);
            if look && room > 0 {
                let batch = self.lease(room).await;
                // A full batch means that more may be waiting: look again when there is room.
                look = batch.len() == room;
                if is_ready(stop.as_mut()).await {
                    self.release(batch).await;
                    break;
                }
                for leased in batch {
                    in_flight.start(&self.shared, leased);
                }
                if look && in_flight.room(&self.shared.options) > 0 {
                    continue;
                }
            }
            tokio::select! {
                () = stop.as_mut() => break,
                () = in_flight.one_done() => {}
                () = self.bell.rung(self.shared.channel) => look = true,
                () = tokio::time::sleep(self.shared.options.poll) => look = true,
            }
        }
        while !in_flight.tasks.is_empty() {
            in_flight.one_done().await;
        }
    }

    async fn lease(&mut self, room: usize) -> Vec<LeasedMessage> {
        let shared = &self.shared;
        let now = shared.clock.now();
        let request = LeaseRequest {
            channel: shared.channel,
            node: shared.node,
            now,
            until: attempt::plus(now, shared.options.lease()),
            after: self.after,
            limit: i64::try_from(room).unwrap_or(i64::MAX),
        };
        let leased = shared
            .store
            .write(move |tx| tx.platform().lease_messages(&request));
        let leased = leased.await.unwrap_or_else(|error: StoreError| {
            tracing::warn!(%error, "the outbox could not be read");
            Vec::new()
        });
        if let Some(last) = leased.last() {
            self.after = Some(last.message.app_id);
        }
        leased
    }

    /// Gives back at once what was taken while we were told to stop.
    async fn release(&self, batch: Vec<LeasedMessage>) {
        let (node, now) = (self.shared.node, self.shared.clock.now());
        let ids: Vec<OutboxId> = batch.iter().map(|leased| leased.message.id).collect();
        let released = self.shared.store.write(move |tx| {
            for id in &ids {
                tx.platform()
                    .message_retry(*id, node, now, "released: the node is stopping")?;
            }
            Ok::<_, StoreError>(())
        });
        if let Err(error) = released.await {
            tracing::warn!(%error, "leases could not be given back and have to run out");
        }
    }
}

impl InFlight {
    /// For how many more there is a place. An attempt that takes long holds none, within bounds: a
    /// server that hangs holds up the messages of the app that named it, and of nobody else.
    fn room(&self, options: &WorkerOptions) -> usize {
        let most = options.concurrency.max(1);
        let begun = self.begun.values();
        let quick = begun.filter(|(_, since)| since.elapsed() < options.slow);
        let all = most.saturating_mul(WorkerOptions::SLOW_PLACES);
        most.saturating_sub(quick.count())
            .min(all.saturating_sub(self.tasks.len()))
    }

    fn start(&mut self, shared: &Arc<Shared>, leased: LeasedMessage) {
        let begun: Begun = (leased.message.id, leased.tried.len());
        // Our own lease ran out under us (a clock that was moved): the attempt under way goes on,
        // under the new lease. One that was taken back from its provider since is noted, and only not
        // ended yet.
        if self.begun.values().any(|(other, _)| *other == begun) {
            return;
        }
        let shared = Arc::clone(shared);
        let handle = self.tasks.spawn(async move {
            let attempted = shared.attempt(&leased).await;
            shared.settle(&leased, attempted).await;
        });
        self.begun.insert(handle.id(), (begun, Instant::now()));
    }

    /// Waits until something is done; forever when nothing is under way.
    async fn one_done(&mut self) {
        let task = match self.tasks.join_next_with_id().await {
            Some(Ok((task, ()))) => task,
            Some(Err(error)) => {
                tracing::error!(%error, "an attempt broke off; its lease has to run out");
                error.id()
            }
            None => return std::future::pending().await,
        };
        self.begun.remove(&task);
    }
}

/// Whether a future that has not resolved before does so now.
async fn is_ready(future: std::pin::Pin<&mut impl Future<Output = ()>>) -> bool {
    let mut future = future;
    std::future::poll_fn(move |context| {
        std::task::Poll::Ready(future.as_mut().poll(context).is_ready())
    })
    .await
}
