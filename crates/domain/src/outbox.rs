//! Messages waiting to be sent.

use crate::contact::Channel;
use crate::ids::{AppId, OtpRequestId, OutboxId, UserId};
use crate::time::Timestamp;

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum OutboxState {
    /// Waiting, or being sent under a lease.
    Queued,
    /// Handed to the provider.
    Sent,
    /// Given up.
    Failed,
    /// Its content died before it could be sent.
    Expired,
    /// Written only so that a decoy costs what a real message costs; never sent.
    Suppressed,
}

impl OutboxState {
    /// As stored and as shown.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Sent => "sent",
            Self::Failed => "failed",
            Self::Expired => "expired",
            Self::Suppressed => "suppressed",
        }
    }

    /// From the stored form.
    #[must_use]
    pub fn from_stored(text: &str) -> Option<Self> {
        [
            Self::Queued,
            Self::Sent,
            Self::Failed,
            Self::Expired,
            Self::Suppressed,
        ]
        .into_iter()
        .find(|state| state.as_str() == text)
    }
}

/// What the provider that took a message over reported about it later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Reported {
    /// It arrived.
    Delivered,
    /// It did not arrive.
    Failed,
}

impl Reported {
    /// As stored and as shown.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Failed => "failed",
        }
    }

    /// From the stored form.
    #[must_use]
    pub fn from_stored(text: &str) -> Option<Self> {
        [Self::Delivered, Self::Failed]
            .into_iter()
            .find(|reported| reported.as_str() == text)
    }
}

/// A message, as written in the transaction that creates what it carries.
#[derive(Debug, Clone)]
pub struct OutboxMessage {
    /// Also the idempotency key towards the provider.
    pub id: OutboxId,
    /// The app it is sent for.
    pub app_id: AppId,
    /// How it travels.
    pub channel: Channel,
    /// Name of the template, e.g. `otp/LOGIN`.
    pub template: String,
    /// Recipient and template variables, sealed: they contain the code.
    pub sealed: Vec<u8>,
    /// Keyed hash of the recipient's address, by which it is found for erasure. A message taken by a
    /// worker does not say.
    pub contact_ref: Option<crate::audit::ContactRef>,
    /// Whose message it is, where that is known: it is found for erasure, whatever the addresses are
    /// by then. A message taken by a worker does not say.
    pub user_id: Option<UserId>,
    /// The code it carries, without which it is worth nothing. A message taken by a worker does not
    /// say.
    pub otp_request_id: Option<OtpRequestId>,
    /// What an SMS is counted under.
    pub sms_prefix: Option<String>,
    /// When it was written.
    pub created_at: Timestamp,
    /// After this it must not be sent any more.
    pub expires_at: Timestamp,
}

/// A message taken by a worker.
#[derive(Debug, Clone)]
pub struct LeasedMessage {
    /// The message.
    pub message: OutboxMessage,
    /// Which attempt this is, from 1.
    pub attempt: u32,
    /// Providers that took it before and reported that it did not arrive.
    pub tried: Vec<String>,
}
