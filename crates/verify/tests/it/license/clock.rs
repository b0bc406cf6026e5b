//! Times: the file's, the licence's, and a clock that was moved.

use doorward_verify::{Assessment, LicenseReason as R};
use proptest::prelude::*;

use super::*;

fn of_licence_until(end: i64, file_until: i64) -> String {
    license(
        &license_claims()
            .set("license_expires_at", end.to_string())
            .set("exp", file_until.to_string()),
    )
}

fn refusal(file: &str, now: i64) -> Option<R> {
    judged(file, now).err()
}

fn assess(file: &str, now: i64, seen: &mut MemoryLastSeen) -> Assessment {
    license_verifier()
        .assess(file, DEVICE, at(now), seen)
        .unwrap()
}

#[test]
fn to_the_second_and_without_tolerance() {
    let file = good_file();
    assert_eq!(refusal(&file, LICENSE_EXP - 1), None);
    assert_eq!(refusal(&file, LICENSE_EXP), Some(R::FileExpired));
    assert_eq!(
        refusal(&file, LICENSE_EXP + 86_400_000),
        Some(R::FileExpired)
    );
    // The clock may be behind by the tolerance, not more.
    assert_eq!(refusal(&file, IAT - 300), None);
    assert_eq!(refusal(&file, IAT - 301), Some(R::NotYetValid));
    assert_eq!(refusal(&file, 0), Some(R::NotYetValid));
    let later = license(&license_claims().set("nbf", (NOW + 1000).to_string()));
    assert_eq!(refusal(&later, NOW), Some(R::NotYetValid));
    assert_eq!(refusal(&later, NOW + 700), None);
}

/// "Go online" helps only while the licence itself goes on.
#[test]
fn an_expired_licence_is_not_an_expired_file() {
    let end = LICENSE_EXP;
    let file = of_licence_until(end, end);
    assert_eq!(refusal(&file, end - 1), None);
    assert_eq!(refusal(&file, end), Some(R::LicenseExpired));
    let file = of_licence_until(end + 10, end);
    assert_eq!(refusal(&file, end), Some(R::FileExpired));
    let both = assess(&file, end + 10, &mut MemoryLastSeen::default());
    assert_eq!(both.reasons, [R::LicenseExpired, R::FileExpired]);
    let only = assess(
        &of_licence_until(end, end),
        end,
        &mut MemoryLastSeen::default(),
    );
    assert_eq!(only.reasons, [R::LicenseExpired]);
}

#[test]
fn a_clock_set_back() {
    let mut seen = MemoryLastSeen::default();
    let mut now = |now: i64| {
        let outcome = license_verifier().verify(&good_file(), DEVICE, at(now), &mut seen);
        outcome.err()
    };
    assert_eq!(now(IAT + 1000), None);
    assert_eq!(now(IAT + 700), None);
    assert_eq!(now(IAT + 699), Some(R::ClockSetBack));
    assert_eq!(now(IAT + 1000), None);
    // The file ends when its time has been seen, also for a clock within the tolerance.
    assert_eq!(now(LICENSE_EXP - 1), None);
    assert_eq!(now(LICENSE_EXP), Some(R::FileExpired));
    assert_eq!(now(IAT + 1000), Some(R::ClockSetBack));
}

/// A newer file proves that it is later now than the clock says, on whatever device it was shown.
#[test]
fn a_newer_file_is_a_clock_too() {
    let newer = license_claims()
        .set("iat", (LICENSE_EXP + 10).to_string())
        .set("exp", (LICENSE_EXP + 100).to_string());
    let newer = license(&newer);
    let mut seen = MemoryLastSeen::default();
    // Held back: the clock does not even reach it.
    assert_eq!(assess(&newer, NOW, &mut seen).reasons, [R::NotYetValid]);
    assert_eq!(seen.0, Some(at(LICENSE_EXP + 10)));
    let old = assess(&good_file(), NOW, &mut seen);
    assert_eq!(old.reasons, [R::ClockSetBack, R::FileExpired]);
}

/// A clock that ran ahead is believed only as far as a file of its owner reached.
#[test]
fn a_clock_that_ran_ahead_does_not_lock_for_ever() {
    let mut seen = MemoryLastSeen::default();
    let far = IAT + 10_000_000_000;
    assert_eq!(
        assess(&good_file(), far, &mut seen).reasons,
        [R::FileExpired]
    );
    assert_eq!(seen.0, Some(at(IAT)));
    assert_eq!(assess(&good_file(), NOW, &mut seen).reasons, []);
}

#[test]
fn the_tolerance_can_be_set() {
    let outcome = |tolerance, behind| {
        license_verifier()
            .clock_tolerance_seconds(tolerance)
            .unwrap()
            .verify(
                &good_file(),
                DEVICE,
                at(IAT - behind),
                &mut MemoryLastSeen::default(),
            )
            .err()
    };
    for tolerance in [0, 60, 86_400] {
        assert_eq!(outcome(tolerance, i64::from(tolerance)), None);
        let more = i64::from(tolerance) + 1;
        assert_eq!(outcome(tolerance, more), Some(R::NotYetValid));
    }
}

#[test]
fn the_advisory_mode_names_everything_and_gives_the_licence() {
    let mut seen = MemoryLastSeen(Some(at(LICENSE_EXP + 1000)));
    let assessment = license_verifier()
        .assess(&good_file(), "another", at(IAT - 301), &mut seen)
        .unwrap();
    assert_eq!(
        assessment.reasons,
        [
            R::OtherDevice,
            R::ClockSetBack,
            R::NotYetValid,
            R::FileExpired
        ]
    );
    assert_eq!(assessment.license.max_activations, 3);
    let refused = license_verifier().verify(&good_file(), "another", at(IAT - 301), &mut seen);
    assert_eq!(refused.unwrap_err(), R::OtherDevice);
}

#[test]
fn extreme_clocks() {
    for now in [jiff::Timestamp::MIN, jiff::Timestamp::MAX] {
        let mut seen = MemoryLastSeen(Some(jiff::Timestamp::MAX));
        let outcome = license_verifier().verify(&good_file(), DEVICE, now, &mut seen);
        assert!(outcome.is_err());
    }
}

proptest! {
    /// Whatever the clock does, a file is never used after the latest time that a use was seen at,
    /// plus its end; and what is remembered never goes back.
    #[test]
    fn no_dance_of_the_clock_prolongs_a_file(
        steps in prop::collection::vec(-90_000..200_000_i64, 1..40),
    ) {
        let mut seen = MemoryLastSeen::default();
        let mut latest = IAT;
        for step in steps {
            let now = IAT + step;
            let before = seen.0;
            let accepted = license_verifier()
                .verify(&good_file(), DEVICE, at(now), &mut seen)
                .is_ok();
            prop_assert_eq!(
                accepted,
                now >= latest - 300 && now >= IAT - 300 && now.max(latest) < LICENSE_EXP
            );
            if accepted {
                latest = latest.max(now);
            }
            prop_assert_eq!(seen.0, Some(at(latest)));
            prop_assert!(seen.0 >= before);
        }
    }
}
