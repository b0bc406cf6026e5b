//! schemathesis against both OpenAPI documents: no 5xx, no answer that is not documented.

use std::process::Command;

use doorward_testkit::database::Engine;

use crate::support::{Server, on};

/// The command of schemathesis beside the Python that `cargo xtask test` prepares.
fn schemathesis() -> Option<std::path::PathBuf> {
    let Ok(python) = std::env::var("DOORWARD_TEST_PYTHON") else {
        assert!(
            std::env::var_os("DOORWARD_REQUIRE_INTEROP").is_none(),
            "DOORWARD_TEST_PYTHON is not set"
        );
        println!("skipped: DOORWARD_TEST_PYTHON is not set (cargo xtask test sets it)");
        return None;
    };
    let command = std::path::Path::new(&python).with_file_name("schemathesis");
    assert!(command.exists(), "{} is missing", command.display());
    Some(command)
}

fn examine(command: &std::path::Path, server: &Server, url: &str, credentials: &[&str]) {
    let output = Command::new(command)
        .current_dir(server.data.path())
        .arg("run")
        .arg(format!("{url}/openapi.json"))
        .args(["--url", url])
        .args(["--checks", "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"])
        .args(["--max-examples", "40", "--seed", "1", "--phases", "examples,coverage,fuzzing"])
        .args(["--request-timeout", "10", "--no-color"])
        .args(credentials)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    println!("{text}");
    assert!(
        output.status.success(),
        "{text}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn public_face() {
    let Some(command) = schemathesis() else {
        return;
    };
    on(Engine::Sqlite, |server| async move {
        let app = server.create_app("shop");
        let basic = format!("{}:{}", app.id, app.secret);
        examine(&command, &server, &server.url, &["--auth", &basic]);
    });
}

#[test]
fn operator_face() {
    let Some(command) = schemathesis() else {
        return;
    };
    on(Engine::Sqlite, |server| async move {
        let made = server.cli(&["admin-key", "create", "--name", "schemathesis"]);
        let header = format!("X-Admin-Key: {}", made["admin_key"].as_str().unwrap());
        examine(&command, &server, &server.admin, &["--header", &header]);
    });
}
