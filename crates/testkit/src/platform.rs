//! A platform in process: core, outbox worker with a capture, a clock that the test moves.

use std::sync::Arc;
use std::time::Duration;

use doorward_crypto::keyring::{Keyring, MasterKey};
use doorward_delivery::sender::Capture;
use doorward_delivery::worker::{Worker, WorkerOptions, WorkerParts};
use doorward_domain::app::AppSettings;
use doorward_domain::audit::Actor;
use doorward_domain::contact::{Channel, Contact, EmailAddress, PhoneNumber};
use doorward_domain::otp::Purpose;
use doorward_domain::reason::Reason;
use doorward_domain::scope::Scopes;
use doorward_domain::secret::{AppSecret, SecretText};
use doorward_domain::signing::SigningAlg;
use doorward_domain::{AppId, Clock, OffsetClock, OsRandom, Timestamp, UserId};
use doorward_service::apps::{self, CreateApp};
use doorward_service::otp::{self, OtpVerified, SendOtp, VerifyOtp};
use doorward_service::sessions::Tokens;
use doorward_service::signing::RotateMode;
use doorward_service::users::DeleteUser;
use doorward_service::{
    AppContext, Context, Core, CoreParts, Deliberate, Operator, Origin, PlatformSettings, Result,
};
use doorward_store::Store;
use doorward_store::platform::{AuditFilter, StoredEvent};

use crate::database::{Counts, TestDatabase};

/// A clock that stands still until the test moves it.
struct Still(Timestamp);

impl Clock for Still {
    fn now(&self) -> Timestamp {
        self.0
    }
}

/// A platform in process. Its clock stands at 2026-01-01 until it is moved.
pub struct Platform {
    /// The core.
    pub core: Arc<Core>,
    /// The clock of every node of this platform.
    pub clock: OffsetClock,
    /// What would have been sent.
    pub outbox: Arc<Capture>,
    /// The database.
    pub database: TestDatabase,
    keyring: Arc<Keyring>,
    master: SecretText,
}

/// An app and its secret.
#[derive(Clone)]
pub struct TestApp {
    /// Its id.
    pub id: AppId,
    /// Its slug.
    pub slug: String,
    /// Its secret.
    pub secret: AppSecret,
}

/// The service's URL in tests.
pub const ISSUER: &str = "https://auth.example.com";

impl Platform {
    /// On a database. Signs with ES256 unless [`Platform::start_with`] says otherwise: RSA keys
    /// take a debug build too long to make for every test.
    pub async fn start(database: &TestDatabase) -> Self {
        let mut settings = PlatformSettings::new(ISSUER);
        settings.signing_alg = SigningAlg::Es256;
        Self::start_with(database, settings).await
    }

    /// On a database, with these settings.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn start_with(database: &TestDatabase, settings: PlatformSettings) -> Self {
        let start: Timestamp = "2026-01-01T00:00:00Z".parse().expect("a time");
        let clock = OffsetClock::new(Arc::new(Still(start)));
        let key = MasterKey::generate(&OsRandom);
        let master = key.to_hex();
        let keyring = Arc::new(Keyring::new(key, Vec::new()));
        let outbox = Arc::new(Capture::new());
        let store = database.store();
        let core = node(store.clone(), store, &keyring, &clock, &outbox, settings).await;
        Self {
            core,
            clock,
            outbox,
            database: database.clone(),
            keyring,
            master,
        }
    }

    /// On a database that was filled elsewhere, at a time of its own, with the key it was filled
    /// under.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn resume(database: &TestDatabase, at: Timestamp, master_key: &str) -> Self {
        let clock = OffsetClock::new(Arc::new(Still(at)));
        let key = MasterKey::from_hex_or_base64(master_key).expect("a master key");
        let master = key.to_hex();
        let keyring = Arc::new(Keyring::new(key, Vec::new()));
        let outbox = Arc::new(Capture::new());
        let store = database.store();
        let settings = PlatformSettings::new(ISSUER);
        let core = node(store.clone(), store, &keyring, &clock, &outbox, settings).await;
        Self {
            core,
            clock,
            outbox,
            database: database.clone(),
            keyring,
            master,
        }
    }

    /// A second node on the same database, with connections, caches and an outbox worker of its own.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn second_node(&self) -> Arc<Core> {
        let store = self.database.open().await;
        node(
            store.clone(),
            store,
            &self.keyring,
            &self.clock,
            &self.outbox,
            self.core.settings.clone(),
        )
        .await
    }

    /// A node with this platform's master key and clock on another database.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn node_on(&self, database: &TestDatabase) -> Arc<Core> {
        let store = database.open().await;
        node(
            store.clone(),
            store,
            &self.keyring,
            &self.clock,
            &self.outbox,
            self.core.settings.clone(),
        )
        .await
    }

    /// A node with a new master key, for which the platform's is a former one.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn node_with_new_master_key(&self) -> Arc<Core> {
        let store = self.database.open().await;
        let former = MasterKey::from_hex_or_base64(self.master.expose()).expect("a master key");
        let keyring = Keyring::new(MasterKey::generate(&OsRandom), vec![former]);
        node(
            store.clone(),
            store,
            &Arc::new(keyring),
            &self.clock,
            &self.outbox,
            self.core.settings.clone(),
        )
        .await
    }

    /// A node that counts what its use cases ask of the database; its outbox worker, which polls,
    /// is not counted.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn counted_node(&self) -> (Arc<Core>, Counts) {
        let (store, counts) = self.database.open_counting().await;
        let core = node(
            store,
            self.database.store(),
            &self.keyring,
            &self.clock,
            &self.outbox,
            self.core.settings.clone(),
        )
        .await;
        (core, counts)
    }

    /// Moves the clock of all nodes.
    pub fn advance(&self, seconds: i64) {
        self.clock.advance_seconds(seconds);
    }

    /// The context of a request from nowhere in particular.
    #[must_use]
    pub fn context(&self) -> Context {
        let origin = Origin {
            request_id: self.core.new_request_id(),
            ip: Some([192, 0, 2, 1].into()),
            user_agent: Some("testkit".to_owned()),
            of_person: false,
        };
        self.core.context(Actor::Anonymous, origin)
    }

    /// An operator who may do everything.
    #[must_use]
    pub fn operator(&self) -> Operator {
        Operator::new(self.context().acting(Actor::Cli), Scopes::all())
    }

    /// That something dangerous is meant, of this thing.
    ///
    /// # Panics
    /// Never.
    #[must_use]
    pub fn deliberate(&self, confirm: impl ToString) -> Deliberate {
        let proof = self.operator().fresh_proof().expect("an operator");
        let reason = Reason::parse("a test").expect("a reason");
        Deliberate::new(proof, reason, confirm.to_string())
    }

    /// What deletes or erases a user.
    #[must_use]
    pub fn delete_user(&self, id: UserId) -> DeleteUser {
        DeleteUser {
            deliberate: self.deliberate(id),
            without_owner: false,
        }
    }

    /// What takes a leaked signing key away at once.
    #[must_use]
    pub fn retire_now(&self) -> RotateMode {
        let kid = self.core.signing().active_kid();
        RotateMode::RetireNow(self.deliberate(kid))
    }

    /// A new app with default settings.
    ///
    /// # Panics
    /// When it cannot be made.
    pub async fn app(&self, slug: &str) -> TestApp {
        self.app_with(slug, |_| ()).await
    }

    /// A new app with changed settings.
    ///
    /// # Panics
    /// When it cannot be made.
    pub async fn app_with(&self, slug: &str, change: impl FnOnce(&mut AppSettings)) -> TestApp {
        let mut settings = AppSettings::default();
        change(&mut settings);
        let request = CreateApp {
            name: slug.to_owned(),
            slug: slug.to_owned(),
            settings: Some(settings),
        };
        let created = apps::create(&self.core, &self.operator(), request)
            .await
            .expect("the app is created");
        TestApp {
            id: created.app.id,
            slug: slug.to_owned(),
            secret: created.secret,
        }
    }

    /// Proves an app's secret on this platform's first node.
    ///
    /// # Panics
    /// When it is refused.
    pub async fn authenticate(&self, app: &TestApp) -> AppContext {
        self.authenticate_at(&self.core, app)
            .await
            .expect("the app's credentials are right")
    }

    /// Proves an app's secret at a node.
    ///
    /// # Errors
    /// As the use case.
    pub async fn authenticate_at(&self, core: &Core, app: &TestApp) -> Result<AppContext> {
        apps::authenticate(core, self.context(), app.id, &app.secret).await
    }

    /// The code of the newest message to a contact for an app; waits for the worker.
    ///
    /// # Panics
    /// When none comes within ten seconds.
    pub async fn code(&self, app: AppId, to: &str, older: usize) -> SecretText {
        for _ in 0..1_000 {
            let found = self.outbox.list(Some(to), Some(app));
            if found.len() > older
                && let Some(code) = found.first().and_then(|message| message.code.clone())
            {
                return SecretText::new(code);
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("no message to {to} was sent")
    }

    /// Signs somebody in by a code to this contact.
    ///
    /// # Panics
    /// When it is refused.
    pub async fn sign_in(&self, app: &TestApp, to: &str) -> (UserId, Tokens) {
        let context = self.authenticate(app).await;
        let older = self.outbox.list(Some(to), Some(app.id)).len();
        let request = SendOtp {
            contact: contact(to),
            purpose: Purpose::Login,
            user_id: None,
            client_ip: None,
            language: None,
        };
        let sent = otp::send(&self.core, &context, request)
            .await
            .expect("a code is sent");
        let request = VerifyOtp {
            otp_request_id: sent.otp_request_id,
            code: self.code(app.id, to, older).await,
            purpose: Purpose::Login,
            client_ip: None,
            tenant_id: None,
        };
        match otp::verify(&self.core, &context, request)
            .await
            .expect("the code is right")
        {
            OtpVerified::SignedIn {
                tokens, user_id, ..
            } => (user_id, tokens),
            other => panic!("LOGIN gives tokens, not {other:?}"),
        }
    }

    /// All audit events of an app, newest first; with the refusals that the first node has
    /// noted and not yet written.
    ///
    /// # Panics
    /// When they cannot be read.
    pub async fn events(&self, app: Option<AppId>) -> Vec<StoredEvent> {
        self.core
            .flush_refusals()
            .await
            .expect("refusals are written");
        let mut all: Vec<StoredEvent> = Vec::new();
        let mut before = None;
        loop {
            let filter = AuditFilter {
                app_id: app,
                before,
                limit: doorward_service::audit::PAGE_MAX,
                ..AuditFilter::default()
            };
            let page = doorward_service::audit::list(&self.core, &self.operator(), filter)
                .await
                .expect("the audit log is readable");
            all.extend(page.events);
            if page.next.is_none() {
                return all;
            }
            before = page.next;
        }
    }
}

/// Parses an address.
///
/// # Panics
/// When it is none.
#[must_use]
pub fn contact(text: &str) -> Contact {
    if text.starts_with('+') {
        Contact::Phone(PhoneNumber::parse(text).expect("a phone number"))
    } else {
        Contact::Email(EmailAddress::parse(text).expect("an e-mail address"))
    }
}

async fn node(
    store: Store,
    outbox_store: Store,
    keyring: &Arc<Keyring>,
    clock: &OffsetClock,
    outbox: &Arc<Capture>,
    settings: PlatformSettings,
) -> Arc<Core> {
    let core = Core::start(CoreParts {
        store,
        keyring: Arc::clone(keyring),
        clock: Arc::new(clock.clone()),
        random: Arc::new(OsRandom),
        settings,
    })
    .await
    .expect("the core starts");
    core.messages.set_sender(outbox.clone());
    let parts = WorkerParts {
        store: outbox_store,
        keyring: Arc::clone(keyring),
        sender: Arc::clone(outbox) as Arc<dyn doorward_delivery::sender::Sender>,
        apps: Arc::clone(&core.messages),
        clock: Arc::new(clock.clone()),
        random: Arc::new(OsRandom),
        bell: Arc::clone(&core.outbox_bell),
        counts: core.clone(),
    };
    let options = WorkerOptions {
        poll: Duration::from_millis(50),
        ..WorkerOptions::default()
    };
    for channel in Channel::ALL {
        let worker = Worker::new(channel, parts.clone(), options.clone());
        // It ends with the test's runtime.
        tokio::spawn(worker.run(std::future::pending()));
    }
    core
}
