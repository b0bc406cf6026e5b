//! Licences that were paid for and must go on, and those that are over and must not.

use std::net::IpAddr;
use std::time::Duration;

use doorward_crypto::device_hash;
use doorward_domain::Clock as _;
use doorward_domain::license::LicenseStatus;
use doorward_domain::limit::LimitRule;
use doorward_service::licenses::{CheckedOut, Checkout};
use doorward_store::app::{Claim, ClaimOutcome};

use super::*;

const NEIGHBOUR: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(198, 51, 100, 1));

async fn activate(
    core: &Core,
    asker: &Asker,
    key: &SecretText,
    number: usize,
) -> Result<ActivationId> {
    let request = Activate {
        key: key.clone(),
        device: device(number),
        device_label: None,
    };
    let done = licenses::activate(core, asker, request).await?;
    Ok(done.activation_id)
}

async fn checkout(core: &Core, asker: &Asker, which: Which, number: usize) -> Result<CheckedOut> {
    let Device::Id(device_id) = device(number) else {
        unreachable!("it is an id")
    };
    let request = Checkout {
        which,
        device_id,
        ttl_seconds: None,
    };
    licenses::checkout(core, asker, request).await
}

on_both_engines! {
    // A key is published somewhere, and the world tries it: its owner's device must get its next
    // file.
    async fn a_key_that_leaked_keeps_its_owner_from_no_file(db: TestDatabase) {
        let platform = Platform::start(&db).await;
        let core = &platform.core;
        let app = platform
            .app_with("shop", |settings| {
                settings.limits.license_per_key = LimitRule { max: 3, seconds: 60 };
            })
            .await;
        let asker = asker(&platform, &app).await;
        let (id, key) = made(core, &asker, 1).await;
        activate(core, &asker, &key, 1).await.unwrap();
        for _ in 0..2 {
            let full = activate(core, &asker, &key, 2).await;
            assert_eq!(code(full), Some(Code::LicenseMaxActivations));
        }
        assert_eq!(code(activate(core, &asker, &key, 3).await), Some(Code::RateLimited));
        checkout(core, &asker, Which::Key(key.clone()), 1).await.unwrap();
        checkout(core, &asker, Which::Id(id), 1).await.unwrap();
        // Its files are counted by themselves.
        checkout(core, &asker, Which::Key(key.clone()), 1).await.unwrap();
        let fourth = checkout(core, &asker, Which::Key(key), 1).await;
        assert_eq!(code(fourth), Some(Code::RateLimited));
    }

    // Thousands share an address behind a carrier's NAT: one of them guesses.
    async fn a_neighbour_who_guesses_shuts_no_device_out(db: TestDatabase) {
        let platform = Platform::start(&db).await;
        let core = &platform.core;
        let app = platform
            .app_with("shop", |settings| {
                settings.limits.license_failures_per_address = LimitRule { max: 2, seconds: 60 };
            })
            .await;
        let asker = Asker::app(platform.authenticate(&app).await, Some(NEIGHBOUR));
        let (_, key) = made(core, &asker, 2).await;
        activate(core, &asker, &key, 1).await.unwrap();
        let ask = |key: &SecretText, number| Verify { key: key.clone(), device: device(number) };
        let stray = LicenseKey::generate("SHOP", &OsRandom).expose();
        for expected in [Code::LicenseNotFound, Code::LicenseNotFound, Code::RateLimited] {
            let guess = licenses::verify(core, &asker, ask(&stray, 1)).await;
            assert_eq!(code(guess), Some(expected));
        }
        licenses::verify(core, &asker, ask(&key, 1)).await.unwrap();
        activate(core, &asker, &key, 1).await.unwrap();
        checkout(core, &asker, Which::Key(key.clone()), 1).await.unwrap();
        // Without a slot a right key looks like a wrong one.
        let limited = seen(licenses::verify(core, &asker, ask(&stray, 1)).await);
        assert_eq!(limited.0, Code::RateLimited);
        assert_eq!(seen(licenses::verify(core, &asker, ask(&key, 2)).await), limited);
        assert_eq!(seen(activate(core, &asker, &key, 2).await), limited);
        assert_eq!(seen(checkout(core, &asker, Which::Key(key.clone()), 2).await), limited);
    }

    // The licence ends between the look at it and the claim.
    async fn a_licence_that_is_over_gives_no_slot_back(db: TestDatabase) {
        let platform = Platform::start(&db).await;
        let (core, app) = (&platform.core, platform.app("shop").await);
        let asker = asker(&platform, &app).await;
        for status in [LicenseStatus::Suspended, LicenseStatus::Revoked] {
            let (id, key) = made(core, &asker, 1).await;
            let activation_id = activate(core, &asker, &key, 1).await.unwrap();
            let request = Release { which: Which::Key(key.clone()), activation_id };
            licenses::release(core, &asker, request).await.unwrap();
            let (app_id, now) = (app.id, platform.clock.now());
            let parsed = LicenseKey::parse(key.expose()).unwrap();
            let claim = Claim {
                license_id: id,
                activation_id: ActivationId::from_uuid(Uuid::from_u128(7)),
                device_hash: device_hash(app_id, &parsed, &device(1)),
                device_label: None,
                now,
            };
            let outcome = core
                .store
                .write(move |tx| {
                    let mut scope = tx.app(app_id);
                    scope.set_license_status(id, status, None, now)?;
                    scope.claim_seat(&claim)
                })
                .await
                .unwrap();
            assert_eq!(outcome, ClaimOutcome::Refused);
        }
    }

    // A file cannot be taken back: the one that is asked for while the licence is being revoked
    // waits for what comes of it.
    async fn no_file_overtakes_a_revocation(db: TestDatabase) {
        let platform = Platform::start(&db).await;
        let (core, app) = (&platform.core, platform.app("shop").await);
        let asker = asker(&platform, &app).await;
        let (id, key) = made(core, &asker, 1).await;
        activate(core, &asker, &key, 1).await.unwrap();
        let (app_id, now) = (app.id, platform.clock.now());
        let (held, wait) = tokio::sync::oneshot::channel();
        let held = Arc::new(std::sync::Mutex::new(Some(held)));
        let node = Arc::clone(core);
        let revoking = tokio::spawn(async move {
            node.store
                .write(move |tx| {
                    let done = tx.app(app_id).set_license_status(id, LicenseStatus::Revoked, None, now)?;
                    if let Some(held) = held.lock().unwrap().take() {
                        held.send(()).unwrap();
                    }
                    std::thread::sleep(Duration::from_millis(400));
                    Ok::<_, Error>(done)
                })
                .await
        });
        wait.await.unwrap();
        for which in [Which::Key(key.clone()), Which::Id(id)] {
            let file = checkout(core, &asker, which, 1).await;
            assert_eq!(code(file), Some(Code::LicenseRevoked));
        }
        assert!(revoking.await.unwrap().unwrap());
    }
}
