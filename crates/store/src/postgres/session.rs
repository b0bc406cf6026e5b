//! A connection with its statements.

use std::collections::HashMap;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::{Either, select};
use tokio::runtime::Runtime;
use tokio::time::{sleep, timeout};
use tokio_postgres::{Client, Error, Statement};

use super::connect::{Connected, Connector, Unreplicated};
use super::error::Failure;
use super::flight::{Flight, Reply};
use super::lineage::Origin;
use super::silence::SILENCE;
use crate::port::Access;

/// Between two looks at the other addresses, while an answer does not come.
const LOOK: Duration = Duration::from_secs(1);

/// A connection of one thread.
pub(super) struct Session {
    pub(super) client: Client,
    /// Looked at after each COMMIT.
    pub(super) unreplicated: Unreplicated,
    /// The snapshot of a read is open still; its job was answered then. The next transaction ends it
    /// on its way.
    pub(super) snapshot_open: Option<Instant>,
    origin: Option<Origin>,
    connector: Arc<Connector>,
    /// By the address of the text: statements are `'static`, so an address names one text for ever,
    /// and is cheaper to hash.
    statements: HashMap<(usize, usize), Statement>,
    /// How long an answer may take before the connection counts as lost; longer than the limits the
    /// server keeps by itself.
    patience: Duration,
    lost: bool,
}

impl Session {
    pub(super) fn new(connected: Connected, connector: Arc<Connector>, patience: Duration) -> Self {
        Self {
            client: connected.client,
            unreplicated: connected.unreplicated,
            snapshot_open: None,
            origin: connected.origin,
            connector,
            statements: HashMap::new(),
            patience,
            lost: false,
        }
    }

    /// Whether it can be used.
    pub(super) fn is_usable(&self) -> bool {
        !self.lost && !self.client.is_closed()
    }

    /// It shall not be used again.
    pub(super) const fn give_up(&mut self) {
        self.lost = true;
    }

    /// Ends the snapshot of a read that has been answered, if one is open.
    pub(super) fn close_snapshot(&mut self, runtime: &Runtime) {
        if self.snapshot_open.take().is_none() {
            return;
        }
        let answers = self.fly(runtime, |flight| flight.control("COMMIT"));
        if !answers.is_ok_and(|answers| answers.iter().all(Result::is_ok)) {
            self.give_up();
        }
    }

    /// Forgets the statements, so that they are prepared anew.
    pub(super) fn forget_statements(&mut self) {
        self.statements.clear();
    }

    /// A statement, prepared once per connection.
    pub(super) fn statement(
        &mut self,
        runtime: &Runtime,
        sql: &'static str,
        access: Access,
    ) -> Result<Statement, Failure> {
        let key = (sql.as_ptr() as usize, sql.len());
        if let Some(statement) = self.statements.get(&key) {
            return Ok(statement.clone());
        }
        // Inside a snapshot that is over, a refusal would abort it, and with it whatever is prepared
        // next; and what preparing waits for may wait for the snapshot.
        self.close_snapshot(runtime);
        if !self.is_usable() {
            return Err(Failure::Lost("the connection was closed".into()));
        }
        let prepared = runtime.block_on(self.hear(self.client.prepare(sql)))?;
        let statement = prepared.map_err(|error| Failure::of(&error, access))?;
        self.statements.insert(key, statement.clone());
        Ok(statement)
    }

    /// Sends requests together and waits for all answers.
    pub(super) fn fly<'a>(
        &'a self,
        runtime: &Runtime,
        load: impl FnOnce(&mut Flight<'a>),
    ) -> Result<Vec<Result<Reply, Error>>, Failure> {
        let mut flight = Flight::new(&self.client);
        load(&mut flight);
        runtime.block_on(self.hear(flight.land()))
    }

    /// Waits for an answer, and believes it unless another server has taken over.
    async fn hear<T>(&self, answer: impl Future<Output = T>) -> Result<T, Failure> {
        let mut answer = pin!(answer);
        let answer = match timeout(SILENCE, answer.as_mut()).await {
            Ok(answer) => answer,
            Err(_) => self.wait_for(answer).await?,
        };
        if let Some(origin) = self.origin
            && self.connector.silence.is_long()
        {
            self.connector.look_around().await;
            if self.connector.lineage.is_passed(origin) {
                return Err(Failure::Lost(
                    "another server has taken over from this one".to_owned(),
                ));
            }
        }
        if !self.client.is_closed() {
            self.connector.silence.broken();
        }
        Ok(answer)
    }

    /// The answer takes long: meanwhile it is found out whether another server has taken over. Then
    /// the connection is cut, which is an answer too.
    async fn wait_for<F: Future>(&self, answer: Pin<&mut F>) -> Result<F::Output, Failure> {
        let looking = pin!(async {
            loop {
                if self.origin.is_some() && self.connector.silence.is_long() {
                    self.connector.look_around().await;
                }
                sleep(LOOK).await;
            }
        });
        let rest = self.patience.saturating_sub(SILENCE);
        match timeout(rest, select(answer, looking)).await {
            Ok(Either::Left((answer, _))) => Ok(answer),
            Err(_) => Err(self.silent()),
        }
    }

    fn silent(&self) -> Failure {
        Failure::Lost(format!(
            "the server gave no answer within {} s",
            self.patience.as_secs()
        ))
    }
}
