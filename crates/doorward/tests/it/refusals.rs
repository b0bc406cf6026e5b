//! `doorward serve` refuses to start unsafe: each danger alone, and each exception alone.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use std::time::Duration;

use crate::support::{MASTER_KEY, Server, doorward, run};

/// A command that would start.
fn safe(dir: &tempfile::TempDir) -> Command {
    let mut command = doorward();
    command
        .arg("serve")
        .env("DOORWARD_PUBLIC_URL", "https://auth.example.com")
        .env(
            "DATABASE_URL",
            format!("sqlite:{}", dir.path().join("d.db").display()),
        )
        .env("DOORWARD_MASTER_KEY", MASTER_KEY)
        .env("HEALTH_SECRET", "0123456789abcdef");
    command
}

/// With `change`, it is refused with `expected` and exit code 2; with the exception, it starts.
fn check(
    change: impl Fn(&mut Command, &tempfile::TempDir),
    expected: &str,
    exception: Option<&str>,
) {
    let dir = tempfile::tempdir().unwrap();
    let mut command = safe(&dir);
    change(&mut command, &dir);
    let said = run(&mut command);
    assert_eq!(said.code, 2, "{}", said.err);
    assert!(
        said.err.contains(expected),
        "no `{expected}` in:\n{}",
        said.err
    );
    assert_eq!(said.err.lines().count(), 2, "one danger only: {}", said.err);
    assert!(
        !dir.path().join("d.db").exists(),
        "refused before anything was touched"
    );

    let Some(exception) = exception else {
        assert!(!said.err.contains("--allow-insecure"), "{}", said.err);
        return;
    };
    assert!(
        said.err.contains(&format!("--allow-insecure {exception}")),
        "{}",
        said.err
    );
    let mut command = safe(&dir);
    change(&mut command, &dir);
    let server = Server::serve(command.args(["--allow-insecure", exception]));
    assert!(
        server.log().contains(r#""level":"WARN""#),
        "it still warns: {}",
        server.log()
    );

    // Another exception does not help.
    let other = if exception == "http-issuer" {
        "plain-http"
    } else {
        "http-issuer"
    };
    let mut command = safe(&dir);
    change(&mut command, &dir);
    assert_eq!(run(command.args(["--allow-insecure", other])).code, 2);
}

#[test]
fn an_http_issuer() {
    let change = |command: &mut Command, _: &tempfile::TempDir| {
        command.env("DOORWARD_PUBLIC_URL", "http://auth.example.com");
    };
    check(
        change,
        "DOORWARD_PUBLIC_URL: http://auth.example.com/ is not https",
        Some("http-issuer"),
    );
}

#[test]
fn plain_http_for_others_without_a_proxy() {
    let change = |command: &mut Command, _: &tempfile::TempDir| {
        command.env("DOORWARD_HOST", "0.0.0.0");
    };
    check(
        change,
        "DOORWARD_HOST: the public face speaks plain HTTP",
        Some("plain-http"),
    );
    let dir = tempfile::tempdir().unwrap();
    let mut command = safe(&dir);
    command
        .env("DOORWARD_HOST", "0.0.0.0")
        .env("DOORWARD_TRUSTED_PROXIES", "10.0.0.0/8");
    drop(Server::serve(&mut command));
    // A proxy on this machine is no reason to listen to others.
    let mut command = safe(&dir);
    command
        .env("DOORWARD_HOST", "0.0.0.0")
        .env("DOORWARD_TRUSTED_PROXIES", "127.0.0.1");
    assert_eq!(run(&mut command).code, 2);
    // And an accepted http issuer does not accept it either.
    let mut command = safe(&dir);
    command
        .env("DOORWARD_HOST", "0.0.0.0")
        .env("DOORWARD_PUBLIC_URL", "http://auth.example.com");
    assert_eq!(
        run(command.args(["--allow-insecure", "http-issuer"])).code,
        2
    );
}

#[test]
fn a_guessable_health_secret() {
    for weak in [
        "                 ",
        "aaaaaaaaaaaaaaaaaaaa",
        "with a space in the middle",
        "abcabcabcabcabcabc",
    ] {
        let dir = tempfile::tempdir().unwrap();
        let mut command = safe(&dir);
        assert_eq!(run(command.env("HEALTH_SECRET", weak)).code, 2, "{weak}");
    }
}

#[test]
fn the_operator_face_for_others() {
    let change = |command: &mut Command, _: &tempfile::TempDir| {
        command.args(["--admin-host", "0.0.0.0"]);
    };
    check(
        change,
        "--admin-host: the operator face on 0.0.0.0:3001",
        Some("operator-public"),
    );
}

#[test]
fn a_missing_or_short_health_secret() {
    for secret in ["", "0123456789abcde"] {
        let change = |command: &mut Command, _: &tempfile::TempDir| {
            command.env("HEALTH_SECRET", secret);
        };
        check(change, "HEALTH_SECRET: must ", Some("health-secret"));
    }
}

#[test]
fn secrets_that_everybody_can_read() {
    let change = |command: &mut Command, dir: &tempfile::TempDir| {
        let path = dir.path().join("key");
        std::fs::write(&path, MASTER_KEY).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        command
            .env_remove("DOORWARD_MASTER_KEY")
            .env("DOORWARD_MASTER_KEY_FILE", &path);
    };
    let expected = "DOORWARD_MASTER_KEY_FILE: others on this machine can read or change";
    check(change, expected, Some("readable-secrets"));
}

#[test]
fn mail_in_the_clear() {
    let change = |command: &mut Command, _: &tempfile::TempDir| {
        command
            .env("DOORWARD_SMTP_HOST", "mail.example")
            .env("DOORWARD_SMTP_TLS", "none")
            .env("DOORWARD_SMTP_FROM", "a@example.com");
    };
    check(
        change,
        "DOORWARD_SMTP_TLS: codes would travel to mail.example",
        Some("smtp-tls"),
    );
}

#[test]
fn what_no_exception_mends() {
    let no_key = |command: &mut Command, _: &tempfile::TempDir| {
        command.env_remove("DOORWARD_MASTER_KEY");
    };
    check(no_key, "DOORWARD_MASTER_KEY: must be set", None);
    for key in [
        "00".repeat(32),
        "correct horse battery staple 123".to_owned(),
    ] {
        let known_key = |command: &mut Command, _: &tempfile::TempDir| {
            command.env("DOORWARD_MASTER_KEY", &key);
        };
        check(known_key, "DOORWARD_MASTER_KEY: the master key ", None);
    }
    let no_url = |command: &mut Command, _: &tempfile::TempDir| {
        command.env_remove("DOORWARD_PUBLIC_URL");
    };
    check(no_url, "DOORWARD_PUBLIC_URL: must be set", None);
    let no_database = |command: &mut Command, _: &tempfile::TempDir| {
        command.env_remove("DATABASE_URL");
    };
    check(no_database, "DOORWARD_DATABASE_URL: must be set", None);
    let one_port = |command: &mut Command, _: &tempfile::TempDir| {
        command.args(["--port", "3100", "--admin-port", "3100"]);
    };
    check(
        one_port,
        "--admin-port: is the port of the public face too",
        None,
    );
}

#[test]
fn postgres_in_the_clear() {
    let refused = |url: &str, arguments: &[&str]| {
        let dir = tempfile::tempdir().unwrap();
        let mut command = safe(&dir);
        command
            .env("DATABASE_URL", url)
            .args(["--port", "0", "--admin-port", "0"]);
        run(command.args(arguments))
    };
    let elsewhere = "postgres://u:hunter2@db.invalid/d?sslmode=disable&connect_timeout=1";
    let said = refused(elsewhere, &[]);
    assert_eq!(said.code, 2);
    assert!(
        said.err
            .contains("DATABASE_URL: the connection to PostgreSQL"),
        "{}",
        said.err
    );
    assert!(
        said.err.contains("--allow-insecure database-tls"),
        "{}",
        said.err
    );
    assert!(!said.err.contains("hunter2"));
    // With the exception it gets as far as connecting, to a host that does not exist.
    let said = refused(elsewhere, &["--allow-insecure", "database-tls"]);
    assert_eq!(said.code, 1, "{}", said.err);
    assert!(
        said.err.contains("Cannot connect to PostgreSQL"),
        "{}",
        said.err
    );
    assert!(!said.err.contains("hunter2"));
    let said = refused("postgres://u@db.invalid/d?sslmode=prefer", &[]);
    assert!(
        said.code == 2 && said.err.contains("may fall back to plain text"),
        "{}",
        said.err
    );
}

#[test]
fn all_dangers_are_told_at_once_and_all_exceptions_can_be_given() {
    let dir = tempfile::tempdir().unwrap();
    let unsafe_command = || {
        let mut command = safe(&dir);
        command
            .env("DOORWARD_PUBLIC_URL", "http://auth.example.com")
            .env("DOORWARD_ADMIN_HOST", "0.0.0.0")
            .env_remove("HEALTH_SECRET");
        command
    };
    let said = run(&mut unsafe_command());
    for name in ["http-issuer", "operator-public", "health-secret"] {
        assert!(said.err.contains(name), "{}", said.err);
    }
    let mut command = unsafe_command();
    command.args([
        "--allow-insecure",
        "http-issuer",
        "--allow-insecure",
        "operator-public",
    ]);
    let mut server = Server::serve(command.args(["--allow-insecure", "health-secret"]));
    server.signal(rustix::process::Signal::TERM);
    assert_eq!(server.exit_code(Duration::from_secs(20)), Some(0));
    // By the environment too, for containers.
    let mut command = unsafe_command();
    command.env(
        "DOORWARD_ALLOW_INSECURE",
        "http-issuer,operator-public,health-secret",
    );
    drop(Server::serve(&mut command));
}

#[test]
fn in_json_the_refusal_is_json() {
    let dir = tempfile::tempdir().unwrap();
    let said = run(safe(&dir).env_remove("HEALTH_SECRET").arg("--json"));
    let refusal: serde_json::Value = serde_json::from_str(&said.err).unwrap();
    assert_eq!(refusal["error"], "CONFIGURATION");
    assert_eq!(refusal["details"][0]["field"], "DOORWARD_HEALTH_SECRET");
}
