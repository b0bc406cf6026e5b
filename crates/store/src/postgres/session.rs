//! A connection with its statements.

use std::collections::HashMap;
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio_postgres::{Client, Error, Statement};

use super::connect::{Connected, Unreplicated};
use super::error::Failure;
use super::flight::{Flight, Reply};
use crate::port::Access;

/// A connection of one thread.
pub(super) struct Session {
    pub(super) client: Client,
    /// Looked at after each COMMIT.
    pub(super) unreplicated: Unreplicated,
    /// By the address of the text: statements are `'static`, so an address names one text for ever,
    /// and is cheaper to hash.
    statements: HashMap<(usize, usize), Statement>,
    /// How long an answer may take before the connection counts as lost; longer than the limits the
    /// server keeps by itself.
    patience: Duration,
    lost: bool,
}

impl Session {
    pub(super) fn new(connected: Connected, patience: Duration) -> Self {
        Self {
            client: connected.client,
            unreplicated: connected.unreplicated,
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
        let prepared = runtime.block_on(async {
            tokio::time::timeout(self.patience, self.client.prepare(sql)).await
        });
        match prepared {
            Ok(Ok(statement)) => {
                self.statements.insert(key, statement.clone());
                Ok(statement)
            }
            Ok(Err(error)) => Err(Failure::of(&error, access)),
            Err(_) => Err(self.silent()),
        }
    }

    /// Sends requests together and waits for all answers.
    pub(super) fn fly<'a>(
        &'a self,
        runtime: &Runtime,
        load: impl FnOnce(&mut Flight<'a>),
    ) -> Result<Vec<Result<Reply, Error>>, Failure> {
        let mut flight = Flight::new(&self.client);
        load(&mut flight);
        let landed =
            runtime.block_on(async { tokio::time::timeout(self.patience, flight.land()).await });
        landed.map_err(|_| self.silent())
    }

    fn silent(&self) -> Failure {
        Failure::Lost(format!(
            "the server gave no answer within {} s",
            self.patience.as_secs()
        ))
    }
}
