//! The short form of the fault suite, one scenario at a time.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a test that finds something else than it expects has failed; the test runner's \
              variables are read where they are used"
)]

use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::sync::{Mutex, PoisonError};

/// They measure, and they load the machine.
static ALONE: Mutex<()> = Mutex::new(());

/// What one scenario came to.
struct Ran {
    code: Option<i32>,
    said: String,
    report: serde_json::Value,
}

fn run(binary: &Path, name: &str) -> Ran {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let out = tempfile::tempdir().expect("a scratch directory");
    let output = Command::new(env!("CARGO_BIN_EXE_doorward-faults"))
        .arg("--binary")
        .arg(binary)
        .args(["--only", name, "--out"])
        .arg(out.path())
        .output()
        .expect("runs");
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    let report = std::fs::read(out.path().join("report.json"))
        .ok()
        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .unwrap_or_else(|| panic!("no report: {said}"));
    Ran {
        code: output.status.code(),
        said,
        report,
    }
}

/// The server under test. `None`, after saying so, without `cargo xtask test`, which builds it.
fn binary() -> Option<std::path::PathBuf> {
    let binary = std::env::var_os("DOORWARD_TEST_BINARY");
    if binary.is_none() {
        skip("doorward (run `cargo xtask test`)");
    }
    binary.map(Into::into)
}

/// Tells `cargo xtask test` what is missing here.
fn skip(what: &str) {
    println!("not run: {what}");
    let name = what.split(" (").next().unwrap_or(what);
    let program = std::env::current_exe().unwrap_or_default();
    let test = std::thread::current()
        .name()
        .unwrap_or("unnamed")
        .to_owned();
    if let Some(list) = std::env::var_os("DOORWARD_TEST_SKIPPED_LIST") {
        let line = format!("{name}: {} {test}\n", program.display());
        let file = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(list);
        drop(file.and_then(|mut file| file.write_all(line.as_bytes())));
    }
}

fn passes(name: &str) {
    let Some(binary) = binary() else { return };
    let ran = run(&binary, name);
    println!("{}", ran.said);
    let skipped = ran.report["scenarios"][0]["skipped"].as_str();
    match (ran.code, skipped) {
        (Some(0), _) => {}
        // A disk can be mounted by root only, and not in every container.
        (Some(3), Some(why)) if why.starts_with("a mount") => skip(why),
        (Some(3), Some(why)) => {
            let required = std::env::var("DOORWARD_REQUIRE_FAULTS").is_ok_and(|value| value == "1");
            assert!(!required, "DOORWARD_REQUIRE_FAULTS=1, but this lacks {why}");
            skip(why);
        }
        _ => panic!("{}", ran.said),
    }
}

macro_rules! scenarios {
    ($($test:ident = $name:literal,)*) => {
        $(#[test]
        fn $test() {
            passes($name);
        })*
    };
}

scenarios! {
    nodes = "nodes",
    database = "database",
    failover = "failover",
    kill_sqlite = "kill-sqlite",
    kill_postgres = "kill-postgres",
    disk = "disk",
    overload = "overload",
}

/// A suite that cannot find a loss proves nothing.
#[test]
fn a_database_that_forgets_is_noticed() {
    let Some(binary) = binary() else { return };
    let ran = run(&binary, "forgetful");
    assert_eq!(ran.code, Some(1), "{}", ran.said);
    let found = &ran.report["scenarios"][0];
    assert!(found["lost"].as_u64() > Some(0), "{}", ran.said);
}
