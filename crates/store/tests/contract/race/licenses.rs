//! What devices fight for: the slots of a licence.

use doorward_domain::ActivationId;
use doorward_domain::license::{License, LicenseStatus, ReleaseReason};
use doorward_store::StoreError;
use doorward_store::app::{AppWrite, Claim, ClaimOutcome, LicenseChange, NewLicense};
use doorward_testkit::database::TestDatabase;

use super::{CALLERS, race, winners};
use crate::support::{
    Scope, at, claim, email, fresh, new_license, seed_app, seed_license, seed_user,
};

on_both_engines_by_name! {
    exactly_as_many_devices_win_as_there_are_slots
    one_device_that_comes_many_times_takes_one_slot
    known_devices_win_while_others_fight
    cooled_off_slots_are_given_back_once
    one_of_many_takes_a_slot_from_a_device
    one_of_many_notes_a_sighting
    slots_never_exceed_what_there_is
    one_of_many_revokes_a_licence
    the_last_licence_of_a_user_goes_to_one
}

fn took(outcome: &ClaimOutcome) -> bool {
    matches!(outcome, ClaimOutcome::Claimed { .. })
}

async fn show(app: &Scope, id: doorward_domain::LicenseId, now: i64) -> License {
    let found = app.read(move |app| app.license(id, at(now))).await;
    found.expect("it is there")
}

fn device(caller: usize) -> u8 {
    u8::try_from(caller).expect("few callers")
}

async fn exactly_as_many_devices_win_as_there_are_slots(db: TestDatabase) {
    let app = seed_app(&db).await;
    let (license, _) = seed_license(&app, 5).await;
    let answers = race(&db, |store, caller| {
        let (app, claim) = (app.on(&store), claim(license, device(caller), at(1)));
        async move { app.write(move |app| app.claim_seat(&claim)).await }
    })
    .await;
    let won: Vec<bool> = answers.iter().map(took).collect();
    assert_eq!(winners(&won), 5);
    let refused = answers.iter().filter(|o| **o == ClaimOutcome::Refused);
    assert_eq!(refused.count(), CALLERS - 5);
    assert_eq!(show(&app, license, 1).await.activations_used, 5);
    let devices = app
        .read(move |app| app.activations(license, None, 100, at(1)))
        .await;
    assert_eq!(devices.len(), 5);
}

async fn one_device_that_comes_many_times_takes_one_slot(db: TestDatabase) {
    let app = seed_app(&db).await;
    let (license, _) = seed_license(&app, 5).await;
    let answers = race(&db, |store, _| {
        let (app, claim) = (app.on(&store), claim(license, 1, at(1)));
        async move { app.write(move |app| app.claim_seat(&claim)).await }
    })
    .await;
    let won: Vec<bool> = answers.iter().map(took).collect();
    assert_eq!(winners(&won), 1);
    let known: std::collections::BTreeSet<ActivationId> = answers
        .iter()
        .filter_map(|outcome| match outcome {
            ClaimOutcome::Known(id) => Some(*id),
            _ => None,
        })
        .collect();
    assert_eq!(known.len(), 1, "all others are told of the one slot");
    assert_eq!(show(&app, license, 1).await.activations_used, 1);
}

async fn known_devices_win_while_others_fight(db: TestDatabase) {
    let app = seed_app(&db).await;
    let (license, _) = seed_license(&app, 2).await;
    for known in 200..202 {
        let claim = claim(license, known, at(0));
        app.write(move |app| app.claim_seat(&claim)).await;
    }
    let answers = race(&db, |store, caller| {
        let app = app.on(&store);
        let device = if caller % 4 == 0 { 200 } else { device(caller) };
        let claim = claim(license, device, at(1));
        async move { app.write(move |app| app.claim_seat(&claim)).await }
    })
    .await;
    for (caller, outcome) in answers.iter().enumerate() {
        match outcome {
            ClaimOutcome::Known(_) => assert_eq!(caller % 4, 0),
            ClaimOutcome::Refused => assert_ne!(caller % 4, 0),
            other => panic!("{other:?}"),
        }
    }
}

async fn cooled_off_slots_are_given_back_once(db: TestDatabase) {
    let app = seed_app(&db).await;
    let (license, _) = seed_license(&app, 3).await;
    for lost in 200..203 {
        let claim = claim(license, lost, at(0));
        app.write(move |app| {
            app.claim_seat(&claim)?;
            let (id, reason) = (claim.activation_id, ReleaseReason::SelfRelease);
            app.release_seat(id, reason, Some(at(10)), at(0))
        })
        .await;
    }
    let answers = race(&db, |store, caller| {
        let (app, claim) = (app.on(&store), claim(license, device(caller), at(10)));
        async move { app.write(move |app| app.claim_seat(&claim)).await }
    })
    .await;
    let won: Vec<bool> = answers.iter().map(took).collect();
    assert_eq!(winners(&won), 3);
    assert_eq!(show(&app, license, 10).await.activations_used, 3);
}

async fn one_of_many_takes_a_slot_from_a_device(db: TestDatabase) {
    let app = seed_app(&db).await;
    let (license, _) = seed_license(&app, 2).await;
    for free_at in [None, Some(at(100))] {
        let mine = claim(license, 1, at(0));
        let id = mine.activation_id;
        app.write(move |app| app.claim_seat(&mine)).await;
        let answers = race(&db, |store, _| {
            let app = app.on(&store);
            async move {
                app.write(move |app| {
                    app.release_seat(id, ReleaseReason::Deactivated, free_at, at(1))
                })
                .await
                .is_some()
            }
        })
        .await;
        assert_eq!(winners(&answers), 1);
        let used = show(&app, license, 1).await.activations_used;
        assert_eq!(used, i64::from(free_at.is_some()));
    }
}

async fn one_of_many_notes_a_sighting(db: TestDatabase) {
    let app = seed_app(&db).await;
    let (license, _) = seed_license(&app, 1).await;
    let mine = claim(license, 1, at(0));
    let id = mine.activation_id;
    app.write(move |app| app.claim_seat(&mine)).await;
    let answers = race(&db, |store, _| {
        let app = app.on(&store);
        async move {
            app.write(move |app| app.saw_activation(id, at(0), at(3_600)))
                .await
        }
    })
    .await;
    assert_eq!(winners(&answers), 1);
}

/// What one caller of the mixture does, by its number.
fn step(app: &mut AppWrite<'_>, claim: &Claim, caller: usize) -> Result<(), StoreError> {
    let license = claim.license_id;
    match caller % 8 {
        6 => {
            app.hold_license(license)?;
            app.return_seats(license, claim.now)?;
            let found = app.license(license, claim.now)?.expect("it is there");
            let max_activations = if caller % 16 == 6 { 3 } else { 7 };
            app.update_license(&LicenseChange {
                id: license,
                expected_version: found.version,
                label: None,
                issued_to: None,
                max_activations,
                expires_at: None,
                entitlements: found.entitlements,
                metadata: found.metadata,
                now: claim.now,
            })
            .map(drop)
        }
        4 | 5 | 7 => {
            let held = app.activations(license, None, 100, claim.now)?;
            let Some(victim) = held.get(caller % held.len().max(1)) else {
                return Ok(());
            };
            let (reason, free_at) = match caller % 8 {
                4 => (ReleaseReason::SelfRelease, Some(at(2))),
                _ => (ReleaseReason::Deactivated, None),
            };
            app.release_seat(victim.id, reason, free_at, claim.now)
                .map(drop)
        }
        _ => app.claim_seat(claim).map(drop),
    }
}

/// Claims, releases, deactivations and changes of the number, all at once, some after the cooling.
async fn slots_never_exceed_what_there_is(db: TestDatabase) {
    let app = seed_app(&db).await;
    let (license, _) = seed_license(&app, 5).await;
    for round in 0..4 {
        let now = round * 3;
        race(&db, |store, caller| {
            let app = app.on(&store);
            let claim = claim(license, device(caller % 20), at(now));
            async move {
                for _ in 0..4 {
                    let claim = Claim {
                        activation_id: ActivationId::from_uuid(fresh()),
                        ..claim.clone()
                    };
                    app.write(move |app| step(app, &claim, caller)).await;
                }
            }
        })
        .await;
        let found = show(&app, license, now).await;
        let held = app
            .read(move |app| app.activations(license, None, 1_000, at(now)))
            .await;
        let held = i64::try_from(held.len()).expect("few");
        assert_eq!(
            found.activations_used, held,
            "the count is that of the slots"
        );
        assert!(
            held <= found.max_activations,
            "{held} of {}",
            found.max_activations
        );
    }
}

async fn one_of_many_revokes_a_licence(db: TestDatabase) {
    let app = seed_app(&db).await;
    let (license, _) = seed_license(&app, 1).await;
    let answers = race(&db, |store, _| {
        let app = app.on(&store);
        async move {
            app.write(move |app| {
                app.set_license_status(license, LicenseStatus::Revoked, None, at(1))
            })
            .await
        }
    })
    .await;
    assert_eq!(winners(&answers), 1);
}

async fn the_last_licence_of_a_user_goes_to_one(db: TestDatabase) {
    let app = seed_app(&db).await;
    let user = seed_user(&app, email("ada@example.com")).await;
    let answers = race(&db, |store, _| {
        let app = app.on(&store);
        let new = NewLicense {
            key: None,
            user_id: Some(user),
            ..new_license()
        };
        async move {
            app.write(move |app| {
                // What generating does.
                assert!(app.hold_active_user(user)?);
                let room = app.count_licenses_of_user(user)? < 3;
                if room {
                    app.insert_license(&new)?;
                }
                Ok(room)
            })
            .await
        }
    })
    .await;
    assert_eq!(winners(&answers), 3);
}
