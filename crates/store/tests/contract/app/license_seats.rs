//! Taking and giving back device slots.

use doorward_domain::license::{License, LicenseStatus, ReleaseReason};
use doorward_domain::{ActivationId, LicenseId, Timestamp};
use doorward_store::app::{Claim, ClaimOutcome, LicenseChange, Released};
use doorward_testkit::database::TestDatabase;

use crate::support::{Raw, Scope, at, claim, fresh, seed_app, seed_license};

contract! {
    devices_take_slots_until_there_is_none: AppWrite::claim_seat;
    a_device_is_found_while_it_has_a_slot: AppRead::activation_of_device;
    a_licence_that_is_not_in_use_gives_no_slot: AppWrite::claim_seat;
    a_deactivated_slot_is_free_at_once: AppWrite::release_seat, AppWrite::claim_seat;
    a_released_slot_cools_off: AppWrite::release_seat, AppWrite::return_seats;
    a_device_comes_back_to_the_slot_it_released: AppWrite::release_seat, AppWrite::claim_seat;
    a_cooling_slot_can_be_deactivated: AppWrite::release_seat;
    a_file_keeps_its_slot_taken: AppWrite::note_license_file, AppWrite::release_seat;
    a_sighting_is_noted_once: AppWrite::saw_activation;
}

async fn take(app: &Scope, claim: Claim) -> ClaimOutcome {
    app.write(move |app| app.claim_seat(&claim)).await
}

/// A device takes a slot at a time; which.
async fn taken(app: &Scope, license: LicenseId, device: u8, now: Timestamp) -> ActivationId {
    let claim = claim(license, device, now);
    let id = claim.activation_id;
    let outcome = take(app, claim).await;
    assert!(
        matches!(outcome, ClaimOutcome::Claimed { .. }),
        "{outcome:?}"
    );
    id
}

async fn release(
    app: &Scope,
    id: ActivationId,
    free_at: Option<Timestamp>,
    now: Timestamp,
) -> Option<Released> {
    let reason = match free_at {
        None => ReleaseReason::Deactivated,
        Some(_) => ReleaseReason::SelfRelease,
    };
    app.write(move |app| app.release_seat(id, reason, free_at, now))
        .await
}

async fn show(app: &Scope, id: LicenseId, now: Timestamp) -> License {
    let found = app.read(move |app| app.license(id, now)).await;
    found.expect("it is there")
}

async fn a_device_is_found_while_it_has_a_slot(db: TestDatabase) {
    let app = seed_app(&db).await;
    let (license, _) = seed_license(&app, 2).await;
    let (other, _) = seed_license(&app, 2).await;
    let find = async |license, device: u8| {
        let device = claim(license, device, at(0)).device_hash;
        app.read(move |app| app.activation_of_device(license, &device))
            .await
    };
    assert_eq!(find(license, 1).await, None);
    let first = taken(&app, license, 1, at(0)).await;
    let second = taken(&app, license, 2, at(0)).await;
    assert_eq!(find(license, 1).await, Some(first));
    assert_eq!(find(license, 2).await, Some(second));
    assert_eq!(find(other, 1).await, None);
    // Cooling off is not having it.
    release(&app, first, Some(at(9)), at(1)).await;
    assert_eq!(find(license, 1).await, None);
}

const fn claimed(activations_used: i64, max_activations: i64) -> ClaimOutcome {
    ClaimOutcome::Claimed {
        activations_used,
        max_activations,
    }
}

async fn devices_take_slots_until_there_is_none(db: TestDatabase) {
    let app = seed_app(&db).await;
    let (license, _) = seed_license(&app, 2).await;
    let first = claim(license, 1, at(1));
    let id = first.activation_id;
    assert_eq!(take(&app, first).await, claimed(1, 2));
    assert_eq!(take(&app, claim(license, 2, at(2))).await, claimed(2, 2));
    let raw = Raw::open(&db).await;
    let (licenses, devices) = (
        raw.table("licenses").await,
        raw.table("license_activations").await,
    );
    let refused = take(&app, claim(license, 3, at(3))).await;
    assert_eq!(refused, ClaimOutcome::Refused);
    assert_eq!(raw.table("licenses").await, licenses);
    assert_eq!(raw.table("license_activations").await, devices);
    // A known device wins even when the licence is full, and may change what it is called.
    let renamed = Claim {
        device_label: Some("Bob's".to_owned()),
        ..claim(license, 1, at(9))
    };
    assert_eq!(take(&app, renamed).await, ClaimOutcome::Known(id));
    let unnamed = Claim {
        device_label: None,
        ..claim(license, 1, at(10))
    };
    assert_eq!(take(&app, unnamed).await, ClaimOutcome::Known(id));
    let device = app.read(move |app| app.activation(id)).await;
    let device = device.expect("it is there");
    assert_eq!(device.device_label.as_deref(), Some("Bob's"));
    assert_eq!((device.created_at, device.last_seen_at), (at(1), at(10)));
    assert_eq!(show(&app, license, at(11)).await.activations_used, 2);
    let unknown = LicenseId::from_uuid(fresh());
    let outcome = take(&app, claim(unknown, 1, at(1))).await;
    assert_eq!(outcome, ClaimOutcome::Refused);
}

async fn a_licence_that_is_not_in_use_gives_no_slot(db: TestDatabase) {
    let app = seed_app(&db).await;
    for status in [LicenseStatus::Suspended, LicenseStatus::Revoked] {
        let (license, _) = seed_license(&app, 2).await;
        app.write(move |app| app.set_license_status(license, status, None, at(1)))
            .await;
        let outcome = take(&app, claim(license, 1, at(2))).await;
        assert_eq!(outcome, ClaimOutcome::Refused, "{status:?}");
    }
    let (license, _) = seed_license(&app, 2).await;
    let ending = LicenseChange {
        id: license,
        expected_version: 1,
        label: None,
        issued_to: None,
        max_activations: 2,
        expires_at: Some(at(10)),
        entitlements: doorward_domain::entitlement::Entitlements::default(),
        metadata: serde_json::Map::new(),
        now: at(0),
    };
    app.write(move |app| app.update_license(&ending)).await;
    assert_eq!(take(&app, claim(license, 1, at(9))).await, claimed(1, 2));
    let late = take(&app, claim(license, 2, at(10))).await;
    assert_eq!(late, ClaimOutcome::Refused, "dead exactly then");
}

async fn a_deactivated_slot_is_free_at_once(db: TestDatabase) {
    let app = seed_app(&db).await;
    let (license, _) = seed_license(&app, 1).await;
    let id = taken(&app, license, 1, at(1)).await;
    let released = release(&app, id, None, at(2)).await;
    let expected = Released {
        license_id: license,
        device_label: Some("device 1".to_owned()),
        free_at: at(2),
    };
    assert_eq!(released, Some(expected));
    assert_eq!(release(&app, id, None, at(3)).await, None, "once");
    assert_eq!(release(&app, id, Some(at(9)), at(3)).await, None, "once");
    let unknown = ActivationId::from_uuid(fresh());
    assert_eq!(release(&app, unknown, None, at(3)).await, None);
    let device = app.read(move |app| app.activation(id)).await;
    let device = device.expect("it is there");
    assert_eq!(
        device.released,
        Some((at(2), ReleaseReason::Deactivated)),
        "its end is kept"
    );
    assert_eq!(show(&app, license, at(4)).await.activations_used, 0);
    let again = taken(&app, license, 1, at(5)).await;
    assert_ne!(again, id, "a new slot, not the old one");
    assert_eq!(show(&app, license, at(5)).await.activations_used, 1);
}

async fn a_released_slot_cools_off(db: TestDatabase) {
    let app = seed_app(&db).await;
    let (license, _) = seed_license(&app, 1).await;
    let id = taken(&app, license, 1, at(1)).await;
    assert!(release(&app, id, Some(at(100)), at(2)).await.is_some());
    assert_eq!(
        release(&app, id, Some(at(200)), at(3)).await,
        None,
        "releasing twice does not move its end"
    );
    let full = take(&app, claim(license, 2, at(99))).await;
    assert_eq!(full, ClaimOutcome::Refused);
    assert_eq!(show(&app, license, at(99)).await.activations_used, 1);
    assert_eq!(
        show(&app, license, at(100)).await.activations_used,
        0,
        "shown as free before anybody takes it"
    );
    let back = async |seconds: i64| {
        app.write(move |app| app.return_seats(license, at(seconds)))
            .await
    };
    assert_eq!(back(99).await, 0);
    assert_eq!(back(100).await, 1);
    assert_eq!(back(100).await, 0, "once");
    assert_eq!(show(&app, license, at(100)).await.activations_used, 0);
    taken(&app, license, 2, at(101)).await;
    // The device that released it is one like any other now.
    let late = take(&app, claim(license, 1, at(102))).await;
    assert_eq!(late, ClaimOutcome::Refused);
    // A claim gives back by itself what has cooled off.
    let (license, _) = seed_license(&app, 1).await;
    let id = taken(&app, license, 1, at(1)).await;
    release(&app, id, Some(at(100)), at(2)).await;
    assert_eq!(take(&app, claim(license, 2, at(100))).await, claimed(1, 1));
}

async fn a_device_comes_back_to_the_slot_it_released(db: TestDatabase) {
    let app = seed_app(&db).await;
    let (license, _) = seed_license(&app, 2).await;
    let id = taken(&app, license, 1, at(1)).await;
    taken(&app, license, 2, at(1)).await;
    for (released, back) in [(2, 3), (4, 500)] {
        release(&app, id, Some(at(100)), at(released)).await;
        let outcome = take(&app, claim(license, 1, at(back))).await;
        assert_eq!(outcome, ClaimOutcome::Returned(id));
        let device = app.read(move |app| app.activation(id)).await;
        let device = device.expect("it is there");
        assert_eq!((device.released, device.slot_free_at), (None, None));
        assert_eq!(device.last_seen_at, at(back));
        assert_eq!(show(&app, license, at(back)).await.activations_used, 2);
    }
    let outcome = take(&app, claim(license, 1, at(501))).await;
    assert_eq!(outcome, ClaimOutcome::Known(id));
}

async fn a_cooling_slot_can_be_deactivated(db: TestDatabase) {
    let app = seed_app(&db).await;
    let (license, _) = seed_license(&app, 1).await;
    let id = taken(&app, license, 1, at(1)).await;
    release(&app, id, Some(at(100)), at(2)).await;
    assert!(release(&app, id, None, at(3)).await.is_some());
    let device = app.read(move |app| app.activation(id)).await;
    assert_eq!(
        device.expect("it is there").released,
        Some((at(2), ReleaseReason::SelfRelease))
    );
    assert_eq!(take(&app, claim(license, 2, at(4))).await, claimed(1, 1));
}

async fn a_sighting_is_noted_once(db: TestDatabase) {
    let app = seed_app(&db).await;
    let (license, _) = seed_license(&app, 1).await;
    let id = taken(&app, license, 1, at(0)).await;
    let saw = async |not_after: i64, now: i64| {
        app.write(move |app| app.saw_activation(id, at(not_after), at(now)))
            .await
    };
    assert!(!saw(-1, 3_599).await, "seen since");
    assert!(saw(0, 3_600).await);
    assert!(!saw(0, 3_600).await, "once");
    let device = app.read(move |app| app.activation(id)).await;
    assert_eq!(device.expect("it is there").last_seen_at, at(3_600));
    release(&app, id, None, at(3_601)).await;
    assert!(!saw(3_600, 9_000).await, "it has no slot");
}

async fn a_file_keeps_its_slot_taken(db: TestDatabase) {
    let app = seed_app(&db).await;
    let (license, _) = seed_license(&app, 2).await;
    let (one, other) = (
        taken(&app, license, 1, at(1)).await,
        taken(&app, license, 2, at(1)).await,
    );
    for until in [at(500), at(300)] {
        app.write(move |app| app.note_license_file(one, until))
            .await;
    }
    let released = release(&app, one, Some(at(100)), at(2)).await;
    assert_eq!(released.map(|seat| seat.free_at), Some(at(500)));
    let beside = release(&app, other, Some(at(100)), at(2)).await;
    assert_eq!(beside.map(|seat| seat.free_at), Some(at(100)));
    assert_eq!(show(&app, license, at(499)).await.activations_used, 1);
    assert_eq!(show(&app, license, at(500)).await.activations_used, 0);
    // The device comes back: what it can do without a network is as before.
    taken_back(&app, license, one).await;
    let again = release(&app, one, Some(at(200)), at(9)).await;
    assert_eq!(again.map(|seat| seat.free_at), Some(at(500)));
    // Whoever answers for the licence takes it back at once.
    let at_once = release(&app, one, None, at(10)).await;
    assert_eq!(at_once.map(|seat| seat.free_at), Some(at(10)));
}

async fn taken_back(app: &Scope, license: LicenseId, id: ActivationId) {
    let back = take(app, claim(license, 1, at(5))).await;
    assert_eq!(back, ClaimOutcome::Returned(id));
}
