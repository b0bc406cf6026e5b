//! Why a message could not be sent, or a sender not be made.

use std::borrow::Cow;
use std::time::Duration;

/// Why a message could not be sent. The reason goes to the log, the outbox and the audit trail: it
/// names no address, no secret and nothing of the message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// Another attempt may succeed.
    #[error("{reason}")]
    Temporary {
        /// What happened.
        reason: Cow<'static, str>,
        /// How long the other side asked us to wait.
        retry_after: Option<Duration>,
    },
    /// Trying again is pointless.
    #[error("{reason}")]
    Permanent {
        /// What happened.
        reason: Cow<'static, str>,
    },
}

impl SendError {
    /// Another attempt may succeed.
    pub fn temporary(reason: impl Into<Cow<'static, str>>) -> Self {
        Self::Temporary {
            reason: reason.into(),
            retry_after: None,
        }
    }

    /// Trying again is pointless.
    pub fn permanent(reason: impl Into<Cow<'static, str>>) -> Self {
        Self::Permanent {
            reason: reason.into(),
        }
    }

    /// What happened.
    #[must_use]
    pub fn reason(&self) -> &str {
        match self {
            Self::Temporary { reason, .. } | Self::Permanent { reason } => reason,
        }
    }
}

/// Options that no sender can be made from. Contains no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct OptionsError(Cow<'static, str>);

impl OptionsError {
    pub(super) fn new(message: impl Into<Cow<'static, str>>) -> Self {
        Self(message.into())
    }
}
