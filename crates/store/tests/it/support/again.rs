//! Another process: this program, running one of its ignored tests.

use std::process::{Command, Stdio};

/// Names what the parent passes on.
pub(crate) const FROM_PARENT: &str = "DOORWARD_TEST_FROM_PARENT";

/// The command that runs one test, given by its path.
pub(crate) fn again(test: &str, passed: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("a path"));
    command.args([test, "--exact", "--ignored", "--quiet"]);
    command.env(FROM_PARENT, passed).stdout(Stdio::null());
    command
}

/// What the parent passed on.
#[expect(
    clippy::disallowed_methods,
    reason = "how a test passes something to its other process"
)]
pub(crate) fn from_parent() -> String {
    std::env::var(FROM_PARENT).expect("started by the test it belongs to")
}
