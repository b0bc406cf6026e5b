//! A message on its way: sealed in the outbox, rendered, handed to a sender.

mod envelope;

use doorward_domain::contact::{Channel, Contact};
use doorward_domain::secret::SecretText;
use doorward_domain::{AppId, OutboxId, Timestamp};

pub use envelope::{Envelope, EnvelopeError, Otp, template_name};

/// A message as people will read it.
///
/// `Debug` shows neither texts nor secrets: every body contains the code.
#[derive(Clone)]
pub struct Rendered {
    /// Recipient.
    pub to: Contact,
    /// Subject line (e-mail only), free of control characters.
    pub subject: Option<String>,
    /// Plain text.
    pub text: String,
    /// HTML (e-mail only).
    pub html: Option<String>,
    /// The code inside, for senders that pass it on by itself and for the capture of `dev`.
    pub code: Option<SecretText>,
    /// The link inside, likewise.
    pub link: Option<SecretText>,
}

impl std::fmt::Debug for Rendered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rendered")
            .field("to", &self.to)
            .finish_non_exhaustive()
    }
}

/// What a sender is given.
#[derive(Debug, Clone)]
pub struct OutgoingMessage {
    /// Names the message on every attempt: the idempotency key towards the provider.
    pub id: OutboxId,
    /// The app it is sent for.
    pub app_id: AppId,
    /// That app's name for people.
    pub app_name: String,
    /// How it travels.
    pub channel: Channel,
    /// When it was written.
    pub created_at: Timestamp,
    /// After this it is worthless.
    pub expires_at: Timestamp,
    /// When this attempt began.
    pub now: Timestamp,
    /// Where the provider may report what became of it; it names this message and this provider, and
    /// nobody else can guess it.
    pub report_url: Option<String>,
    /// The message itself.
    pub content: Rendered,
}
