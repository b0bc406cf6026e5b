//! Licence files through the front door: generated, activated, checked out, and judged offline with
//! nothing but the published key.

use doorward_domain::Clock as _;
use doorward_testkit::on_both_engines;
use doorward_testkit::platform::TestApp;
use doorward_verify::{
    Entitlement, JwksSet, LastSeen, LicenseReason, LicenseVerifier, MemoryLastSeen,
};
use serde_json::{Value, json};

use crate::front::{Answer, Front, get, post};

const DEVICE: &str = "01890A5D-AC96-774B-BCCE-B302099A8057";
const WEEK: i64 = 7 * 86_400;

struct Shop {
    front: Front,
    app: TestApp,
}

impl Shop {
    async fn start(db: &doorward_testkit::database::TestDatabase) -> Self {
        let front = Front::start(db).await;
        let app = front.platform.app("shop").await;
        Self { front, app }
    }

    async fn ask(&self, path: &str, body: Value) -> Answer {
        self.front.send(post(path, body).by(&self.app)).await
    }

    async fn ok(&self, path: &str, body: Value) -> Value {
        let answer = self.ask(path, body).await;
        assert!(
            (200..300).contains(&answer.status),
            "{path}: {}",
            answer.text
        );
        answer.json()
    }

    /// A licence's key, activated on [`DEVICE`].
    async fn activated(&self, terms: Value) -> (String, Value) {
        let made = self.ok("/license/generate", terms).await;
        let key = made["license_key"].as_str().unwrap().to_owned();
        self.ok(
            "/license/activate",
            json!({"license_key": key, "device_id": DEVICE}),
        )
        .await;
        (key, made["license_id"].clone())
    }

    async fn checkout(&self, body: Value) -> Answer {
        self.ask("/license/checkout", body).await
    }

    async fn file(&self, key: &str) -> String {
        let done = self
            .ok(
                "/license/checkout",
                json!({"license_key": key, "device_id": DEVICE}),
            )
            .await;
        done["license_file"].as_str().unwrap().to_owned()
    }

    /// A program that was built now.
    async fn program(&self) -> LicenseVerifier {
        let path = format!("/apps/{}/license-keys.json", self.app.id);
        let keys = JwksSet::from_json(&self.front.send(get(path)).await.text).unwrap();
        LicenseVerifier::new(self.app.id.as_uuid(), keys).unwrap()
    }

    fn now(&self) -> doorward_domain::Timestamp {
        self.front.platform.clock.now()
    }

    fn judge(
        &self,
        program: &LicenseVerifier,
        file: &str,
        seen: &mut impl LastSeen,
    ) -> Option<LicenseReason> {
        program.verify(file, DEVICE, self.now(), seen).err()
    }
}

on_both_engines! {
    async fn a_life_offline(db: TestDatabase) {
        let shop = Shop::start(&db).await;
        let terms = json!({
            "max_activations": 3, "entitlements": {"export": true, "projects": 20},
            "metadata": {"order": {"id": 7}},
        });
        let (key, license_id) = shop.activated(terms).await;
        let program = shop.program().await;
        let done = shop
            .ok("/license/checkout", json!({"license_key": key, "device_id": DEVICE.to_lowercase()}))
            .await;
        assert_eq!(done["license_id"], license_id);
        let file = done["license_file"].as_str().unwrap();
        assert!(file.starts_with("-----BEGIN DOORWARD LICENSE-----\n"));

        let mut seen = MemoryLastSeen::default();
        let license = program.verify(file, DEVICE, shop.now(), &mut seen).unwrap();
        assert_eq!(license.iss, shop.front.platform.core.settings.issuer);
        assert_eq!((license.app_slug.as_str(), license.app_id), ("shop", shop.app.id.as_uuid()));
        assert_eq!(license.license_id.to_string(), license_id);
        assert_eq!(license.activation_id.to_string(), done["activation_id"]);
        assert_eq!(license.entitlement("export"), Some(Entitlement::Feature(true)));
        assert_eq!(license.entitlement("projects"), Some(Entitlement::Number(20)));
        assert_eq!(Value::Object(license.metadata.clone()), json!({"order": {"id": 7}}));
        assert_eq!((license.max_activations, license.license_expires_at), (3, None));
        let life = license.expires_at.as_second() - license.issued_at.as_second();
        assert_eq!(life, WEEK);
        assert_eq!(done["expires_at"], doorward_domain::time::iso(license.expires_at));

        // Copied to another device, and to another program.
        let copied = program.verify(file, "another", shop.now(), &mut seen);
        assert_eq!(copied.unwrap_err(), LicenseReason::OtherDevice);
        let other = Shop { app: shop.front.platform.app("other").await, ..shop };
        let theirs = other.program().await;
        assert_eq!(other.judge(&theirs, file, &mut MemoryLastSeen::default()), Some(LicenseReason::UnknownKey));

        // Days pass, and then the clock is set back.
        other.front.platform.advance(WEEK - 10);
        assert_eq!(other.judge(&program, file, &mut seen), None);
        let back = program.verify(file, DEVICE, license.issued_at, &mut seen);
        assert_eq!(back.unwrap_err(), LicenseReason::ClockSetBack);
        other.front.platform.advance(10);
        assert_eq!(other.judge(&program, file, &mut seen), Some(LicenseReason::FileExpired));
    }

    async fn a_file_does_not_outlive_its_licence(db: TestDatabase) {
        let shop = Shop::start(&db).await;
        let end = doorward_domain::time::plus_seconds(shop.now(), 1_000);
        let (key, _) = shop.activated(json!({"expires_at": end.to_string()})).await;
        let program = shop.program().await;
        let file = shop.file(&key).await;
        let mut seen = MemoryLastSeen::default();
        let license = program.verify(&file, DEVICE, shop.now(), &mut seen).unwrap();
        assert_eq!(license.expires_at.as_second(), end.as_second());
        shop.front.platform.advance(1_000);
        assert_eq!(shop.judge(&program, &file, &mut seen), Some(LicenseReason::LicenseExpired));
        let refused = shop.checkout(json!({"license_key": key, "device_id": DEVICE})).await;
        assert_eq!(refused.brief(), (403, "LICENSE_EXPIRED".to_owned()));
    }

    async fn how_long_a_file_may_live(db: TestDatabase) {
        let shop = Shop::start(&db).await;
        let (key, _) = shop.activated(json!({})).await;
        let program = shop.program().await;
        let with = |ttl: Value| shop.checkout(json!({"license_key": key, "device_id": DEVICE, "ttl_seconds": ttl}));
        for ttl in [300, 90 * 86_400] {
            let done = with(json!(ttl)).await;
            assert_eq!(done.status, 200, "{}", done.text);
            let file = done.json()["license_file"].as_str().unwrap().to_owned();
            let license = program
                .verify(&file, DEVICE, shop.now(), &mut MemoryLastSeen::default())
                .unwrap();
            assert_eq!(license.expires_at.as_second() - license.issued_at.as_second(), ttl);
        }
        for wrong in [json!(299), json!(90 * 86_400 + 1), json!(31_536_001), json!("300"), json!(1.5)] {
            let refused = with(wrong.clone()).await;
            assert_eq!(refused.fields(), ["ttl_seconds"], "{wrong}");
        }
        let none = shop.checkout(json!({})).await;
        assert_eq!(none.fields(), ["license_key", "license_id", "device_id"]);
    }

    /// The same refusals in the same order as `/license/verify`.
    async fn what_verify_refuses_is_not_checked_out(db: TestDatabase) {
        let shop = Shop::start(&db).await;
        let (key, id) = shop.activated(json!({})).await;
        let both = async |device: &str, key: &str| {
            let body = json!({"license_key": key, "device_id": device});
            let verify = shop.ask("/license/verify", body.clone()).await.brief();
            let checkout = shop.checkout(body).await.brief();
            assert_eq!(verify, checkout);
            checkout.1
        };
        assert_eq!(both(DEVICE, "nonsense").await, "LICENSE_INVALID");
        assert_eq!(both("another", &key).await, "LICENSE_NOT_ACTIVATED");
        shop.ok("/license/suspend", json!({"license_id": id})).await;
        assert_eq!(both(DEVICE, &key).await, "LICENSE_SUSPENDED");
        assert_eq!(both("another", &key).await, "LICENSE_SUSPENDED");
        shop.ok("/license/resume", json!({"license_id": id})).await;
        shop.file(&key).await;
        shop.ok("/license/revoke", json!({"license_id": id})).await;
        assert_eq!(both(DEVICE, &key).await, "LICENSE_REVOKED");
        // Another app's licence is an unknown one, by key and by id.
        let other = shop.front.platform.app("other").await;
        for body in [json!({"license_key": key}), json!({"license_id": id})] {
            let mut body = body;
            body["device_id"] = json!(DEVICE);
            let refused = shop.front.send(post("/license/checkout", body).by(&other)).await;
            assert_eq!(refused.brief(), (404, "LICENSE_NOT_FOUND".to_owned()));
        }
    }

    async fn the_limit_of_a_key(db: TestDatabase) {
        let shop = Shop::start(&db).await;
        let (key, _) = shop.activated(json!({})).await;
        let max = shop.front.platform.authenticate(&shop.app).await.app.settings.limits.license_per_key.max;
        let mut given = 0;
        let refused = loop {
            let answer = shop.checkout(json!({"license_key": key, "device_id": DEVICE})).await;
            if answer.status != 200 {
                break answer;
            }
            given += 1;
            assert!(given <= max);
        };
        assert_eq!(refused.brief(), (429, "RATE_LIMITED".to_owned()));
        assert!(refused.json()["retry_after"].as_i64().unwrap() > 0);
    }

    /// Nobody sees a key: the app's backend answers for its user, and the device gets its slot with
    /// the file.
    async fn a_named_users_licence(db: TestDatabase) {
        let shop = Shop::start(&db).await;
        let (user, _) = shop.front.platform.sign_in(&shop.app, "ada@example.com").await;
        let made = shop
            .ok("/license/generate", json!({"user_id": user, "max_activations": 2}))
            .await;
        let id = made["license_id"].clone();
        let program = shop.program().await;
        let checkout = |device: &str| shop.checkout(json!({"license_id": id, "device_id": device}));
        let first = checkout(DEVICE).await.json();
        let again = checkout(&DEVICE.to_lowercase()).await.json();
        assert_eq!(first["activation_id"], again["activation_id"]);
        let file = again["license_file"].as_str().unwrap();
        assert_eq!(shop.judge(&program, file, &mut MemoryLastSeen::default()), None);
        assert_eq!(checkout("second").await.status, 200);
        assert_eq!(checkout("third").await.brief(), (403, "LICENSE_MAX_ACTIVATIONS".to_owned()));
        shop.ok("/license/deactivate", json!({"activation_id": first["activation_id"]})).await;
        assert_eq!(checkout("third").await.status, 200);
        let events = shop.front.platform.events(Some(shop.app.id)).await;
        let count = |action: &str| events.iter().filter(|event| event.action == action).count();
        assert_eq!((count("license.activated"), count("license.checked_out")), (3, 4));
    }

    /// A device is the same, whether its licence is named by the key or by the id.
    async fn by_id_a_licence_with_a_key(db: TestDatabase) {
        let shop = Shop::start(&db).await;
        let (key, id) = shop.activated(json!({})).await;
        let by_key = shop.ok("/license/checkout", json!({"license_key": key, "device_id": DEVICE})).await;
        let by_id = shop.ok("/license/checkout", json!({"license_id": id, "device_id": DEVICE})).await;
        assert_eq!(by_key["activation_id"], by_id["activation_id"]);
        let full = shop.checkout(json!({"license_id": id, "device_id": "another"})).await;
        assert_eq!(full.brief(), (403, "LICENSE_MAX_ACTIVATIONS".to_owned()));
    }

    async fn a_rotated_key(db: TestDatabase) {
        let shop = Shop::start(&db).await;
        let (key, _) = shop.activated(json!({})).await;
        let (old_file, old_program) = (shop.file(&key).await, shop.program().await);
        let core = &shop.front.platform.core;
        let operator = shop.front.platform.operator();
        let meant = shop.front.platform.deliberate(shop.app.id);
        doorward_service::license_keys::rotate(core, &operator, shop.app.id, meant).await.unwrap();
        let (new_file, new_program) = (shop.file(&key).await, shop.program().await);
        let judge = |program, file| shop.judge(program, file, &mut MemoryLastSeen::default());
        assert_eq!(judge(&old_program, &old_file), None);
        assert_eq!(judge(&old_program, &new_file), Some(LicenseReason::UnknownKey));
        assert_eq!(judge(&new_program, &old_file), None);
        assert_eq!(judge(&new_program, &new_file), None);
    }

    /// The first files of an app, asked for on two nodes at once, are all good.
    async fn first_checkouts_on_two_nodes(db: TestDatabase) {
        use doorward_domain::secret::SecretText;
        use doorward_service::licenses::{self, Asker, Checkout, Which};

        let shop = Shop::start(&db).await;
        let (key, _) = shop.activated(json!({})).await;
        let platform = &shop.front.platform;
        let nodes = [std::sync::Arc::clone(&platform.core), platform.second_node().await];
        let asker = Asker::app(platform.authenticate(&shop.app).await, None);
        let checkouts: Vec<_> = (0..8)
            .map(|caller| {
                let (core, asker) = (std::sync::Arc::clone(&nodes[caller % 2]), asker.clone());
                let request = Checkout {
                    which: Which::Key(SecretText::new(key.as_str())),
                    device_id: DEVICE.to_lowercase(),
                    ttl_seconds: None,
                };
                tokio::spawn(async move { licenses::checkout(&core, &asker, request).await })
            })
            .collect();
        let mut files = Vec::new();
        for checkout in checkouts {
            files.push(checkout.await.unwrap().unwrap().file);
        }
        let program = shop.program().await;
        for file in files {
            assert_eq!(shop.judge(&program, &file, &mut MemoryLastSeen::default()), None);
        }
        nodes[1].store.close().await;
    }

    /// Nothing of a file is in the audit log, and who reads the database cannot make one.
    async fn what_is_written_down(db: TestDatabase) {
        let shop = Shop::start(&db).await;
        let (key, _) = shop.activated(json!({})).await;
        let file = shop.file(&key).await;
        let events = shop.front.platform.events(Some(shop.app.id)).await;
        let told = format!("{:?}", events.iter().map(|event| &event.details).collect::<Vec<_>>());
        assert!(told.contains("jti") && !told.contains(&key) && !told.contains(&file[40..80]));
        let app_id = shop.app.id;
        let keys = shop
            .front
            .platform
            .core
            .store
            .read(move |tx| Ok::<_, doorward_service::Error>(tx.app(app_id).license_keys()?))
            .await
            .unwrap();
        let sealed = keys[0].sealed_private.clone().unwrap();
        assert!(doorward_crypto::SigningKey::from_pkcs8(keys[0].alg, &sealed).is_err());
    }
}
