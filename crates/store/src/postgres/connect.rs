//! Opening a connection, and what every connection is told.

use std::fmt::Write as _;
use std::time::Duration;

use tokio_postgres::config::SslMode;
use tokio_postgres::{Client, Config, Connection, NoTls, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::error;
use super::options::{Options, Tls};
use super::tls;
use crate::error::StoreError;

/// Makes connections.
pub(super) struct Connector {
    config: Config,
    tls: Option<MakeRustlsConnect>,
    settings: String,
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
            config,
            tls,
            settings: settings(options),
        })
    }

    /// Makes one, driven by the runtime at hand.
    pub(super) async fn connect(&self) -> Result<Client, ConnectError> {
        let client = match &self.tls {
            Some(tls) => self
                .config
                .connect(tls.clone())
                .await
                .map(|(client, connection)| {
                    drive(connection);
                    client
                }),
            None => self
                .config
                .connect(NoTls)
                .await
                .map(|(client, connection)| {
                    drive(connection);
                    client
                }),
        };
        let client = client.map_err(|error| refused(&error))?;
        client
            .batch_execute(&self.settings)
            .await
            .map_err(|error| refused(&error))?;
        Ok(client)
    }
}

fn refused(error: &tokio_postgres::Error) -> ConnectError {
    ConnectError {
        message: error::describe(error),
        passing: error::is_passing(error),
    }
}

fn drive<S>(connection: Connection<Socket, S>)
where
    S: tokio_postgres::tls::TlsStream + Unpin + Send + 'static,
{
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::warn!(
                error = error::describe(&error),
                "a database connection ended"
            );
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
