//! How a worker hears of a message at once.

use doorward_domain::contact::Channel;
use tokio::sync::Notify;

/// Rung by whoever has just committed a message, heard by the worker of the message's channel. A
/// ring that comes while the worker is busy is kept until it listens again.
#[derive(Debug, Default)]
pub struct Bell {
    email: Notify,
    sms: Notify,
}

impl Bell {
    /// Tells the worker of a channel that a message was committed.
    pub fn ring(&self, channel: Channel) {
        self.of(channel).notify_one();
    }

    /// Waits for a ring.
    pub(super) async fn rung(&self, channel: Channel) {
        self.of(channel).notified().await;
    }

    const fn of(&self, channel: Channel) -> &Notify {
        match channel {
            Channel::Email => &self.email,
            Channel::Sms => &self.sms,
        }
    }
}
