//! That nothing is left out.

use std::collections::BTreeSet;

use crate::sources::{self, files};
use crate::{app, foreign, platform};

/// The modules of the suite, each with the methods it is the contract of.
const MODULES: &[(&str, &[&str])] = &[
    ("tests/contract/app/audit.rs", app::audit::COVERED),
    ("tests/contract/app/claims.rs", app::claims::COVERED),
    ("tests/contract/app/current.rs", app::current::COVERED),
    ("tests/contract/app/delivery.rs", app::delivery::COVERED),
    ("tests/contract/app/erasure.rs", app::erasure::COVERED),
    ("tests/contract/app/export.rs", app::export::COVERED),
    (
        "tests/contract/app/license_keys.rs",
        app::license_keys::COVERED,
    ),
    (
        "tests/contract/app/license_search.rs",
        app::license_search::COVERED,
    ),
    (
        "tests/contract/app/license_seats.rs",
        app::license_seats::COVERED,
    ),
    ("tests/contract/app/licenses.rs", app::licenses::COVERED),
    ("tests/contract/app/limits.rs", app::limits::COVERED),
    ("tests/contract/app/members.rs", app::members::COVERED),
    (
        "tests/contract/app/organizations.rs",
        app::organizations::COVERED,
    ),
    ("tests/contract/app/otp.rs", app::otp::COVERED),
    ("tests/contract/app/outbox.rs", app::outbox::COVERED),
    ("tests/contract/app/replays.rs", app::replays::COVERED),
    (
        "tests/contract/app/revocations.rs",
        app::revocations::COVERED,
    ),
    ("tests/contract/app/roles.rs", app::roles::COVERED),
    ("tests/contract/app/rotation.rs", app::rotation::COVERED),
    ("tests/contract/app/secrets.rs", app::secrets::COVERED),
    (
        "tests/contract/app/session_search.rs",
        app::session_search::COVERED,
    ),
    ("tests/contract/app/sessions.rs", app::sessions::COVERED),
    ("tests/contract/app/sms_usage.rs", app::sms_usage::COVERED),
    ("tests/contract/app/stats.rs", app::stats::COVERED),
    ("tests/contract/app/templates.rs", app::templates::COVERED),
    (
        "tests/contract/app/user_change.rs",
        app::user_change::COVERED,
    ),
    (
        "tests/contract/app/user_search.rs",
        app::user_search::COVERED,
    ),
    ("tests/contract/app/users.rs", app::users::COVERED),
    (
        "tests/contract/platform/admin_keys.rs",
        platform::admin_keys::COVERED,
    ),
    (
        "tests/contract/platform/alarms.rs",
        platform::alarms::COVERED,
    ),
    ("tests/contract/platform/apps.rs", platform::apps::COVERED),
    ("tests/contract/platform/audit.rs", platform::audit::COVERED),
    (
        "tests/contract/platform/delivery.rs",
        platform::delivery::COVERED,
    ),
    (
        "tests/contract/platform/doctor.rs",
        platform::doctor::COVERED,
    ),
    (
        "tests/contract/platform/idempotency.rs",
        platform::idempotency::COVERED,
    ),
    ("tests/contract/platform/jobs.rs", platform::jobs::COVERED),
    (
        "tests/contract/platform/licenses.rs",
        platform::licenses::COVERED,
    ),
    (
        "tests/contract/platform/maintenance.rs",
        platform::maintenance::COVERED,
    ),
    (
        "tests/contract/platform/outbox.rs",
        platform::outbox::COVERED,
    ),
    (
        "tests/contract/platform/revocations.rs",
        platform::revocations::COVERED,
    ),
    (
        "tests/contract/platform/signing_keys.rs",
        platform::signing_keys::COVERED,
    ),
    ("tests/contract/platform/users.rs", platform::users::COVERED),
];

/// Methods of an app's handle that ask the database nothing.
const WITHOUT_DATA: [&str; 1] = ["AppRead::app_id"];

fn methods(folder: &str) -> BTreeSet<String> {
    let found: BTreeSet<_> = files(folder)
        .iter()
        .flat_map(|file| sources::methods(&file.text))
        .collect();
    assert!(!found.is_empty(), "{folder} has methods");
    found
}

#[test]
fn every_method_has_a_contract() {
    let mut wanted = methods("src/app");
    wanted.extend(methods("src/platform"));
    let covered: BTreeSet<_> = MODULES
        .iter()
        .flat_map(|(_, covered)| covered.iter().map(ToString::to_string))
        .collect();
    let missing: Vec<_> = wanted.difference(&covered).collect();
    assert!(missing.is_empty(), "no contract test for {missing:?}");
    let gone: Vec<_> = covered.difference(&wanted).collect();
    assert!(gone.is_empty(), "no such method: {gone:?}");
}

#[test]
fn a_module_calls_what_it_says_it_covers() {
    let sources: Vec<_> = ["tests/contract/app", "tests/contract/platform"]
        .into_iter()
        .flat_map(files)
        .filter(|file| !file.path.ends_with("/mod.rs"))
        .collect();
    assert_eq!(
        sources
            .iter()
            .map(|file| file.path.as_str())
            .collect::<Vec<_>>(),
        MODULES.iter().map(|(path, _)| *path).collect::<Vec<_>>(),
        "every module is registered, in order"
    );
    for (file, (_, covered)) in sources.iter().zip(MODULES) {
        for method in *covered {
            let (_, name) = method.split_once("::").expect("Owner::method");
            assert!(
                file.text.contains(&format!(".{name}(")),
                "{} never calls {method}",
                file.path
            );
        }
    }
}

#[test]
fn every_method_of_an_app_has_a_foreign_case() {
    let wanted: BTreeSet<_> = methods("src/app")
        .into_iter()
        .filter(|method| method.starts_with("AppRead::") || method.starts_with("AppWrite::"))
        .filter(|method| !WITHOUT_DATA.contains(&method.as_str()))
        .collect();
    let cases: BTreeSet<_> = foreign::CASES
        .iter()
        .map(|case| case.method.to_owned())
        .collect();
    assert_eq!(cases, wanted);
}
