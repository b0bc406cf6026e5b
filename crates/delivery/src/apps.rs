//! What an app has set about its messages: its words and its providers, as this node knows them.
//!
//! A copy is read once and kept until the platform's version moves, which each node looks at four
//! times a second; a message costs no look-up of its own.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use doorward_crypto::Keyring;
use doorward_domain::AppId;
use doorward_domain::contact::Channel;
use doorward_domain::template::{Language, MessageName, StoredTemplate, Words};
use doorward_store::app::StoredDelivery;
use doorward_store::{Store, StoreError};

use crate::alarms::Alarms;
use crate::message::{Envelope, OutgoingMessage, Rendered};
use crate::provider::{
    Attempt, Breaker, Carried, Chain, Provider, ProviderSecrets, Reports, open_secrets,
};
use crate::sender::{Networks, Receipt, SendError, Sender, Step};
use crate::template::{BuiltIn, Renderer, TemplateError};

/// Most apps kept; beyond it the cache starts over.
const MAX_APPS: usize = 1_024;

/// What the deployment says about apps' own settings.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    /// Where the hosts that apps name may be.
    pub networks: Networks,
    /// Whether messages go to the deployment's sender whatever an app has set: `doorward dev`
    /// captures them.
    pub captured: bool,
    /// The service's URL, where providers report what became of a message; they are not asked to
    /// without it.
    pub public_url: Option<String>,
}

/// What every app has set, as this node knows it.
pub struct Apps {
    store: Store,
    keyring: Arc<Keyring>,
    policy: Policy,
    reports: Option<Reports>,
    circuits: Arc<Circuits>,
    held: Mutex<Held>,
    sender: OnceLock<Arc<dyn Sender>>,
    alarms: OnceLock<Arc<Alarms>>,
}

/// Of the deployment's own senders.
#[derive(Default)]
struct Circuits {
    email: Breaker,
    sms: Breaker,
}

impl Circuits {
    /// Hands a message to the deployment's own sender, which is left alone for a while when it keeps being
    /// out of reach. Only that counts: every app shares it, and what it says or does about a message may
    /// be the message's doing.
    async fn send(
        &self,
        message: &OutgoingMessage,
        sender: &dyn Sender,
    ) -> Result<Receipt, SendError> {
        let breaker = match message.channel {
            Channel::Email => &self.email,
            Channel::Sms => &self.sms,
        };
        if let Some(wait) = breaker.wait(message.now) {
            return Err(SendError::Temporary {
                reason: "the deployment's sender is out of reach and left alone for a while".into(),
                retry_after: Some(wait),
                step: Step::Connect,
            });
        }
        let sent = sender.send(message).await;
        match &sent {
            Err(error) if matches!(error.step(), Step::Resolve | Step::Connect | Step::Tls) => {
                if breaker.failed(message.now) {
                    let (channel, step) = (message.channel, error.step().as_str());
                    tracing::warn!(
                        ?channel,
                        step,
                        reason = error.reason(),
                        "the deployment's sender is out of reach and left alone for a while"
                    );
                }
            }
            _ => breaker.worked(),
        }
        sent
    }
}

#[derive(Default)]
struct Held {
    apps: HashMap<AppId, (u64, Arc<AppMessages>)>,
    /// Grows when something may have changed.
    generation: u64,
}

/// The providers of a channel.
#[derive(Clone)]
struct HeldChain {
    channel: Channel,
    /// The stored version that it was made of.
    version: i64,
    /// What was made of it, or why nothing could be.
    chain: Arc<Result<Chain, String>>,
}

/// What one app has set.
pub struct AppMessages {
    language: Option<Language>,
    templates: Vec<StoredTemplate>,
    chains: Vec<HeldChain>,
    captured: bool,
    reports: Option<Reports>,
    circuits: Arc<Circuits>,
}

impl Apps {
    /// Empty.
    #[must_use]
    pub fn new(store: Store, keyring: Arc<Keyring>, policy: Policy) -> Self {
        let reports = policy
            .public_url
            .as_deref()
            .map(|url| Reports::new(url, Arc::clone(&keyring)));
        Self {
            store,
            keyring,
            policy,
            reports,
            circuits: Arc::default(),
            held: Mutex::default(),
            sender: OnceLock::new(),
            alarms: OnceLock::new(),
        }
    }

    /// Where the hosts that apps name may be.
    #[must_use]
    pub const fn networks(&self) -> &Networks {
        &self.policy.networks
    }

    /// Says who carries the messages of apps without providers of their own. Only the first time
    /// counts.
    pub fn set_sender(&self, sender: Arc<dyn Sender>) {
        drop(self.sender.set(sender));
    }

    /// Who carries the messages of apps without providers of their own, where that was said.
    #[must_use]
    pub fn sender(&self) -> Option<&Arc<dyn Sender>> {
        self.sender.get()
    }

    /// Says who is told of alarms. Only the first time counts.
    pub fn set_alarms(&self, alarms: Arc<Alarms>) {
        drop(self.alarms.set(alarms));
    }

    /// Who is told of alarms, where that was said and there is anybody.
    #[must_use]
    pub fn alarms(&self) -> Option<&Arc<Alarms>> {
        self.alarms.get().filter(|alarms| !alarms.is_empty())
    }

    /// Where providers report what became of a message, where they do.
    #[must_use]
    pub const fn reports(&self) -> Option<&Reports> {
        self.reports.as_ref()
    }

    /// Something may have changed.
    pub fn forget(&self) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.generation += 1;
    }

    /// What an app has set. When the database is out of reach, what it had set before.
    ///
    /// # Errors
    /// [`StoreError`] when nothing is known of it and the database is out of reach.
    pub async fn of(&self, app_id: AppId) -> Result<Arc<AppMessages>, StoreError> {
        let (generation, former) = {
            let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
            match held.apps.get(&app_id) {
                Some((at, app)) if *at == held.generation => return Ok(Arc::clone(app)),
                other => (held.generation, other.map(|(_, app)| Arc::clone(app))),
            }
        };
        let read = self
            .store
            .read(move |tx| {
                let language = tx.platform().app(app_id)?.map(|app| app.settings.language);
                let mut app = tx.app(app_id);
                Ok::<_, StoreError>((language, app.templates()?, app.delivery_settings()?))
            })
            .await;
        let (language, templates, deliveries) = match (read, former.as_ref()) {
            (Ok(read), _) => read,
            (Err(_), Some(former)) => return Ok(Arc::clone(former)),
            (Err(error), None) => return Err(error),
        };
        let app = Arc::new(AppMessages {
            language: language.and_then(|tag| Language::parse(&tag).ok()),
            templates,
            chains: deliveries
                .into_iter()
                .map(|stored| self.chain(app_id, &stored, former.as_deref()))
                .collect(),
            captured: self.policy.captured,
            reports: self.reports.clone(),
            circuits: Arc::clone(&self.circuits),
        });
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if held.apps.len() >= MAX_APPS && !held.apps.contains_key(&app_id) {
            held.apps.clear();
        }
        // With the generation from before it was read: a change meanwhile makes it old at once.
        held.apps.insert(app_id, (generation, Arc::clone(&app)));
        Ok(app)
    }

    /// The chain of before, with its connections and circuits, where nothing changed.
    fn chain(
        &self,
        app_id: AppId,
        stored: &StoredDelivery,
        former: Option<&AppMessages>,
    ) -> HeldChain {
        let same = former.and_then(|former| {
            former
                .chains
                .iter()
                .find(|held| (held.channel, held.version) == (stored.channel, stored.version))
        });
        if let Some(same) = same {
            return same.clone();
        }
        let chain = self.make(app_id, stored);
        if let Err(reason) = &chain {
            tracing::error!(%app_id, channel = ?stored.channel, reason, "the providers of an app cannot be used");
        }
        HeldChain {
            channel: stored.channel,
            version: stored.version,
            chain: Arc::new(chain),
        }
    }

    fn make(&self, app_id: AppId, stored: &StoredDelivery) -> Result<Chain, String> {
        let providers: Vec<Provider> = serde_json::from_str(&stored.providers)
            .map_err(|_| "they are of a kind this version does not know".to_owned())?;
        let secrets: ProviderSecrets =
            open_secrets(&self.keyring, app_id, stored.channel, &stored.sealed)
                .map_err(|error| error.to_string())?;
        Ok(Chain::new(providers, &secrets, &self.policy.networks))
    }
}

impl AppMessages {
    /// Renders a message in the app's words and, where it has none, in the built-in ones: in the
    /// language that was asked for, else in the app's, else in English. Words that fail give way to
    /// the built-in ones, and the failure is told beside the message.
    ///
    /// # Errors
    /// [`TemplateError`] when not even the built-in words render.
    pub fn render(
        &self,
        renderer: &Renderer,
        app_id: AppId,
        envelope: &Envelope,
    ) -> Result<(Rendered, Option<TemplateError>), TemplateError> {
        let name = MessageName::of(envelope.purpose);
        let wanted = Language::parse(&envelope.language).ok();
        let own = wanted
            .iter()
            .chain(self.language.as_ref())
            .find_map(|language| {
                language.lookup(|tag| self.words(name, tag, envelope.to.channel()))
            });
        let fault = match own {
            None => None,
            Some((language, words)) => {
                match renderer.render_own(words, language, app_id, envelope) {
                    Ok(rendered) => return Ok((rendered, None)),
                    Err(fault) => Some(fault),
                }
            }
        };
        let rendered = renderer.render(&BuiltIn, app_id, &envelope.in_english())?;
        Ok((rendered, fault))
    }

    fn words(&self, name: MessageName, tag: &str, channel: Channel) -> Option<(&str, &Words)> {
        self.templates
            .iter()
            .find(|template| {
                let key = &template.key;
                key.name == name && key.channel == channel && key.language.as_str() == tag
            })
            .map(|template| (template.key.language.as_str(), &template.words))
    }

    /// Whether the app words a message itself, in exactly this language.
    #[must_use]
    pub fn has_words(&self, name: &str, language: &str, channel: Channel) -> bool {
        MessageName::parse(name).is_some_and(|name| self.words(name, language, channel).is_some())
    }

    /// The app's own providers for a channel, where it has any.
    #[must_use]
    pub fn chain(&self, channel: Channel) -> Option<&Result<Chain, String>> {
        let found = self.chains.iter().find(|held| held.channel == channel);
        found.map(|held| &*held.chain)
    }

    /// Hands a message to the app's own providers, else to `sender`. `attempt` counts from 1; those who
    /// `tried` are not asked again.
    pub async fn send(
        &self,
        message: &OutgoingMessage,
        (number, tried): (u32, &[String]),
        sender: &dyn Sender,
    ) -> Carried {
        let deployments = |result| Carried {
            result,
            provider: None,
            before: Vec::new(),
            keep: false,
        };
        let reports = self.reports.as_ref();
        match self.chain(message.channel) {
            Some(_) if self.captured => deployments(sender.send(message).await),
            Some(Ok(chain)) => {
                let attempt = Attempt {
                    number,
                    tried,
                    reports,
                };
                chain.send(message, attempt).await
            }
            // Another node may have the key, or be the newer one.
            Some(Err(reason)) => deployments(Err(SendError::temporary(format!(
                "the providers of the app cannot be used: {reason}"
            ))
            .at(Step::Settings))),
            None => {
                let reports = reports.filter(|_| sender.reports(message.channel));
                let told = reports.map(|reports| reports.told(message, ""));
                let message = told.as_ref().unwrap_or(message);
                deployments(self.circuits.send(message, sender).await)
            }
        }
    }
}
