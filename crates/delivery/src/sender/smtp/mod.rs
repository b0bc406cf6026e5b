//! E-mail by SMTP (RFC 5321), with submission over TLS (RFC 8314).

mod connection;
mod mail;
mod options;
mod stream;

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use doorward_domain::contact::Channel;

use super::{OptionsError, Receipt, SendError, Sender, Step};
use crate::BoxFuture;
use crate::message::OutgoingMessage;
use connection::{Connector, Open};
use mail::Author;

pub use options::{SmtpCredentials, SmtpOptions, SmtpTls};

/// Connections kept for the next message.
const IDLE_MAX: usize = 4;

/// How long one is kept. Servers hang up after a minute or more.
const IDLE_TIME: Duration = Duration::from_secs(20);

/// Sends e-mail over a few kept connections.
///
/// The pool is our own because lettre's takes a connection back when the future that used it is
/// dropped, in whatever state it is: a time-out in the middle of a message would then put the next
/// message inside the first one's text. Here only a connection whose message was accepted comes back.
pub struct SmtpSender {
    connector: Connector,
    author: Author,
    timeout: Duration,
    idle: Mutex<Vec<(Open, Instant)>>,
}

impl SmtpSender {
    /// Checks the options and loads the trust anchors. Connects to nothing.
    ///
    /// # Errors
    /// [`OptionsError`] when plain text would leave the machine without the exception being named,
    /// or an option is malformed.
    pub fn new(options: &SmtpOptions) -> Result<Self, OptionsError> {
        Ok(Self {
            connector: Connector::new(options)?,
            author: Author::new(options)?,
            timeout: options.timeout,
            idle: Mutex::default(),
        })
    }

    /// Connects, with TLS and credentials as configured, and sends nothing.
    ///
    /// # Errors
    /// [`SendError`] when the server is out of reach, shows another certificate, or refuses the
    /// credentials.
    pub async fn probe(&self) -> Result<(), SendError> {
        let open = tokio::time::timeout(self.timeout, self.connector.connect())
            .await
            .unwrap_or_else(|_| Err(SendError::temporary("smtp: the server was too slow")))?;
        self.keep(open);
        Ok(())
    }

    async fn deliver(&self, message: &OutgoingMessage) -> Result<Receipt, SendError> {
        if message.channel != Channel::Email {
            return Err(SendError::permanent("smtp sends e-mail only").at(Step::Settings));
        }
        let (envelope, bytes) = self.author.write(message)?;
        let too_slow = || SendError::temporary("smtp: the server was too slow");
        let end = tokio::time::Instant::now() + self.timeout;
        // A connection that does not come about has carried nothing.
        let mut open = tokio::time::timeout_at(end, self.connection())
            .await
            .unwrap_or_else(|_| Err(too_slow().at(Step::Connect)))?;
        open.allowance.renew();
        let response = tokio::time::timeout_at(end, open.connection.send(&envelope, &bytes))
            .await
            .map_err(|_| too_slow())?
            .map_err(|error| connection::error("refused the message", &error))?;
        self.keep(open);
        Ok(Receipt::named(queue_id(
            response.first_line().unwrap_or_default(),
        )))
    }

    /// A kept connection that still answers, else a new one.
    async fn connection(&self) -> Result<Open, SendError> {
        while let Some(mut kept) = self.take() {
            kept.allowance.renew();
            if kept.connection.test_connected().await {
                return Ok(kept);
            }
        }
        self.connector.connect().await
    }

    fn take(&self) -> Option<Open> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|(_, since)| since.elapsed() < IDLE_TIME);
        idle.pop().map(|(open, _)| open)
    }

    fn keep(&self, open: Open) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if !open.connection.has_broken() && idle.len() < IDLE_MAX {
            idle.push((open, Instant::now()));
        }
    }
}

impl Sender for SmtpSender {
    fn send<'a>(
        &'a self,
        message: &'a OutgoingMessage,
    ) -> BoxFuture<'a, Result<Receipt, SendError>> {
        Box::pin(self.deliver(message))
    }
}

/// The server's name for the message in answers such as `2.0.0 Ok: queued as 4F1C5A2`.
fn queue_id(line: &str) -> Option<String> {
    line.split_once("queued as ")
        .map(|(_, id)| id.trim_end_matches('.').trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queue_ids() {
        assert_eq!(
            queue_id("2.0.0 Ok: queued as 4F1C5A2"),
            Some("4F1C5A2".to_owned())
        );
        assert_eq!(queue_id("2.0.0 OK"), None);
    }
}
