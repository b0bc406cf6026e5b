//! E-mail and SMS: senders, templates and the worker that drains the outbox.
//!
//! A use case writes an [`message::Envelope`], sealed, into the outbox in the transaction that
//! creates the code. The [`worker::Worker`] leases it, opens it, renders it with the templates and
//! hands it to a [`sender::Sender`]. Delivery is at least once: a message is sent twice only when a
//! node dies, or loses the database, between the provider's answer and its own note of it.

pub mod alarms;
pub mod apps;
pub mod message;
pub mod provider;
pub mod sender;
pub mod template;
pub mod worker;

/// A boxed future.
pub type BoxFuture<'a, T> = std::pin::Pin<Box<dyn Future<Output = T> + Send + 'a>>;
