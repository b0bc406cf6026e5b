//! An app that sells licences.

use doorward_domain::license::{Activation, Device, License, LicenseKey};
use doorward_domain::secret::SecretText;
use doorward_domain::time::plus_seconds;
use doorward_domain::{Clock as _, Code, OsRandom, Timestamp};
use doorward_service::Result;
use doorward_service::audit::StoredEvent;
use doorward_service::licenses::{
    self, Activate, Activated, Asker, DevicePage, Patch, Terms, UpdateLicense, Verified, Verify,
    Which,
};
use doorward_testkit::database::TestDatabase;
use doorward_testkit::platform::{Platform, TestApp};

pub(super) fn code<T>(result: Result<T>) -> Option<Code> {
    result.err().map(|error| error.code())
}

pub(super) struct House {
    pub(super) platform: std::sync::Arc<Platform>,
    pub(super) app: TestApp,
}

impl House {
    pub(super) const DEVICES: DevicePage = DevicePage {
        after: None,
        limit: 100,
    };

    pub(super) async fn new(db: &TestDatabase) -> Self {
        Self::with(db, |_| ()).await
    }

    pub(super) async fn with(
        db: &TestDatabase,
        change: impl FnOnce(&mut doorward_domain::app::AppSettings),
    ) -> Self {
        let platform = Platform::start(db).await;
        let app = platform.app_with("shop", change).await;
        let platform = std::sync::Arc::new(platform);
        Self { platform, app }
    }

    /// Another app of the same platform.
    pub(super) async fn beside(house: &Self, slug: &str) -> Self {
        Self {
            platform: std::sync::Arc::clone(&house.platform),
            app: house.platform.app(slug).await,
        }
    }

    pub(super) async fn asker(&self) -> Asker {
        Asker::app(self.platform.authenticate(&self.app).await, None)
    }

    pub(super) fn now(&self) -> Timestamp {
        self.platform.clock.now()
    }

    /// A well-formed key that nobody has.
    pub(super) fn unknown_key() -> String {
        LicenseKey::generate("SHOP", &OsRandom)
            .expose()
            .expose()
            .to_owned()
    }

    pub(super) async fn generate(&self, terms: Terms) -> String {
        let made = licenses::generate(&self.platform.core, &self.asker().await, terms, 1)
            .await
            .expect("it is generated");
        let key = made[0].key.as_ref().expect("it has a key").expose();
        key.expose().to_owned()
    }

    pub(super) fn claim(key: &str, device: &str) -> Activate {
        Activate {
            key: SecretText::new(key),
            device: Device::Id(device.to_owned()),
            device_label: Some(device.to_owned()),
        }
    }

    pub(super) fn ask(key: &str, device: &str) -> Verify {
        Verify {
            key: SecretText::new(key),
            device: Device::Id(device.to_owned()),
        }
    }

    pub(super) fn which(&self, key: &str) -> Which {
        Which::Key(SecretText::new(key))
    }

    pub(super) async fn activate(&self, key: &str, device: &str) -> Result<Activated> {
        let request = Self::claim(key, device);
        licenses::activate(&self.platform.core, &self.asker().await, request).await
    }

    pub(super) async fn verify(&self, key: &str, device: &str) -> Result<Verified> {
        let request = Self::ask(key, device);
        licenses::verify(&self.platform.core, &self.asker().await, request).await
    }

    pub(super) async fn show(&self, key: &str) -> Result<(License, Vec<Activation>)> {
        let (core, which) = (&self.platform.core, self.which(key));
        licenses::show(core, &self.asker().await, which, Self::DEVICES).await
    }

    pub(super) async fn revoke(&self, key: &str) -> Result<License> {
        let (core, which) = (&self.platform.core, self.which(key));
        licenses::revoke(core, &self.asker().await, which, None).await
    }

    pub(super) async fn update(&self, key: &str, change: UpdateLicense) -> Result<License> {
        let (core, which) = (&self.platform.core, self.which(key));
        licenses::update(core, &self.asker().await, which, change).await
    }

    /// Sets its end, in seconds from now, or none.
    pub(super) async fn renew(&self, key: &str, seconds: Option<i64>) -> Result<License> {
        let expires_at = match seconds {
            Some(seconds) => Patch::Set(plus_seconds(self.now(), seconds)),
            None => Patch::Clear,
        };
        let change = UpdateLicense {
            expires_at,
            ..UpdateLicense::default()
        };
        self.update(key, change).await
    }

    pub(super) async fn events(&self) -> Vec<StoredEvent> {
        self.platform.events(Some(self.app.id)).await
    }

    pub(super) async fn actions(&self) -> Vec<String> {
        let events = self.events().await;
        events.into_iter().map(|event| event.action).collect()
    }
}
