//! The providers of an app's channel, asked in order until one takes the message.
//!
//! | what came of it | what follows |
//! |---|---|
//! | taken | done |
//! | surely not taken (no connection, refused, limited) | the next provider, at once |
//! | refused because of the recipient | no other provider: it would reach nobody either, or somebody who has opted out |
//! | broken off or timed out: unknown | on the first attempt the message waits and the same provider is asked again (a webhook knows it by its `Idempotency-Key`); after that the next one: a code that comes twice is better than none |

use doorward_domain::AppId;
use doorward_domain::contact::Channel;
use doorward_domain::secret::SecretText;

use super::breaker::Breaker;
use super::settings::Provider;
use super::{ProviderSecrets, settings};
use crate::message::OutgoingMessage;
use crate::sender::{Networks, Receipt, SendError, Sender, Step};
use crate::worker::provider_failed;

/// The providers of an app's channel.
pub struct Chain {
    links: Vec<Link>,
}

struct Link {
    provider: Provider,
    /// The sender, or why there is none.
    sender: Result<Box<dyn Sender>, String>,
    breaker: Breaker,
}

/// What came of a message, and through whom.
#[derive(Debug, Clone)]
pub struct Carried {
    /// Its end.
    pub result: Result<Receipt, SendError>,
    /// Who took it, or refused it last; `None` for the deployment's own sender.
    pub provider: Option<String>,
    /// Who failed before, and how: (provider, step).
    pub before: Vec<(String, Step)>,
}

impl Chain {
    /// Makes the senders. One that cannot be made counts as failing.
    #[must_use]
    pub fn new(providers: Vec<Provider>, secrets: &ProviderSecrets, networks: &Networks) -> Self {
        let links = providers.into_iter().map(|provider| {
            let secret: Option<&SecretText> = secrets.get(&provider.id);
            Link {
                sender: provider
                    .kind
                    .sender(secret, networks)
                    .map_err(|error| error.to_string()),
                provider,
                breaker: Breaker::default(),
            }
        });
        Self {
            links: links.take(settings::MAX_PROVIDERS).collect(),
        }
    }

    /// Hands a message to the first provider that takes it. `attempt` counts from 1.
    pub async fn send(&self, message: &OutgoingMessage, attempt: u32) -> Carried {
        let mut before: Vec<(String, Step)> = Vec::new();
        let mut last: Option<(String, SendError)> = None;
        for link in self.in_order(message) {
            if let Some((id, error)) = last.take() {
                before.push((id, error.step()));
            }
            let id = link.provider.id.clone();
            match link.send(message).await {
                Ok(receipt) => {
                    return Carried {
                        result: Ok(receipt),
                        provider: Some(id),
                        before,
                    };
                }
                Err(error) => {
                    let stop = match error.step() {
                        Step::Recipient => true,
                        Step::Exchange => attempt == 1,
                        _ => false,
                    };
                    last = Some((id, error));
                    if stop {
                        break;
                    }
                }
            }
        }
        let (provider, error) = match last {
            Some((id, error)) => (Some(id), error),
            None => (
                None,
                SendError::permanent("no provider is set").at(Step::Settings),
            ),
        };
        // What one refused for good another may take later.
        let error = match error {
            SendError::Permanent { reason, step }
                if step != Step::Recipient && before.iter().any(|(_, step)| may_pass(*step)) =>
            {
                SendError::temporary(reason).at(step)
            }
            other => other,
        };
        Carried {
            result: Err(error),
            provider,
            before,
        }
    }

    /// Those whose circuit is closed; all of them when none is.
    fn in_order(&self, message: &OutgoingMessage) -> Vec<&Link> {
        let closed: Vec<&Link> = self
            .links
            .iter()
            .filter(|link| link.breaker.lets_through(message.now))
            .collect();
        if closed.is_empty() {
            self.links.iter().collect()
        } else {
            closed
        }
    }

    /// Sends a message to each provider by itself, whatever the others say.
    pub async fn try_each(
        &self,
        message: &OutgoingMessage,
    ) -> Vec<(String, Result<Receipt, SendError>)> {
        let mut results = Vec::with_capacity(self.links.len());
        for link in &self.links {
            let result = link.send(message).await;
            results.push((link.provider.id.clone(), result));
        }
        results
    }
}

const fn may_pass(step: Step) -> bool {
    matches!(
        step,
        Step::Resolve | Step::Connect | Step::Tls | Step::Exchange
    )
}

impl Link {
    async fn send(&self, message: &OutgoingMessage) -> Result<Receipt, SendError> {
        let result = match &self.sender {
            Ok(sender) => sender.send(message).await,
            Err(reason) => Err(SendError::permanent(reason.clone()).at(Step::Settings)),
        };
        match &result {
            Ok(_) => self.breaker.worked(),
            // It answered: the fault is the message's.
            Err(error) if error.step() == Step::Recipient => self.breaker.worked(),
            Err(error) => self.report(message.app_id, message.channel, message, error),
        }
        result
    }

    fn report(
        &self,
        app_id: AppId,
        channel: Channel,
        message: &OutgoingMessage,
        error: &SendError,
    ) {
        let (provider, step) = (self.provider.id.as_str(), error.step().as_str());
        provider_failed(channel, error.step());
        tracing::warn!(%app_id, ?channel, provider, step, reason = error.reason(), "a provider failed");
        if self.breaker.failed(message.now) {
            tracing::warn!(%app_id, ?channel, provider, "a provider keeps failing and is left alone for a while");
        }
    }
}
