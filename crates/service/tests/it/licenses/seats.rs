//! Devices: who gets a slot, and how it is given up.

use std::net::IpAddr;

use doorward_domain::license::Device;
use doorward_domain::limit::LimitRule;
use doorward_domain::secret::SecretText;
use doorward_domain::{ActivationId, Code};
use doorward_service::Result;
use doorward_service::licenses::{self, Activate, Asker, Checkout, Release, Terms};
use doorward_testkit::on_both_engines;
use uuid::Uuid;

use super::house::{House, code};

const DAY: i64 = 24 * 3_600;

fn slots(max_activations: i64) -> Terms {
    Terms {
        max_activations,
        ..Terms::default()
    }
}

async fn release(house: &House, key: &str, id: ActivationId) -> Result<jiff::Timestamp> {
    let request = Release {
        which: house.which(key),
        activation_id: id,
    };
    licenses::release(&house.platform.core, &house.asker().await, request).await
}

async fn deactivate(house: &House, id: ActivationId) -> Result<()> {
    let asker = house.asker().await;
    licenses::deactivate(&house.platform.core, &asker, id, None)
        .await
        .map(drop)
}

on_both_engines! {
    async fn a_known_device_wins_even_when_full(db: TestDatabase) {
        let house = House::new(&db).await;
        let key = house.generate(slots(2)).await;
        let one = house.activate(&key, "one").await.expect("there is a slot");
        assert_eq!((one.already_activated, one.activations_used, one.max_activations), (false, 1, 2));
        house.activate(&key, "two").await.expect("there is a slot");
        assert_eq!(code(house.activate(&key, "three").await), Some(Code::LicenseMaxActivations));
        let again = house.activate(&key, "one").await.expect("it is known");
        assert_eq!(again.activation_id, one.activation_id);
        assert_eq!((again.already_activated, again.activations_used), (true, 2));
        deactivate(&house, one.activation_id).await.expect("it has a slot");
        assert_eq!(code(house.verify(&key, "one").await), Some(Code::LicenseNotActivated));
        let three = house.activate(&key, "three").await.expect("there is a slot");
        assert!(!three.already_activated);
    }

    async fn a_user_agent_stands_for_a_device_without_an_id(db: TestDatabase) {
        let house = House::new(&db).await;
        let key = house.generate(slots(1)).await;
        let by = async |device: Device| {
            let request = Activate { key: SecretText::new(&key), device, device_label: None };
            licenses::activate(&house.platform.core, &house.asker().await, request).await
        };
        let agent = || Device::from_user_agent("App/1.0 (Windows)").expect("it says something");
        by(agent()).await.expect("there is a slot");
        assert!(by(agent()).await.expect("it is known").already_activated);
        let other = Device::from_user_agent("App/1.1 (Windows)").expect("it says something");
        assert_eq!(code(by(other).await), Some(Code::LicenseMaxActivations));
        let id = Device::Id("App/1.0 (Windows)".to_owned());
        assert_eq!(code(by(id).await), Some(Code::LicenseMaxActivations), "an id is no agent");
    }

    async fn unknown_foreign_and_former_activations_are_not_there(db: TestDatabase) {
        let house = House::new(&db).await;
        let other = House::beside(&house, "other").await;
        let key = house.generate(slots(1)).await;
        let one = house.activate(&key, "one").await.expect("there is a slot").activation_id;
        let refused = Some(Code::LicenseNotActivated);
        assert_eq!(code(deactivate(&other, one).await), refused);
        let unknown = ActivationId::from_uuid(Uuid::from_u128(7));
        assert_eq!(code(deactivate(&house, unknown).await), refused);
        house.verify(&key, "one").await.expect("nothing happened to it");
        deactivate(&house, one).await.expect("it has a slot");
        assert_eq!(code(deactivate(&house, one).await), refused);
    }

    async fn a_released_seat_cools_off(db: TestDatabase) {
        let house = House::new(&db).await;
        let key = house.generate(slots(1)).await;
        let one = house.activate(&key, "one").await.expect("there is a slot").activation_id;
        let free_at = release(&house, &key, one).await.expect("it is released");
        assert_eq!(free_at, doorward_domain::time::plus_seconds(house.now(), DAY));
        assert_eq!(code(house.verify(&key, "one").await), Some(Code::LicenseNotActivated));
        house.platform.advance(DAY - 1);
        assert_eq!(code(house.activate(&key, "two").await), Some(Code::LicenseMaxActivations));
        let (license, devices) = house.show(&key).await.expect("it is there");
        assert_eq!((license.activations_used, devices.len()), (1, 1));
        assert_eq!(devices[0].slot_free_at, Some(free_at));
        house.platform.advance(1);
        let (license, devices) = house.show(&key).await.expect("it is there");
        assert_eq!((license.activations_used, devices.len()), (0, 0));
        house.activate(&key, "two").await.expect("the slot is free");
        assert_eq!(code(house.activate(&key, "one").await), Some(Code::LicenseMaxActivations));
    }

    async fn a_seat_with_a_file_is_free_when_the_file_has_ended(db: TestDatabase) {
        let house = House::new(&db).await;
        let key = house.generate(slots(1)).await;
        let one = house.activate(&key, "one").await.expect("there is a slot").activation_id;
        let request = Checkout {
            which: house.which(&key),
            device_id: "one".to_owned(),
            ttl_seconds: Some(9 * DAY),
        };
        let file = licenses::checkout(&house.platform.core, &house.asker().await, request)
            .await
            .expect("it is activated");
        let free_at = release(&house, &key, one).await.expect("it is released");
        assert_eq!(free_at, file.expires_at);
        house.platform.advance(9 * DAY - 1);
        assert_eq!(code(house.activate(&key, "two").await), Some(Code::LicenseMaxActivations));
        house.platform.advance(1);
        house.activate(&key, "two").await.expect("the slot is free");
    }

    async fn a_device_that_released_itself_comes_back(db: TestDatabase) {
        let house = House::new(&db).await;
        let key = house.generate(slots(1)).await;
        let one = house.activate(&key, "one").await.expect("there is a slot").activation_id;
        release(&house, &key, one).await.expect("it is released");
        house.platform.advance(3_600);
        let back = house.activate(&key, "one").await.expect("it gets its own slot back");
        assert_eq!((back.activation_id, back.already_activated, back.activations_used), (one, true, 1));
        house.verify(&key, "one").await.expect("it is activated");
        house.platform.advance(2 * DAY);
        house.verify(&key, "one").await.expect("its slot is not given away later");
        assert_eq!(code(house.activate(&key, "two").await), Some(Code::LicenseMaxActivations));
    }

    async fn releases_are_limited_and_belong_to_the_licence(db: TestDatabase) {
        let house = House::with(&db, |settings| {
            settings.limits.license_releases = LimitRule { max: 2, seconds: 600 };
            settings.license_release_cooling_seconds = 0;
        })
        .await;
        let (key, other) = (house.generate(slots(5)).await, house.generate(slots(5)).await);
        let mut devices = Vec::new();
        for device in ["one", "two", "three"] {
            devices.push(house.activate(&key, device).await.expect("there is a slot").activation_id);
        }
        let refused = Some(Code::LicenseNotActivated);
        assert_eq!(code(release(&house, &other, devices[0]).await), refused, "another licence's");
        let unknown = ActivationId::from_uuid(Uuid::from_u128(7));
        assert_eq!(code(release(&house, &key, unknown).await), refused);
        release(&house, &key, devices[0]).await.expect("the first");
        assert_eq!(code(release(&house, &key, devices[0]).await), refused, "not twice");
        release(&house, &key, devices[1]).await.expect("the second");
        let limited = release(&house, &key, devices[2]).await.expect_err("one too many");
        assert_eq!((limited.code(), limited.retry_after()), (Code::RateLimited, Some(600)));
        let (license, _) = house.show(&key).await.expect("it is there");
        assert_eq!(license.activations_used, 1, "without cooling the slots are free at once");
        house.platform.advance(600);
        release(&house, &key, devices[2]).await.expect("it has passed");
    }

    async fn an_app_may_forbid_releases(db: TestDatabase) {
        let house = House::with(&db, |settings| settings.license_self_release = false).await;
        let key = house.generate(slots(1)).await;
        let one = house.activate(&key, "one").await.expect("there is a slot").activation_id;
        assert_eq!(code(release(&house, &key, one).await), Some(Code::Forbidden));
        house.verify(&key, "one").await.expect("it keeps its slot");
    }

    async fn a_key_is_tried_on_so_many_devices_only(db: TestDatabase) {
        let house = House::with(&db, |settings| {
            settings.limits.license_per_key = LimitRule { max: 3, seconds: 60 };
        })
        .await;
        let key = house.generate(slots(2)).await;
        house.activate(&key, "one").await.expect("there is a slot");
        house.activate(&key, "two").await.expect("there is a slot");
        assert_eq!(code(house.activate(&key, "three").await), Some(Code::LicenseMaxActivations));
        let limited = house.activate(&key, "four").await.expect_err("one too many");
        assert_eq!((limited.code(), limited.retry_after()), (Code::RateLimited, Some(60)));
        house.activate(&key, "one").await.expect("a known device is not counted");
        house.verify(&key, "two").await.expect("nor is verifying");
    }

    async fn who_guesses_is_told_to_wait(db: TestDatabase) {
        let house = House::with(&db, |settings| {
            settings.limits.license_failures_per_address = LimitRule { max: 2, seconds: 60 };
            settings.limits.license_failures_per_app = LimitRule { max: 4, seconds: 60 };
        })
        .await;
        let key = house.generate(slots(1)).await;
        house.activate(&key, "one").await.expect("there is a slot");
        let verify = async |ip: [u8; 4], key: &str, device: &str| {
            let context = house.platform.authenticate(&house.app).await;
            let asker = Asker::app(context, Some(IpAddr::from(ip)));
            licenses::verify(&house.platform.core, &asker, House::ask(key, device)).await
        };
        let (bad, good) = ([198, 51, 100, 1], [198, 51, 100, 2]);
        assert_eq!(code(verify(bad, &House::unknown_key(), "one").await), Some(Code::LicenseNotFound));
        assert_eq!(code(verify(bad, &key, "two").await), Some(Code::LicenseNotActivated));
        let limited = verify(bad, &House::unknown_key(), "one").await.expect_err("too many");
        assert_eq!((limited.code(), limited.retry_after()), (Code::RateLimited, Some(60)));
        let limited = code(verify(bad, &key, "two").await);
        assert_eq!(limited, Some(Code::RateLimited), "a right key is not told from a wrong one");
        verify(bad, &key, "one").await.expect("a device with its slot does not guess");
        verify(good, &key, "one").await.expect("others are not hindered");
        // All addresses together have used up what the app has.
        for _ in 0..2 {
            let refused = code(verify(good, &House::unknown_key(), "one").await);
            assert_eq!(refused, Some(Code::LicenseNotFound));
        }
        let other = [198, 51, 100, 3];
        let refused = code(verify(other, &House::unknown_key(), "one").await);
        assert_eq!(refused, Some(Code::RateLimited));
        verify(other, &key, "one").await.expect("a right key is let in all the same");
        let refusals = house.events().await.into_iter().filter(|e| e.action == "license.refused");
        assert_eq!(refusals.count(), 7);
    }
}
