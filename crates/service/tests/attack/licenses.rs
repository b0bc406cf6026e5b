//! Keys that are guessed, stolen or shared, and slots that are fought for.

mod outages;

use std::sync::Arc;

use doorward_domain::license::{Device, LicenseKey};
use doorward_domain::secret::SecretText;
use doorward_domain::{ActivationId, Code, LicenseId, OsRandom};
use doorward_service::licenses::{
    self, Activate, Asker, DevicePage, Release, Terms, UpdateLicense, Verify, Which,
};
use doorward_service::{Core, Error, Result};
use doorward_testkit::on_both_engines;
use doorward_testkit::platform::{Platform, TestApp};
use uuid::Uuid;

use super::support::code;

const ALL: DevicePage = DevicePage {
    after: None,
    limit: 1_000,
};

async fn asker(platform: &Platform, app: &TestApp) -> Asker {
    Asker::app(platform.authenticate(app).await, None)
}

async fn made(core: &Core, asker: &Asker, slots: i64) -> (LicenseId, SecretText) {
    let terms = Terms {
        max_activations: slots,
        ..Terms::default()
    };
    let made = licenses::generate(core, asker, terms, 1).await.unwrap();
    let key = made[0].key.as_ref().unwrap().expose();
    (made[0].license.id, key)
}

fn device(number: usize) -> Device {
    Device::Id(format!("device-{number}"))
}

/// All that a caller can see of a refusal.
fn seen<T>(result: Result<T>) -> (Code, String, Option<i64>) {
    let error: Error = result.err().unwrap();
    (
        error.code(),
        error.message().to_owned(),
        error.retry_after(),
    )
}

/// Everything that takes a licence, tried with one.
async fn everything(core: &Core, asker: &Asker, which: Which) -> Vec<(Code, String, Option<i64>)> {
    let mut out = vec![
        seen(licenses::show(core, asker, which.clone(), ALL).await),
        seen(licenses::suspend(core, asker, which.clone(), None).await),
        seen(licenses::resume(core, asker, which.clone()).await),
        seen(licenses::revoke(core, asker, which.clone(), None).await),
        seen(licenses::update(core, asker, which.clone(), UpdateLicense::default()).await),
    ];
    if let Which::Key(key) = which {
        let (device, device_label) = (device(1), None);
        let request = Activate {
            key: key.clone(),
            device: device.clone(),
            device_label,
        };
        out.push(seen(licenses::activate(core, asker, request).await));
        let request = Verify { key, device };
        out.push(seen(licenses::verify(core, asker, request).await));
    }
    out
}

on_both_engines! {
    // Whoever has an account of its own learns nothing about what others sold.
    async fn what_another_app_sold_looks_like_nothing(db: TestDatabase) {
        let platform = Platform::start(&db).await;
        let core = &platform.core;
        let (a, b) = (platform.app("a-shop").await, platform.app("b-shop").await);
        let (at_a, at_b) = (asker(&platform, &a).await, asker(&platform, &b).await);
        let (id, key) = made(core, &at_a, 2).await;
        let request = Activate { key: key.clone(), device: device(1), device_label: None };
        let activation = licenses::activate(core, &at_a, request).await.unwrap().activation_id;

        let unknown = LicenseKey::generate("ASHOP", &OsRandom).expose();
        assert_eq!(
            everything(core, &at_b, Which::Key(key.clone())).await,
            everything(core, &at_b, Which::Key(unknown)).await
        );
        let nobodys = LicenseId::from_uuid(Uuid::from_u128(7));
        assert_eq!(
            everything(core, &at_b, Which::Id(id)).await,
            everything(core, &at_b, Which::Id(nobodys)).await
        );
        let nowhere = ActivationId::from_uuid(Uuid::from_u128(7));
        assert_eq!(
            seen(licenses::deactivate(core, &at_b, activation, None).await),
            seen(licenses::deactivate(core, &at_b, nowhere, None).await)
        );
        // With a licence of its own, it cannot release somebody else's device either.
        let (_, own) = made(core, &at_b, 1).await;
        let release = async |activation_id| {
            let request = Release { which: Which::Key(own.clone()), activation_id };
            seen(licenses::release(core, &at_b, request).await)
        };
        assert_eq!(release(activation).await, release(nowhere).await);
        let (shown, devices) = licenses::show(core, &at_a, Which::Id(id), ALL).await.unwrap();
        assert_eq!((shown.version, devices.len()), (1, 1), "nothing happened to it");
    }

    // More devices than were paid for, by asking on two nodes while slots come and go.
    async fn no_mixture_of_calls_gives_a_slot_too_many(db: TestDatabase) {
        let platform = Platform::start(&db).await;
        let second = platform.second_node().await;
        let app = platform
            .app_with("shop", |settings| {
                settings.license_release_cooling_seconds = 0;
                settings.limits.license_per_key.max = 100_000;
                settings.limits.license_releases.max = 100_000;
            })
            .await;
        let asker = asker(&platform, &app).await;
        let (id, key) = made(&platform.core, &asker, 5).await;
        let callers: Vec<_> = (0..40)
            .map(|caller: usize| {
                let core = Arc::clone(if caller.is_multiple_of(2) { &platform.core } else { &second });
                let (asker, key) = (asker.clone(), key.clone());
                tokio::spawn(async move {
                    for round in 0..6 {
                        step(&core, &asker, &key, caller, round).await;
                        let which = Which::Key(key.clone());
                        let (shown, devices) = licenses::show(&core, &asker, which, ALL).await.unwrap();
                        let held = i64::try_from(devices.len()).unwrap();
                        assert_eq!(shown.activations_used, held, "the count is that of the devices");
                        assert!(held <= shown.max_activations, "{held} of {}", shown.max_activations);
                    }
                })
            })
            .collect();
        for caller in callers {
            caller.await.unwrap();
        }
        let (shown, devices) =
            licenses::show(&platform.core, &asker, Which::Id(id), ALL).await.unwrap();
        assert_eq!(shown.activations_used, i64::try_from(devices.len()).unwrap());
    }

    // The audit is read by more people than may use a key.
    async fn no_key_and_no_device_is_in_the_audit(db: TestDatabase) {
        let platform = Platform::start(&db).await;
        let (core, app) = (&platform.core, platform.app("shop").await);
        let asker = asker(&platform, &app).await;
        let (id, key) = made(core, &asker, 1).await;
        let words = ["0a1b2c3d-device-secret", "my-own-laptop"];
        let ask = || Activate {
            key: key.clone(),
            device: Device::Id(words[0].to_owned()),
            device_label: Some(words[1].to_owned()),
        };
        let activation = licenses::activate(core, &asker, ask()).await.unwrap().activation_id;
        let other = Activate { device: device(2), ..ask() };
        assert_eq!(code(licenses::activate(core, &asker, other).await), Some(Code::LicenseMaxActivations));
        let typo = Verify { key: SecretText::new(format!("{}1", key.expose())), device: device(1) };
        assert_eq!(code(licenses::verify(core, &asker, typo).await), Some(Code::LicenseInvalid));
        let stray = LicenseKey::generate("SHOP", &OsRandom).expose();
        let guess = Verify { key: stray.clone(), device: device(1) };
        assert_eq!(code(licenses::verify(core, &asker, guess).await), Some(Code::LicenseNotFound));
        platform.advance(3_600);
        let verify = Verify { key: key.clone(), device: ask().device };
        licenses::verify(core, &asker, verify).await.unwrap();
        let request = Release { which: Which::Key(key.clone()), activation_id: activation };
        licenses::release(core, &asker, request).await.unwrap();
        licenses::reveal(core, &platform.operator(), app.id, id, "why".to_owned()).await.unwrap();
        licenses::revoke(core, &asker, Which::Key(key.clone()), None).await.unwrap();
        let events = platform.events(None).await;
        assert!(events.len() >= 8, "{}", events.len());
        let written = serde_json::to_string(&events).unwrap().to_uppercase();
        for secret in [key.expose(), stray.expose()] {
            // Neither whole nor in part: the groups of four, but for the hint, are the secret.
            for part in secret.split('-').skip(1) {
                assert!(!written.contains(&format!("-{part}")), "the audit holds {part}");
            }
            assert!(!written.contains(&secret.replace('-', "")));
        }
        for word in words {
            assert!(!written.contains(&word.to_uppercase()), "the audit holds {word}");
        }
    }

    // Revoked on one node, used on another: no cache stands in between.
    async fn a_revoked_licence_is_dead_everywhere_at_once(db: TestDatabase) {
        let platform = Platform::start(&db).await;
        let second = platform.second_node().await;
        let app = platform.app("shop").await;
        let asker = asker(&platform, &app).await;
        let (id, key) = made(&platform.core, &asker, 1).await;
        let request = Activate { key: key.clone(), device: device(1), device_label: None };
        licenses::activate(&platform.core, &asker, request).await.unwrap();
        let verify = || Verify { key: key.clone(), device: device(1) };
        licenses::verify(&second, &asker, verify()).await.unwrap();
        licenses::revoke(&platform.core, &asker, Which::Id(id), None).await.unwrap();
        let refused = licenses::verify(&second, &asker, verify()).await;
        assert_eq!(code(refused), Some(Code::LicenseRevoked));
    }

    // A read is authorised by a cached copy of the app: it must not outlive a rotated secret.
    async fn an_old_secret_reads_no_licence_on_another_node(db: TestDatabase) {
        let platform = Platform::start(&db).await;
        let second = platform.second_node().await;
        let app = platform.app("shop").await;
        let (_, key) = made(&platform.core, &asker(&platform, &app).await, 1).await;
        let stale = Asker::app(platform.authenticate_at(&second, &app).await.unwrap(), None);
        let operator = platform.operator();
        doorward_service::apps::rotate_secret(&platform.core, &operator, app.id, None, platform.deliberate(app.id))
            .await
            .unwrap();
        let shown = licenses::show(&second, &stale, Which::Key(key.clone()), ALL).await;
        assert_eq!(code(shown), Some(Code::TokenInvalid));
        let verify = Verify { key, device: device(1) };
        assert_eq!(code(licenses::verify(&second, &stale, verify).await), Some(Code::TokenInvalid));
    }
}

/// What one caller of the mixture does in a round. Refusals are part of it.
async fn step(core: &Core, asker: &Asker, key: &SecretText, caller: usize, round: usize) {
    let which = || Which::Key(key.clone());
    let victim = async || {
        let (_, devices) = licenses::show(core, asker, which(), ALL).await.unwrap();
        let live = devices
            .into_iter()
            .filter(|device| device.released.is_none());
        live.map(|device| device.id).nth(caller % 3)
    };
    match (caller + round) % 8 {
        0 => {
            let max_activations = Some(if caller.is_multiple_of(3) { 2 } else { 6 });
            let change = UpdateLicense {
                max_activations,
                ..UpdateLicense::default()
            };
            let changed = licenses::update(core, asker, which(), change).await;
            assert!(matches!(code(changed), None | Some(Code::Conflict)));
        }
        1 | 2 => {
            if let Some(id) = victim().await {
                let done = licenses::deactivate(core, asker, id, None).await;
                assert!(matches!(code(done), None | Some(Code::LicenseNotActivated)));
            }
        }
        3 => {
            if let Some(activation_id) = victim().await {
                let request = Release {
                    which: which(),
                    activation_id,
                };
                let done = licenses::release(core, asker, request).await;
                assert!(matches!(code(done), None | Some(Code::LicenseNotActivated)));
            }
        }
        _ => {
            let request = Activate {
                key: key.clone(),
                device: device((caller * 7 + round) % 30),
                device_label: None,
            };
            let done = licenses::activate(core, asker, request).await;
            assert!(matches!(
                code(done),
                None | Some(Code::LicenseMaxActivations)
            ));
        }
    }
}
