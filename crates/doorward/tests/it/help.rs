//! Help, versions, and command lines that are wrong.

use crate::support::{doorward, run};

#[test]
fn the_reference_of_commands_is_complete_and_always_the_same() {
    let first = run(doorward().args(["help", "--markdown"])).ok().out;
    let second = run(doorward().args(["help", "--markdown"]).env("COLUMNS", "40"))
        .ok()
        .out;
    assert_eq!(first, second);
    for heading in [
        "## `doorward`",
        "## `doorward dev`",
        "## `doorward serve`",
        "## `doorward app rotate-secret`",
        "## `doorward admin-key create`",
        "## `doorward key public`",
        "## `doorward config reference`",
        "## `doorward maintenance run`",
        "## `doorward org add-member`",
        "## `doorward role define`",
        "## `doorward user orgs`",
        "## `doorward license generate`",
        "## `doorward license reveal`",
    ] {
        assert!(first.lines().any(|line| line == heading), "no {heading}");
    }
    assert!(
        first.lines().all(|line| line == line.trim_end()),
        "no trailing spaces"
    );
}

#[test]
fn commands_are_explained() {
    let by_flag = run(doorward().args(["app", "create", "--help"])).ok().out;
    let by_command = run(doorward().args(["help", "app", "create"])).ok().out;
    assert_eq!(by_flag, by_command);
    assert!(by_flag.contains("Examples:"), "{by_flag}");
    let said = run(doorward().args(["help", "nothing"]));
    assert_eq!(said.code, 2);
    assert!(
        run(doorward().arg("--version"))
            .ok()
            .out
            .starts_with("doorward ")
    );
}

#[test]
fn a_wrong_command_line_is_exit_code_2_and_json_on_request() {
    let said = run(doorward().args(["app", "crate"]));
    assert_eq!(said.code, 2);
    assert!(said.err.contains("unrecognized subcommand") && said.err.contains("create"));
    let said = run(doorward().args(["app", "create", "--json"]));
    assert_eq!(said.code, 2);
    let error: serde_json::Value = serde_json::from_str(&said.err).unwrap();
    assert_eq!(error["error"], "USAGE");
    assert!(
        error["message"].as_str().unwrap().contains("--name"),
        "{error}"
    );
    assert!(said.out.is_empty());
}

#[test]
fn the_api_documents_are_printed_without_a_deployment() {
    for (face, path) in [("public", "/auth/send-otp"), ("operator", "/admin/apps")] {
        let document = run(doorward().args(["openapi", "--face", face]))
            .ok()
            .json();
        assert_eq!(document["openapi"], "3.1.0");
        assert!(document["paths"][path].is_object(), "{face}");
    }
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let mut command = doorward();
    command
        .args(["openapi", "--face", "public"])
        .stdout(std::process::Stdio::piped());
    let mut child = command.spawn().unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
