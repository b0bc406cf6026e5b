//! Senders: what hands a message to the world.

mod capture;
mod error;
mod http;
pub(crate) mod net;
mod report;
mod router;
mod smtp;
mod twilio;
mod webhook;

use doorward_domain::contact::Channel;

use crate::BoxFuture;
use crate::message::OutgoingMessage;

pub use capture::{Capture, CapturedMessage};
pub use error::{OptionsError, SendError, Step};
pub use http::HttpOptions;
pub use net::Networks;
pub use report::{Fate, HeaderMap, Report, Said};
pub use router::Router;
pub use smtp::{SmtpCredentials, SmtpOptions, SmtpSender, SmtpTls};
pub use twilio::{TwilioFrom, TwilioOptions, TwilioSender};
pub use webhook::{WebhookOptions, WebhookSender};

/// What the other side said when it took a message over.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Receipt {
    /// Its own name for the message, if it gave one (at most 128 visible ASCII characters).
    pub provider_id: Option<String>,
}

impl Receipt {
    /// With the provider's name for the message; dropped when it is not fit for a log.
    fn named(id: Option<String>) -> Self {
        let fit =
            |id: &String| (1..=128).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_graphic());
        Self {
            provider_id: id.filter(fit),
        }
    }
}

/// Hands one message over. Called at most once at a time for a message, but perhaps again after a
/// failure or a crash, then with the same [`OutgoingMessage::id`].
///
/// The future may be dropped at any point (time-out, shutdown); it must then leave nothing behind
/// that a later message could run into.
pub trait Sender: Send + Sync + 'static {
    /// Sends it.
    ///
    /// # Errors
    /// [`SendError::Temporary`] when another attempt may succeed, else [`SendError::Permanent`].
    fn send<'a>(
        &'a self,
        message: &'a OutgoingMessage,
    ) -> BoxFuture<'a, Result<Receipt, SendError>>;

    /// Whether it reports, to [`OutgoingMessage::report_url`], what became of a message of this
    /// channel.
    fn reports(&self, channel: Channel) -> bool {
        let _ = channel;
        false
    }

    /// Reads such a report; `None` when it is not proved to be the provider's.
    fn read_report(&self, channel: Channel, report: &Report<'_>) -> Option<Said> {
        let _ = (channel, report);
        None
    }
}
