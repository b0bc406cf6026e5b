//! Opening a connection, and what every connection is told.

use std::fmt::Write as _;
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use futures_util::future::join;
use tokio::sync::Mutex;
use tokio::task::AbortHandle;
use tokio::time::timeout;
use tokio_postgres::config::SslMode;
use tokio_postgres::{AsyncMessage, Client, Config, Connection, NoTls, SimpleQueryMessage, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::error;
use super::hosts::{self, Start};
use super::lineage::{Lineage, Origin};
use super::options::{CONNECT_TIMEOUT, Options, Tls};
use super::round::Round;
use super::silence::{SILENCE, Silence};
use super::tls;
use crate::error::StoreError;

/// Makes connections.
pub(super) struct Connector {
    config: Config,
    start: Start,
    tls: Option<MakeRustlsConnect>,
    settings: String,
    /// Which of several servers is the primary.
    pub(super) lineage: Lineage,
    /// How long nothing was heard of it.
    pub(super) silence: Silence,
    /// When the last search after a silence failed, and why; held during one.
    failed: Mutex<Option<(Instant, ConnectError)>>,
}

/// A connection, what its server says unasked, and where it leads to, if that is known.
pub(super) struct Connected {
    pub(super) client: Client,
    pub(super) unreplicated: Unreplicated,
    pub(super) origin: Option<Origin>,
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
#[derive(Clone)]
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
            lineage: Lineage::default(),
            silence: Silence::new(),
            failed: Mutex::new(None),
        })
    }

    /// Makes one, driven by the runtime at hand.
    ///
    /// After a silence one thread at a time looks for the primary, and the others share what it
    /// finds: many who ask every address again and again would keep a standby from taking over.
    pub(super) async fn connect(&self) -> Result<Connected, ConnectError> {
        if !self.silence.is_long() {
            return self.seek(false).await;
        }
        let asked = Instant::now();
        let mut failed = self.failed.lock().await;
        if !self.silence.is_long() {
            drop(failed);
            return self.seek(false).await;
        }
        if let Some((at, refusal)) = &*failed
            && *at >= asked
        {
            return Err(refusal.clone());
        }
        let found = self.seek(true).await;
        *failed = found
            .as_ref()
            .err()
            .map(|why| (Instant::now(), why.clone()));
        found
    }

    /// Finds out whether another server has taken over, when nobody has heard of the one at hand for
    /// long. If so, every connection to that one is cut.
    pub(super) async fn look_around(&self) {
        let around = async {
            // An answer may be waiting for this one: no longer than silence is suffered.
            if let Ok(Err(refusal)) = timeout(SILENCE, self.seek(true)).await {
                tracing::warn!(error = refusal.message, "no database server can be asked");
            }
        };
        self.silence.look(around).await;
    }

    /// With the first address that is ready in time. Wary, it asks all of them, and takes the latest
    /// primary.
    async fn seek(&self, wary: bool) -> Result<Connected, ConnectError> {
        let limit = self.config.get_connect_timeout().copied();
        let limit = limit.unwrap_or(CONNECT_TIMEOUT);
        let addresses = hosts::addresses(&self.config, limit).await;
        let addresses = addresses.map_err(|message| ConnectError {
            message,
            passing: true,
        })?;
        let order: Vec<usize> = self.start.order(addresses.len()).collect();
        let ask = async |index: usize| match addresses.get(index) {
            Some(config) => self.connect_to(config).await,
            None => Err(ConnectError {
                message: "no such address".to_owned(),
                passing: false,
            }),
        };
        let (index, connected) = Round { limit, wary }.run(&order, ask).await?;
        self.start.keep(index);
        if wary {
            self.silence.broken();
        }
        Ok(connected)
    }

    async fn connect_to(&self, config: &Config) -> Result<Connected, ConnectError> {
        let unreplicated = Unreplicated::default();
        let connected = match &self.tls {
            Some(tls) => config
                .connect(tls.clone())
                .await
                .map(|(client, connection)| (client, drive(connection, unreplicated.clone()))),
            None => config
                .connect(NoTls)
                .await
                .map(|(client, connection)| (client, drive(connection, unreplicated.clone()))),
        };
        let (client, driven) = connected.map_err(|error| refused(&error))?;
        // Together: one round trip.
        let (set, told) = join(
            client.batch_execute(&self.settings),
            client.simple_query(Origin::QUESTION),
        )
        .await;
        set.map_err(|error| refused(&error))?;
        let origin = origin(told)?;
        if let Some(origin) = origin {
            let admitted = self.lineage.admit(origin, driven);
            admitted.map_err(|message| ConnectError {
                message,
                passing: true,
            })?;
        }
        Ok(Connected {
            client,
            unreplicated,
            origin,
        })
    }
}

/// Unknown where the question is refused. That the server could not finish saying it, because it was
/// interrupted or has no room, is no answer: it may be one that was passed over.
fn origin(
    told: Result<Vec<SimpleQueryMessage>, tokio_postgres::Error>,
) -> Result<Option<Origin>, ConnectError> {
    match told {
        Ok(messages) => Ok(messages.iter().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => {
                Origin::parse(row.try_get(0).ok()??, row.try_get(1).ok()??)
            }
            _ => None,
        })),
        Err(error)
            if error
                .as_db_error()
                .is_some_and(|db| !error::ends_connection(db) && !error::is_of_the_moment(db)) =>
        {
            let error = error::describe(&error);
            tracing::debug!(error, "the database does not say on which timeline it is");
            Ok(None)
        }
        Err(error) => Err(refused(&error)),
    }
}

fn refused(error: &tokio_postgres::Error) -> ConnectError {
    ConnectError {
        message: error::describe(error),
        passing: error::is_passing(error),
    }
}

fn drive<S>(mut connection: Connection<Socket, S>, unreplicated: Unreplicated) -> AbortHandle
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
    })
    .abort_handle()
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
