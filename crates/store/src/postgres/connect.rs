//! Opening a connection, and what every connection is told.

use std::fmt::Write as _;
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use tokio_postgres::config::SslMode;
use tokio_postgres::{AsyncMessage, Client, Config, Connection, NoTls, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::error;
use super::hosts::{self, Start};
use super::options::{CONNECT_TIMEOUT, Options, Tls};
use super::tls;
use crate::error::StoreError;

/// Makes connections.
pub(super) struct Connector {
    config: Config,
    start: Start,
    tls: Option<MakeRustlsConnect>,
    settings: String,
}

/// A connection, and what its server says unasked.
pub(super) struct Connected {
    pub(super) client: Client,
    pub(super) unreplicated: Unreplicated,
}

/// Raised when the server has stopped waiting for its synchronous standbys because somebody
/// cancelled the statement: it then answers COMMIT as if all were well, though the transaction is
/// lost if this server dies now.
#[derive(Clone, Default)]
pub(super) struct Unreplicated(Arc<AtomicBool>);

impl Unreplicated {
    /// The function of PostgreSQL that gives the warning; the text depends on its language.
    const ROUTINE: &str = "SyncRepWaitForLSN";

    /// Whether it was raised since the last call.
    pub(super) fn take(&self) -> bool {
        self.0.swap(false, Relaxed)
    }
}

/// Why there is no connection.
pub(super) struct ConnectError {
    pub(super) message: String,
    /// Whether another attempt could go better.
    pub(super) passing: bool,
}

impl Connector {
    /// From the options.
    ///
    /// # Errors
    /// [`StoreError::Internal`] when the options forbid or lack something; nothing was sent yet.
    pub(super) fn new(options: &Options) -> Result<Self, StoreError> {
        if options.is_plaintext_to_elsewhere() && !options.plaintext_allowed {
            return Err(StoreError::Internal(
                "sslmode=disable is for a server on this machine only: use sslmode=verify-full \
                 (with sslrootcert for an authority of your own)"
                    .to_owned(),
            ));
        }
        let mut config = options.config.clone();
        let tls = match &options.tls {
            Tls::Disabled => {
                config.ssl_mode(SslMode::Disable);
                None
            }
            Tls::Verified(roots) => {
                config.ssl_mode(SslMode::Require);
                Some(MakeRustlsConnect::new(tls::client_config(roots)?))
            }
        };
        Ok(Self {
            start: Start::new(&config),
            config,
            tls,
            settings: settings(options),
        })
    }

    /// Makes one, driven by the runtime at hand: with the first address that is ready in time.
    pub(super) async fn connect(&self) -> Result<Connected, ConnectError> {
        let limit = self.config.get_connect_timeout().copied();
        let limit = limit.unwrap_or(CONNECT_TIMEOUT);
        let silent = |message| ConnectError {
            message,
            passing: true,
        };
        let addresses = hosts::addresses(&self.config, limit)
            .await
            .map_err(silent)?;
        let mut refusals: Vec<ConnectError> = Vec::new();
        for index in self.start.order(addresses.len()) {
            let Some(config) = addresses.get(index) else {
                continue;
            };
            match tokio::time::timeout(limit, self.connect_to(config)).await {
                Ok(Ok(connected)) => {
                    self.start.keep(index);
                    return Ok(connected);
                }
                Ok(Err(refusal)) => refusals.push(refusal),
                Err(_) => refusals.push(silent(format!("no answer within {limit:?}"))),
            }
        }
        Err(ConnectError {
            passing: refusals.iter().any(|refusal| refusal.passing),
            message: refusals
                .into_iter()
                .map(|refusal| refusal.message)
                .collect::<Vec<_>>()
                .join("; "),
        })
    }

    async fn connect_to(&self, config: &Config) -> Result<Connected, ConnectError> {
        let unreplicated = Unreplicated::default();
        let client = match &self.tls {
            Some(tls) => config
                .connect(tls.clone())
                .await
                .map(|(client, connection)| {
                    drive(connection, unreplicated.clone());
                    client
                }),
            None => config.connect(NoTls).await.map(|(client, connection)| {
                drive(connection, unreplicated.clone());
                client
            }),
        };
        let client = client.map_err(|error| refused(&error))?;
        client
            .batch_execute(&self.settings)
            .await
            .map_err(|error| refused(&error))?;
        Ok(Connected {
            client,
            unreplicated,
        })
    }
}

fn refused(error: &tokio_postgres::Error) -> ConnectError {
    ConnectError {
        message: error::describe(error),
        passing: error::is_passing(error),
    }
}

fn drive<S>(mut connection: Connection<Socket, S>, unreplicated: Unreplicated)
where
    S: tokio_postgres::tls::TlsStream + Unpin + Send + 'static,
{
    tokio::spawn(async move {
        // In order: a warning is seen before the answer behind it is given to anybody.
        while let Some(message) = poll_fn(|context| connection.poll_message(context)).await {
            match message {
                Ok(AsyncMessage::Notice(notice)) => {
                    let text = notice.message();
                    if notice.routine() == Some(Unreplicated::ROUTINE) {
                        unreplicated.0.store(true, Relaxed);
                        tracing::warn!(text, "a commit was not confirmed by a standby");
                    } else {
                        tracing::debug!(text, "the database says");
                    }
                }
                Ok(_) => {}
                Err(error) => {
                    let error = error::describe(&error);
                    tracing::warn!(error, "a database connection ended");
                    return;
                }
            }
        }
    });
}

/// Time limits; and durable commits, unless the operator chose something stronger than `on`.
fn settings(options: &Options) -> String {
    let mut sql = String::new();
    for (name, limit) in [
        ("statement_timeout", options.statement_timeout),
        ("lock_timeout", options.lock_timeout),
        (
            "idle_in_transaction_session_timeout",
            options.idle_in_transaction_timeout,
        ),
    ] {
        // Writing to a string cannot fail.
        let _ = write!(sql, "SET {name} = {}; ", millis(limit));
    }
    sql.push_str(
        "SELECT set_config('synchronous_commit', 'on', false) \
         WHERE current_setting('synchronous_commit') = 'off'",
    );
    sql
}

/// Zero would mean no limit.
fn millis(limit: Duration) -> u128 {
    limit.as_millis().clamp(1, 2_147_483_647)
}
