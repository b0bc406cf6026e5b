//! Why a message could not be sent, or a sender not be made.

use std::borrow::Cow;
use std::time::Duration;

/// How far an attempt came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Our own settings are of no use.
    Settings,
    /// The host's name gave no address that may be used.
    Resolve,
    /// No connection came about.
    Connect,
    /// The connection could not be protected.
    Tls,
    /// The other side refused our credentials.
    SignIn,
    /// The other side refused the recipient: another provider would not help.
    Recipient,
    /// The other side refused the message, or us.
    Refused,
    /// The exchange broke off: whether the message was taken is unknown.
    Exchange,
}

impl Step {
    /// As shown in logs and answers.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Settings => "settings",
            Self::Resolve => "resolve",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::SignIn => "sign_in",
            Self::Recipient => "recipient",
            Self::Refused => "refused",
            Self::Exchange => "exchange",
        }
    }
}

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
        /// How far it came.
        step: Step,
    },
    /// Trying again is pointless.
    #[error("{reason}")]
    Permanent {
        /// What happened.
        reason: Cow<'static, str>,
        /// How far it came.
        step: Step,
    },
}

impl SendError {
    /// Another attempt may succeed. Whether the message was taken is unknown, unless
    /// [`SendError::at`] says how far it came.
    pub fn temporary(reason: impl Into<Cow<'static, str>>) -> Self {
        Self::Temporary {
            reason: reason.into(),
            retry_after: None,
            step: Step::Exchange,
        }
    }

    /// Trying again is pointless: the message was refused, unless [`SendError::at`] says more.
    pub fn permanent(reason: impl Into<Cow<'static, str>>) -> Self {
        Self::Permanent {
            reason: reason.into(),
            step: Step::Refused,
        }
    }

    /// How far it came.
    #[must_use]
    pub const fn step(&self) -> Step {
        match self {
            Self::Temporary { step, .. } | Self::Permanent { step, .. } => *step,
        }
    }

    /// With how far it came.
    #[must_use]
    pub fn at(mut self, at: Step) -> Self {
        match &mut self {
            Self::Temporary { step, .. } | Self::Permanent { step, .. } => *step = at,
        }
        self
    }

    /// What happened.
    #[must_use]
    pub fn reason(&self) -> &str {
        match self {
            Self::Temporary { reason, .. } | Self::Permanent { reason, .. } => reason,
        }
    }
}

/// Options that no sender can be made from. Contains no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct OptionsError(Cow<'static, str>);

impl OptionsError {
    pub(crate) fn new(message: impl Into<Cow<'static, str>>) -> Self {
        Self(message.into())
    }
}
