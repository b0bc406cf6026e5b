//! The providers of an app's channel, asked in order until one takes the message.
//!
//! | what came of it | what follows |
//! |---|---|
//! | taken | done |
//! | surely not taken (no connection, refused, limited) | the next provider, at once |
//! | refused because of the recipient | no other provider: it would reach nobody either, or somebody who has opted out |
//! | all have been failing | nobody is asked; the message waits until one may be tried again |
//! | broken off or timed out: unknown | on the first attempt the message waits and the same provider is asked again (a webhook knows it by its `Idempotency-Key`); after that the next one: a code that comes twice is better than none |

use std::time::Duration;

use doorward_domain::AppId;
use doorward_domain::contact::Channel;
use doorward_domain::secret::SecretText;

use super::breaker::Breaker;
use super::reports::Reports;
use super::settings::Provider;
use super::{ProviderSecrets, settings};
use crate::message::OutgoingMessage;
use crate::sender::{Networks, Receipt, Report, Said, SendError, Sender, Step};
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
    /// Whether another one could take it, should the one that took it report that it did not arrive.
    pub keep: bool,
}

/// One more attempt.
#[derive(Clone, Copy)]
pub struct Attempt<'a> {
    /// Which, from 1.
    pub number: u32,
    /// Providers that took the message before and reported that it did not arrive: they are not asked
    /// again.
    pub tried: &'a [String],
    /// Where providers report, where they can.
    pub reports: Option<&'a Reports>,
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

    /// Hands a message to the first provider that takes it.
    pub async fn send(&self, message: &OutgoingMessage, attempt: Attempt<'_>) -> Carried {
        let mut before: Vec<(String, Step)> = Vec::new();
        let mut last: Option<(String, SendError)> = None;
        let mut wait: Option<Duration> = None;
        for link in self.untried(attempt.tried) {
            if let Some(open) = link.breaker.wait(message.now) {
                wait = Some(wait.map_or(open, |wait| wait.min(open)));
                continue;
            }
            if let Some((id, error)) = last.take() {
                before.push((id, error.step()));
            }
            let id = link.provider.id.clone();
            match link.send(message, attempt.reports).await {
                Ok(receipt) => {
                    let keep = attempt.reports.is_some()
                        && link.reports(message.channel)
                        && self
                            .untried(attempt.tried)
                            .any(|other| other.provider.id != id);
                    return Carried {
                        result: Ok(receipt),
                        provider: Some(id),
                        before,
                        keep,
                    };
                }
                Err(error) => {
                    let stop = match error.step() {
                        Step::Recipient => true,
                        Step::Exchange => attempt.number == 1,
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
            // Asking them all the same would hold a place for as long as they hang.
            None if wait.is_some() => (
                None,
                SendError::Temporary {
                    reason: "every provider keeps failing and is left alone for a while".into(),
                    retry_after: wait,
                    step: Step::Connect,
                },
            ),
            None if attempt.tried.is_empty() => (
                None,
                SendError::permanent("no provider is set").at(Step::Settings),
            ),
            None => (
                None,
                SendError::permanent("no other provider is left").at(Step::Settings),
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
            keep: false,
        }
    }

    fn untried(&self, tried: &[String]) -> impl Iterator<Item = &Link> {
        self.links
            .iter()
            .filter(|link| !tried.contains(&link.provider.id))
    }

    /// The providers' names, in order.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.links.iter().map(|link| link.provider.id.as_str())
    }

    /// Reads what a provider reports; `None` when it is not proved to be that provider's.
    #[must_use]
    pub fn read_report(
        &self,
        provider: &str,
        channel: Channel,
        report: &Report<'_>,
    ) -> Option<Said> {
        let link = self
            .links
            .iter()
            .find(|link| link.provider.id == provider)?;
        link.sender.as_ref().ok()?.read_report(channel, report)
    }

    /// Sends a message to each provider by itself, whatever the others say.
    pub async fn try_each(
        &self,
        message: &OutgoingMessage,
    ) -> Vec<(String, Result<Receipt, SendError>)> {
        let mut results = Vec::with_capacity(self.links.len());
        for link in &self.links {
            let result = link.send(message, None).await;
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
    fn reports(&self, channel: Channel) -> bool {
        self.sender
            .as_ref()
            .is_ok_and(|sender| sender.reports(channel))
    }

    async fn send(
        &self,
        message: &OutgoingMessage,
        reports: Option<&Reports>,
    ) -> Result<Receipt, SendError> {
        let reports = reports.filter(|_| self.reports(message.channel));
        let told = reports.map(|reports| reports.told(message, &self.provider.id));
        let message = told.as_ref().unwrap_or(message);
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
