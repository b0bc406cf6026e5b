//! Tests that can do nothing on this machine.

/// Tells `cargo xtask test`, which counts this test as skipped then, and not as passed.
pub(crate) fn note(what: &str) {
    use std::io::Write as _;
    let Some(list) = std::env::var_os("DOORWARD_TEST_SKIPPED_LIST") else {
        return;
    };
    // Two test programs may have tests of one name.
    let program = std::env::current_exe().unwrap_or_default();
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("unnamed");
    let line = format!("{what}: {} {test}\n", program.display());
    let file = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(list);
    // Who reads the list falls back on the names of the tests.
    drop(file.and_then(|mut file| file.write_all(line.as_bytes())));
}

/// Whether there is `curl`, which the commands of the documentation call. Says so when there is
/// none.
///
/// # Panics
/// When there is none and `DOORWARD_REQUIRE_INTEROP=1`.
#[expect(
    clippy::print_stdout,
    reason = "the reader of a test's output shall see what did not run"
)]
#[must_use]
pub fn curl_is_here() -> bool {
    let found = std::process::Command::new("curl")
        .arg("--version")
        .stdout(std::process::Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !found {
        #[expect(
            clippy::disallowed_methods,
            reason = "the test runner's setting, not the program's"
        )]
        let required = std::env::var("DOORWARD_REQUIRE_INTEROP").is_ok_and(|value| value == "1");
        assert!(
            !required,
            "DOORWARD_REQUIRE_INTEROP=1, but there is no curl"
        );
        println!("skipped: no curl");
        note("curl");
    }
    found
}

/// Whether a copy of this machine can be made whose changes go nowhere: for that, this must be root,
/// and have these programs. Says so when it cannot.
///
/// # Panics
/// When it cannot and `DOORWARD_REQUIRE_INTEROP=1`.
#[expect(
    clippy::print_stdout,
    reason = "the reader of a test's output shall see what did not run"
)]
#[must_use]
pub fn a_machine_can_be_copied(programs: &[&str]) -> bool {
    let runs = |program: &str, arguments: &[&str]| {
        std::process::Command::new(program)
            .args(arguments)
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    };
    let missing: Vec<_> = programs
        .iter()
        .filter(|program| {
            !runs(
                "sh",
                &[
                    "-c",
                    &format!("PATH=$PATH:/usr/sbin:/sbin; command -v {program}"),
                ],
            )
        })
        .copied()
        .collect();
    let isolated = [
        "--mount", "--net", "--pid", "--fork", "mount", "-t", "tmpfs", "tmpfs", "/run",
    ];
    let reason = if !missing.is_empty() {
        format!("no {}", missing.join(", "))
    } else if !runs("sh", &["-c", "test $(id -u) = 0"]) || !runs("unshare", &isolated) {
        "not root, or no name spaces".to_owned()
    } else {
        return true;
    };
    #[expect(
        clippy::disallowed_methods,
        reason = "the test runner's setting, not the program's"
    )]
    let required = std::env::var("DOORWARD_REQUIRE_INTEROP").is_ok_and(|value| value == "1");
    assert!(!required, "DOORWARD_REQUIRE_INTEROP=1, but {reason}");
    println!("skipped: {reason}");
    note("a machine to copy");
    false
}
