//! What the use cases share: store, keys, clock, randomness, caches. No global state: whoever
//! starts a server, a command or a test makes one.

mod app_cache;
mod signing_set;

use std::sync::{Arc, RwLock};

use doorward_crypto::keyring::Keyring;
use doorward_delivery::apps::{Apps, Policy};
use doorward_delivery::worker::Bell;
use doorward_domain::audit::{Action, Actor};
use doorward_domain::scope::Scope;
use doorward_domain::signing::SigningAlg;
use doorward_domain::{Clock, NodeId, RequestId, SecureRandom};
use doorward_store::{ReadTx, Store, WriteTx};

pub use signing_set::SigningSet;

use self::app_cache::AppCache;
use crate::audit::Refused;
use crate::context::{AppContext, Context, Describe, Operator, Origin};
use crate::error::{Error, Result};

/// Settings of the platform, fixed while it runs.
#[derive(Debug, Clone)]
pub struct PlatformSettings {
    /// The service's URL: `iss`, and the first of the audiences. No trailing slash.
    pub issuer: String,
    /// What new signing keys sign with.
    pub signing_alg: SigningAlg,
    /// Age in seconds at which the active signing key is replaced (at least 3,600).
    pub key_rotation_seconds: i64,
    /// Seconds a new key is published before it may sign, and an old one beyond the life of its
    /// last token (at least what consumers cache the JWKS for).
    pub key_overlap_seconds: i64,
    /// Seconds that consumers may cache the JWKS.
    pub jwks_max_age_seconds: i64,
    /// Seconds that dead codes, secrets and messages are kept, for precise answers.
    pub keep_dead_seconds: i64,
    /// Seconds between maintenance runs.
    pub maintenance_interval_seconds: i64,
    /// What apps may set about their own mail servers and SMS providers.
    pub delivery: Policy,
}

impl PlatformSettings {
    /// Defaults for a service at `issuer`.
    #[must_use]
    pub fn new(issuer: impl Into<String>) -> Self {
        Self {
            issuer: issuer.into(),
            signing_alg: SigningAlg::Rs256Bits2048,
            key_rotation_seconds: 90 * 86_400,
            key_overlap_seconds: 3_600,
            jwks_max_age_seconds: 300,
            keep_dead_seconds: 86_400,
            maintenance_interval_seconds: 300,
            delivery: Policy::default(),
        }
    }
}

/// What a core is made of.
pub struct CoreParts {
    /// The store, migrated.
    pub store: Store,
    /// The keys that are not in the database.
    pub keyring: Arc<Keyring>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The randomness.
    pub random: Arc<dyn SecureRandom>,
    /// The settings.
    pub settings: PlatformSettings,
}

/// What the use cases share. Held in an `Arc`.
pub struct Core {
    /// The store.
    pub store: Store,
    /// The keys that are not in the database.
    pub keyring: Arc<Keyring>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The randomness.
    pub random: Arc<dyn SecureRandom>,
    /// The settings.
    pub settings: PlatformSettings,
    /// This process.
    pub node: NodeId,
    /// Rung after a transaction that wrote a message.
    pub outbox_bell: Arc<Bell>,
    /// What apps have set about their messages, as this node knows it.
    pub messages: Arc<Apps>,
    pub(crate) apps: AppCache,
    pub(crate) signing: RwLock<Arc<SigningSet>>,
    pub(crate) refusal_budget: Arc<crate::audit::RefusalBudget>,
    pub(crate) revocations: crate::revocations::Feeds,
    pub(crate) refusals: crate::refusals::Refusals,
    pub(crate) health: crate::health::HealthCache,
    pub(crate) tally: crate::stats::Tally,
    /// Places of reports that came before our own note of the handover.
    pub(crate) early_reports: crate::messages::EarlyPlaces,
}

impl Core {
    /// Starts: loads the signing keys, and makes the first one when there is none.
    ///
    /// # Errors
    /// When the database is out of reach, or holds keys that this master key does not open.
    pub async fn start(parts: CoreParts) -> Result<Arc<Self>> {
        let node = NodeId::generate(&*parts.clock, &*parts.random);
        let messages = Apps::new(
            parts.store.clone(),
            Arc::clone(&parts.keyring),
            Policy {
                public_url: Some(parts.settings.issuer.clone()),
                ..parts.settings.delivery.clone()
            },
        );
        let core = Arc::new(Self {
            messages: Arc::new(messages),
            store: parts.store,
            keyring: parts.keyring,
            clock: parts.clock,
            random: parts.random,
            settings: parts.settings,
            node,
            outbox_bell: Arc::default(),
            apps: AppCache::default(),
            signing: RwLock::new(Arc::new(SigningSet::empty())),
            refusal_budget: Arc::default(),
            revocations: crate::revocations::Feeds::default(),
            refusals: crate::refusals::Refusals::default(),
            health: crate::health::HealthCache::default(),
            tally: crate::stats::Tally::default(),
            early_reports: crate::messages::EarlyPlaces::default(),
        });
        let system = core.system_context();
        crate::signing::ensure_active(&core, &system).await?;
        Ok(core)
    }

    /// The context of an operation.
    #[must_use]
    pub fn context(&self, actor: Actor, origin: Origin) -> Context {
        Context {
            actor,
            origin,
            clock: Arc::clone(&self.clock),
            random: Arc::clone(&self.random),
        }
    }

    /// A new request id.
    #[must_use]
    pub fn new_request_id(&self) -> RequestId {
        RequestId::generate(&*self.clock, &*self.random)
    }

    /// The context of something the server does by itself.
    #[must_use]
    pub fn system_context(&self) -> Context {
        let request_id = self.new_request_id();
        self.context(
            Actor::System,
            Origin {
                request_id,
                ip: None,
                user_agent: None,
                of_person: false,
            },
        )
    }

    /// Something that this node keeps of an app was changed by it.
    pub(crate) fn changed(&self, app: doorward_domain::AppId) {
        self.apps.forget(app);
        self.messages.forget();
    }

    /// The signing keys as this node knows them.
    #[must_use]
    pub fn signing(&self) -> Arc<SigningSet> {
        Arc::clone(
            &self
                .signing
                .read()
                .unwrap_or_else(std::sync::PoisonError::into_inner),
        )
    }

    /// Asks for authorisation. A refusal leaves its trace (ASVS 16.3.2), within the budget.
    ///
    /// # Errors
    /// [`doorward_domain::Code::Forbidden`] when the operator lacks the scope.
    pub async fn authorise(&self, operator: &Operator, scope: Scope) -> Result<()> {
        let Err(refusal) = operator.require(scope) else {
            return Ok(());
        };
        let context = &operator.context;
        if self
            .refusal_budget
            .take(context.now(), Refused::AdminKey, refusal.code())
        {
            let mut event = context
                .event(None, Action::AdminKeyRefused)
                .refused(refusal.code())
                .with(serde_json::json!({ "scope": scope.as_str() }));
            if let Some(id) = operator.context.actor.id() {
                event = event.on("admin_key", id);
            }
            self.store
                .write(move |tx| Ok::<_, Error>(tx.platform().audit(&event)?))
                .await?;
        }
        Err(refusal)
    }

    /// Reads in the name of an app, on one snapshot in which whatever authorised the caller is
    /// current: a secret that was rotated on another node opens nothing here either.
    pub(crate) async fn read_in_app<T, F>(&self, app: &mut AppContext, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: Fn(&AppContext, &mut ReadTx<'_>) -> Result<T> + Clone + Send + 'static,
    {
        for _ in 0..3 {
            let (current, work) = (app.clone(), work.clone());
            let done = self
                .store
                .read(move |tx| {
                    if !tx.app(current.app.id).is_current(current.app.version)? {
                        return Ok::<_, Error>(None);
                    }
                    work(&current, tx).map(Some)
                })
                .await?;
            match done {
                Some(done) => return Ok(done),
                None => *app = crate::apps::reauthenticate(self, app).await?,
            }
        }
        Err(kept_changing("read from"))
    }

    /// Writes in the name of an app. Whatever authorised the caller is checked against the stored
    /// app inside the transaction: when the cached copy was old, it is read anew, the credential is
    /// checked again, and `work` is begun again. An inner `Err` is a refusal that leaves its traces
    /// (it commits); an outer one rolls back.
    pub(crate) async fn write_in_app<T, F>(&self, app: &mut AppContext, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: Fn(&AppContext, &mut WriteTx<'_>) -> Result<Result<T>> + Clone + Send + 'static,
    {
        for _ in 0..3 {
            let (current, work) = (app.clone(), work.clone());
            let done = self
                .store
                .write(move |tx| {
                    if !tx.app(current.app.id).is_current(current.app.version)? {
                        return Ok::<_, Error>(None);
                    }
                    work(&current, tx).map(Some)
                })
                .await?;
            match done {
                Some(outcome) => return outcome,
                None => *app = crate::apps::reauthenticate(self, app).await?,
            }
        }
        Err(kept_changing("written to"))
    }
}

fn kept_changing(what: &str) -> Error {
    Error::new(doorward_domain::Code::ServiceUnavailable)
        .with_retry_after(1)
        .with_internal(format!("the app kept changing while it was {what}"))
}
