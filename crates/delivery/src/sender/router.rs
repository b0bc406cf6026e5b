//! Chooses the sender by channel.

use std::sync::Arc;

use doorward_domain::contact::Channel;

use super::{Receipt, Report, Said, SendError, Sender, Step};
use crate::BoxFuture;
use crate::message::OutgoingMessage;

/// Chooses the sender by channel. A channel without one fails for good.
#[derive(Clone, Default)]
pub struct Router {
    email: Option<Arc<dyn Sender>>,
    sms: Option<Arc<dyn Sender>>,
}

impl Router {
    /// Without any sender.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// With `sender` for `channel`, in place of the one before.
    #[must_use]
    pub fn with(mut self, channel: Channel, sender: Arc<dyn Sender>) -> Self {
        match channel {
            Channel::Email => self.email = Some(sender),
            Channel::Sms => self.sms = Some(sender),
        }
        self
    }

    /// Whether messages of this channel can be sent.
    #[must_use]
    pub fn serves(&self, channel: Channel) -> bool {
        self.sender(channel).is_some()
    }

    fn sender(&self, channel: Channel) -> Option<&Arc<dyn Sender>> {
        match channel {
            Channel::Email => self.email.as_ref(),
            Channel::Sms => self.sms.as_ref(),
        }
    }
}

impl Sender for Router {
    fn send<'a>(
        &'a self,
        message: &'a OutgoingMessage,
    ) -> BoxFuture<'a, Result<Receipt, SendError>> {
        match self.sender(message.channel) {
            Some(sender) => sender.send(message),
            None => Box::pin(std::future::ready(Err(SendError::permanent(format!(
                "no sender is configured for {}",
                message.channel.as_str()
            ))
            .at(Step::Settings)))),
        }
    }

    fn reports(&self, channel: Channel) -> bool {
        self.sender(channel)
            .is_some_and(|sender| sender.reports(channel))
    }

    fn read_report(&self, channel: Channel, report: &Report<'_>) -> Option<Said> {
        self.sender(channel)?.read_report(channel, report)
    }
}
