//! Where providers report what became of a message.

use std::sync::Arc;

use doorward_crypto::{Keyring, MessageRef};

use crate::message::OutgoingMessage;

/// Tells providers where to report.
#[derive(Clone)]
pub struct Reports {
    /// The service's URL, without a slash at its end.
    public_url: Arc<str>,
    keyring: Arc<Keyring>,
}

impl Reports {
    /// Of a service at this URL.
    #[must_use]
    pub fn new(public_url: &str, keyring: Arc<Keyring>) -> Self {
        Self {
            public_url: public_url.trim_end_matches('/').into(),
            keyring,
        }
    }

    /// The URL for reports under a reference.
    #[must_use]
    pub fn url(&self, app_id: doorward_domain::AppId, reference: &str) -> String {
        format!(
            "{}/apps/{app_id}/delivery/receipts/{reference}",
            self.public_url
        )
    }

    /// The message, with where a provider (empty for the deployment's sender) is to report about it.
    pub(crate) fn told(&self, message: &OutgoingMessage, provider: &str) -> OutgoingMessage {
        let of = MessageRef {
            message: message.id,
            channel: message.channel,
            provider: provider.to_owned(),
        };
        let reference = self.keyring.message_reference(message.app_id, &of);
        OutgoingMessage {
            report_url: Some(self.url(message.app_id, &reference)),
            ..message.clone()
        }
    }
}
