//! Licences, through their front door.

mod house;
mod named_user;
mod seats;
mod terms;

use doorward_domain::Code;
use doorward_domain::license::LicenseState;
use doorward_service::licenses::{self, Terms, Which};
use doorward_testkit::on_both_engines;

use self::house::{House, code};

on_both_engines! {
    async fn every_refusal_in_its_order(db: TestDatabase) {
        let house = House::new(&db).await;
        let core = &house.platform.core;
        let key = house.generate(Terms::default()).await;
        for bad in ["", "nonsense", "SHOP-0000-0000-0000-0000", &format!("{key}1")] {
            assert_eq!(code(house.activate(bad, "one").await), Some(Code::LicenseInvalid));
            assert_eq!(code(house.verify(bad, "one").await), Some(Code::LicenseInvalid));
        }
        let foreign = House::beside(&house, "other").await.generate(Terms::default()).await;
        for unknown in [foreign.as_str(), &House::unknown_key()] {
            let refused = Some(Code::LicenseNotFound);
            assert_eq!(code(house.activate(unknown, "one").await), refused);
            assert_eq!(code(house.verify(unknown, "one").await), refused);
            assert_eq!(code(house.show(unknown).await), refused);
            assert_eq!(code(house.revoke(unknown).await), refused);
        }
        // P10 and P9 of the checklist.
        assert_eq!(code(house.verify(&key, "one").await), Some(Code::LicenseNotActivated));
        house.activate(&key, "one").await.expect("there is a slot");
        house.verify(&key, "one").await.expect("it is activated");
        assert_eq!(code(house.activate(&key, "two").await), Some(Code::LicenseMaxActivations));
        assert_eq!(code(house.verify(&key, "two").await), Some(Code::LicenseNotActivated));

        // Expired before activation, suspended before expired, revoked before suspended.
        house.renew(&key, Some(60)).await.expect("it is renewed");
        house.platform.advance(60);
        for device in ["one", "two"] {
            assert_eq!(code(house.verify(&key, device).await), Some(Code::LicenseExpired));
            assert_eq!(code(house.activate(&key, device).await), Some(Code::LicenseExpired));
        }
        let asker = house.asker().await;
        licenses::suspend(core, &asker, house.which(&key), Some("late".to_owned()))
            .await
            .expect("it is suspended");
        for device in ["one", "two"] {
            assert_eq!(code(house.verify(&key, device).await), Some(Code::LicenseSuspended));
            assert_eq!(code(house.activate(&key, device).await), Some(Code::LicenseSuspended));
        }
        house.revoke(&key).await.expect("it is revoked");
        for device in ["one", "two"] {
            assert_eq!(code(house.verify(&key, device).await), Some(Code::LicenseRevoked));
            assert_eq!(code(house.activate(&key, device).await), Some(Code::LicenseRevoked));
        }
        assert_eq!(code(house.revoke(&key).await), Some(Code::LicenseAlreadyRevoked));
        for undone in [
            licenses::suspend(core, &asker, house.which(&key), None).await,
            licenses::resume(core, &asker, house.which(&key)).await,
            house.renew(&key, None).await,
        ] {
            assert_eq!(code(undone), Some(Code::LicenseRevoked));
        }
        let (shown, _) = house.show(&key).await.expect("it can still be looked at");
        assert_eq!(shown.state(house.now()), LicenseState::Revoked);
    }

    async fn a_suspended_licence_is_resumed(db: TestDatabase) {
        let house = House::new(&db).await;
        let (core, asker) = (&house.platform.core, house.asker().await);
        let key = house.generate(Terms::default()).await;
        house.activate(&key, "one").await.expect("there is a slot");
        for _ in 0..2 {
            licenses::suspend(core, &asker, house.which(&key), None).await.expect("twice is fine");
        }
        assert_eq!(code(house.verify(&key, "one").await), Some(Code::LicenseSuspended));
        for _ in 0..2 {
            licenses::resume(core, &asker, house.which(&key)).await.expect("twice is fine");
        }
        house.verify(&key, "one").await.expect("it is in use");
        let actions = house.actions().await;
        let count = |action| actions.iter().filter(|a| *a == action).count();
        assert_eq!((count("license.suspended"), count("license.resumed")), (1, 1));
    }

    async fn a_key_can_be_written_in_many_ways(db: TestDatabase) {
        let house = House::new(&db).await;
        let key = house.generate(Terms::default()).await;
        let first = house.activate(&key, "one").await.expect("there is a slot");
        for spelling in [key.to_lowercase(), key.replace('-', " "), key.replace('-', "")] {
            let again = house.activate(&spelling, "one").await.expect("it is the same");
            assert_eq!((again.activation_id, again.already_activated), (first.activation_id, true));
            house.verify(&spelling, "one").await.expect("it is the same");
        }
    }

    async fn a_sighting_is_written_once_an_hour(db: TestDatabase) {
        let house = House::new(&db).await;
        let key = house.generate(Terms::default()).await;
        house.activate(&key, "one").await.expect("there is a slot");
        let verified = async || {
            let actions = house.actions().await;
            actions.iter().filter(|a| *a == "license.verified").count()
        };
        for (advance, events) in [(0, 0), (3_599, 0), (1, 1), (3_599, 1), (1, 2)] {
            house.platform.advance(advance);
            for _ in 0..3 {
                let good = house.verify(&key, "one").await.expect("it is good");
                assert_eq!(good.last_verified_at, house.now());
            }
            assert_eq!(verified().await, events);
        }
        let (_, devices) = house.show(&key).await.expect("it is there");
        assert_eq!(devices[0].last_seen_at, house.now());
    }

    async fn licences_survive_a_new_master_key(db: TestDatabase) {
        let house = House::new(&db).await;
        let key = house.generate(Terms { max_activations: 2, ..Terms::default() }).await;
        let first = house.activate(&key, "one").await.expect("there is a slot");
        let (license, _) = house.show(&key).await.expect("it is there");
        let rotated = house.platform.node_with_new_master_key().await;
        // Found by the hash of the former key, the device known as before.
        let verified = licenses::verify(&rotated, &house.asker().await, House::ask(&key, "one"))
            .await
            .expect("it is known");
        assert_eq!(verified.activation_id, first.activation_id);
        for device in ["one", "two"] {
            let request = House::claim(&key, device);
            licenses::activate(&rotated, &house.asker().await, request).await.expect("fine");
        }
        // Activating has given it a hash and a sealed key under the new one: the former node, which
        // does not have that, finds it no more.
        let operator = house.platform.operator();
        let revealed = licenses::reveal(&rotated, &operator, house.app.id, license.id, "why".to_owned())
            .await
            .expect("it opens");
        assert_eq!(revealed.expose(), key);
        assert_eq!(code(house.verify(&key, "one").await), Some(Code::LicenseNotFound));
        let found = licenses::show(&rotated, &house.asker().await, Which::Id(license.id), House::DEVICES)
            .await
            .expect("it is there");
        assert_eq!(found.0.activations_used, 2);
    }

    async fn maintenance_brings_keys_over_to_a_new_master_key(db: TestDatabase) {
        let house = House::new(&db).await;
        let mut keys = Vec::new();
        for _ in 0..3 {
            keys.push(house.generate(Terms::default()).await);
        }
        let (license, _) = house.show(&keys[0]).await.expect("it is there");
        let rotated = house.platform.node_with_new_master_key().await;
        let prefix = rotated.keyring.seal_prefix();
        let app = house.app.id;
        let sealed = async || {
            let sealed = rotated
                .store
                .read(move |tx| tx.app(app).sealed_license_key(license.id))
                .await;
            sealed.expect("it is readable").expect("it has a key")
        };
        assert!(!sealed().await.starts_with(&prefix));
        for _ in 0..2 {
            doorward_service::maintenance::run(&rotated, true).await.expect("it runs");
        }
        assert!(sealed().await.starts_with(&prefix));
        for key in &keys {
            let request = House::claim(key, "one");
            let asker = house.asker().await;
            licenses::activate(&rotated, &asker, request).await.expect("it is found");
            // By the new hash, which only the new key makes.
            assert_eq!(code(house.show(key).await), Some(Code::LicenseNotFound));
        }
    }

    async fn revealing_is_for_operators_and_leaves_its_trace(db: TestDatabase) {
        let house = House::new(&db).await;
        let key = house.generate(Terms::default()).await;
        let (license, _) = house.show(&key).await.expect("it is there");
        let (core, operator) = (&house.platform.core, house.platform.operator());
        let reveal = async |app, id| {
            licenses::reveal(core, &operator, app, id, "lost mail".to_owned()).await
        };
        let shown = reveal(house.app.id, license.id).await.expect("it is shown");
        assert_eq!(shown.expose(), key);
        let event = house.events().await.into_iter().find(|e| e.action == "license.revealed");
        let event = event.expect("it is noted");
        assert_eq!(event.details.expect("a reason")["reason"], "lost mail");
        assert_eq!(event.target_id, Some(license.id.to_string()));
        let other = House::beside(&house, "other").await;
        assert_eq!(code(reveal(other.app.id, license.id).await), Some(Code::LicenseNotFound));
    }
}
