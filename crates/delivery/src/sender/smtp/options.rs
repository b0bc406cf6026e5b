//! How to reach a mail server.

use std::time::Duration;

use doorward_domain::secret::SecretText;

use crate::sender::Networks;

/// How the connection is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SmtpTls {
    /// TLS from the first byte (port 465; RFC 8314 §3.3 prefers it).
    Implicit,
    /// Plain greeting, then STARTTLS, without which nothing is sent (port 587).
    StartTls,
    /// No TLS. Only to loopback, or with [`SmtpOptions::allow_plaintext`].
    None,
}

impl SmtpTls {
    /// The port that is customary for it.
    #[must_use]
    pub const fn default_port(self) -> u16 {
        match self {
            Self::Implicit => 465,
            Self::StartTls => 587,
            Self::None => 25,
        }
    }
}

/// A name and password at the mail server.
#[derive(Debug, Clone)]
pub struct SmtpCredentials {
    /// Name.
    pub username: String,
    /// Password.
    pub password: SecretText,
}

/// How to reach a mail server and whom messages come from.
#[derive(Debug, Clone)]
pub struct SmtpOptions {
    /// Host name or address; with TLS the certificate must be for it.
    pub host: String,
    /// Port.
    pub port: u16,
    /// How the connection is protected.
    pub tls: SmtpTls,
    /// The named exception: allow [`SmtpTls::None`] to a host other than loopback.
    pub allow_plaintext: bool,
    /// PEM certificates to trust besides the system's.
    pub extra_ca_pem: Option<Vec<u8>>,
    /// Name and password; none for a relay that knows us by address.
    pub credentials: Option<SmtpCredentials>,
    /// The address messages come from, and bounce to.
    pub from_address: String,
    /// The name messages come from; the app's own name when `None`.
    pub from_name: Option<String>,
    /// Where answers go.
    pub reply_to: Option<String>,
    /// How we introduce ourselves (EHLO); the machine's host name when `None`.
    pub hello_name: Option<String>,
    /// Time for one message, connecting included (default 20 s). Keep it below the worker's
    /// `send_timeout`.
    pub timeout: Duration,
    /// Where the host may be; anywhere when `None`.
    pub networks: Option<Networks>,
}

impl SmtpOptions {
    /// Implicit TLS, everything else at its default.
    #[must_use]
    pub fn new(host: impl Into<String>, from_address: impl Into<String>) -> Self {
        Self {
            host: host.into(),
            port: SmtpTls::Implicit.default_port(),
            tls: SmtpTls::Implicit,
            allow_plaintext: false,
            extra_ca_pem: None,
            credentials: None,
            from_address: from_address.into(),
            from_name: None,
            reply_to: None,
            hello_name: None,
            timeout: Duration::from_secs(20),
            networks: None,
        }
    }
}
