//! Our tokens, judged by PyJWT and by jose, through the JWKS and through the PEM.

use std::io::Write as _;
use std::process::{Command, Stdio};

use doorward_testkit::database::Engine;
use serde_json::Value;

use crate::support::{App, Server, on};

/// The program of a variable that `cargo xtask test` sets; `None` (said aloud) where it is missing.
pub(crate) fn program(variable: &str) -> Option<String> {
    match std::env::var(variable) {
        Ok(program) => Some(program),
        Err(_) if std::env::var_os("DOORWARD_REQUIRE_INTEROP").is_some() => {
            panic!("{variable} is not set")
        }
        Err(_) => {
            println!("skipped: {variable} is not set (cargo xtask test sets it)");
            None
        }
    }
}

fn interop(file: &str) -> String {
    format!("{}/../../interop/{file}", env!("CARGO_MANIFEST_DIR"))
}

/// Runs a verifier; gives its exit and what it printed.
fn judge(
    mut command: Command,
    server: &Server,
    app: &App,
    keys: [&str; 2],
    token: &str,
) -> (bool, Value) {
    let mut child = command
        .args(keys)
        .args([
            "--issuer",
            &server.url,
            "--audience",
            &server.url,
            "--app-id",
            &app.id,
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(token.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    (
        output.status.success(),
        serde_json::from_slice(&output.stdout).unwrap(),
    )
}

async fn accepted_and_refused(server: Server, command: impl Fn() -> Command) {
    let app = server.create_app("shop");
    let other = server.create_app("other");
    let (request, code) = server.send_login(&app, "email", "ada@example.com", 0).await;
    let signed_in = server.verify(&app, &request, &code).await;
    let token = signed_in.text("access_token");
    let jwks = format!("{}/.well-known/jwks.json", server.url);
    for keys in [
        ["--jwks", jwks.as_str()],
        ["--pem-base64", &app.jwt_public_key],
    ] {
        let (good, claims) = judge(command(), &server, &app, keys, &token);
        assert!(good, "{claims}");
        assert_eq!(claims["sub"], signed_in.body["user_id"]);
        assert_eq!(claims["app_slug"], "shop");
        assert_eq!(claims["aud"], serde_json::json!([server.url, "shop"]));
        let (good, refused) = judge(command(), &server, &other, keys, &token);
        assert!(!good);
        assert_eq!(refused["error"], "TOKEN_INVALID");
        let mut forged = token.clone();
        let last = forged.pop().unwrap();
        forged.push(if last == 'A' { 'Q' } else { 'A' });
        let (good, refused) = judge(command(), &server, &app, keys, &forged);
        assert!(!good);
        assert_eq!(refused["error"], "TOKEN_INVALID");
    }
}

#[test]
fn pyjwt() {
    let Some(python) = program("DOORWARD_TEST_PYTHON") else {
        return;
    };
    on(Engine::Sqlite, |server| {
        accepted_and_refused(server, move || {
            let mut command = Command::new(&python);
            command.arg(interop("verify_pyjwt.py"));
            command
        })
    });
}

#[test]
fn jose() {
    let Some(node) = program("DOORWARD_TEST_NODE") else {
        return;
    };
    on(Engine::Sqlite, |server| {
        accepted_and_refused(server, move || {
            let mut command = Command::new(&node);
            command.arg(interop("verify_jose.mjs"));
            command
        })
    });
}
