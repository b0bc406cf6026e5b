//! `doorward config`: which value holds, where it is from, what is wrong.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use serde_json::Value;

use crate::support::{MASTER_KEY, doorward, run};

fn file(dir: &tempfile::TempDir, name: &str, text: &str) -> PathBuf {
    let path = dir.path().join(name);
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    path
}

fn value<'a>(shown: &'a Value, key: &str) -> (&'a str, &'a str) {
    let values = shown["values"].as_array().unwrap();
    let found = values.iter().find(|value| value["key"] == key).unwrap();
    (
        found["value"].as_str().unwrap_or_default(),
        found["source"].as_str().unwrap(),
    )
}

#[test]
fn flags_win_over_environment_over_bare_names_over_file() {
    let dir = tempfile::tempdir().unwrap();
    let toml = file(
        &dir,
        "d.toml",
        "[server]\nport = 1001\nshutdown_seconds = 5\n[admin]\nport = 1002\n[log]\nlevel = \"warn\"\n",
    );
    let mut command = doorward();
    command
        .args([
            "config",
            "show",
            "--json",
            "--log-level",
            "debug",
            "--config",
        ])
        .arg(&toml);
    command
        .env("PORT", "2001")
        .env("ADMIN_PORT", "2002")
        .env("DOORWARD_ADMIN_PORT", "3002");
    let shown = run(&mut command).ok().json();
    assert_eq!(value(&shown, "log.level"), ("debug", "--log-level"));
    assert_eq!(
        value(&shown, "admin.port"),
        ("3002", "environment DOORWARD_ADMIN_PORT")
    );
    assert_eq!(value(&shown, "server.port"), ("2001", "environment PORT"));
    let at = format!("{}:3", toml.display());
    assert_eq!(value(&shown, "server.shutdown_seconds"), ("5", at.as_str()));
    assert_eq!(value(&shown, "server.host"), ("127.0.0.1", "default"));
    // The file can be named by the environment too.
    let mut command = doorward();
    command
        .args(["config", "show", "--json"])
        .env("DOORWARD_CONFIG", &toml);
    assert_eq!(
        value(&run(&mut command).ok().json(), "server.port").0,
        "1001"
    );
}

#[test]
fn everything_wrong_is_told_with_the_nearest_name() {
    let dir = tempfile::tempdir().unwrap();
    let toml = file(&dir, "d.toml", "[server]\nprot = 1\n[smtp]\nhots = \"x\"\n");
    let mut command = doorward();
    command.args(["config", "check", "--config"]).arg(&toml);
    command
        .env("DOORWARD_HELTH_SECRET", "x")
        .env("PORT", "none");
    let said = run(&mut command);
    assert_eq!(said.code, 1);
    for expected in [
        ":2: unknown key `server.prot`; did you mean `server.port`?",
        ":4: unknown key `smtp.hots`; did you mean `smtp.host`?",
        "DOORWARD_HELTH_SECRET: no such setting; did you mean DOORWARD_HEALTH_SECRET?",
        "PORT: must be a whole number",
        "UNSAFE   DOORWARD_PUBLIC_URL: must be set",
        "UNSAFE   DOORWARD_MASTER_KEY: must be set",
        "UNSAFE   DOORWARD_DATABASE_URL: must be set",
        "--allow-insecure health-secret",
        "WARNING  DOORWARD_SMTP_URL: no mail server and no SMS provider",
        "would refuse to start",
    ] {
        assert!(
            said.out.contains(expected),
            "no `{expected}` in:\n{}",
            said.out
        );
    }
}

#[test]
fn secrets_are_never_shown() {
    let dir = tempfile::tempdir().unwrap();
    let key = file(&dir, "key", &format!("{MASTER_KEY}\n"));
    for arguments in [
        ["config", "check"].as_slice(),
        &["config", "check", "--json"],
        &["config", "show"],
        &["config", "show", "--json"],
    ] {
        let mut command = doorward();
        command
            .args(arguments)
            .env("DOORWARD_MASTER_KEY_FILE", &key)
            .env("DATABASE_URL", "postgres://u:hunter2secret@db.example/d")
            .env("HEALTH_SECRET", "hunter2secret-health")
            .env("DOORWARD_SMTP_URL", "smtps://u:hunter2secret@mail.example")
            .env("DOORWARD_SMTP_FROM", "Shop <no-reply@example.com>")
            .env("DOORWARD_PUBLIC_URL", "https://auth.example.com");
        let said = run(&mut command).ok();
        let all = format!("{}{}", said.out, said.err);
        assert!(
            !all.contains("hunter2secret") && !all.contains(MASTER_KEY),
            "{all}"
        );
        assert!(said.out.contains("[redacted]") && said.out.contains("no-reply@example.com"));
    }
}

#[test]
fn a_secret_file_is_read_and_named() {
    let dir = tempfile::tempdir().unwrap();
    let key = file(&dir, "key", &format!("{MASTER_KEY}\n"));
    let mut command = doorward();
    command
        .args(["config", "show", "--json"])
        .env("DOORWARD_MASTER_KEY_FILE", &key);
    let shown = run(&mut command).ok().json();
    let (value, source) = value(&shown, "keys.master_key");
    assert_eq!(value, "[redacted]");
    assert_eq!(
        source,
        format!("{} (DOORWARD_MASTER_KEY_FILE)", key.display())
    );
}

#[test]
fn the_default_file_can_be_used_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let toml = run(doorward().args(["config", "reference", "--toml"]))
        .ok()
        .out;
    let toml = file(&dir, "d.toml", &toml);
    let mut command = doorward();
    command
        .args(["config", "check", "--json", "--config"])
        .arg(&toml);
    let checked = run(&mut command).json();
    assert_eq!(checked["problems"], serde_json::json!([]));
}

#[test]
fn the_reference_is_the_same_everywhere() {
    let mut first = doorward();
    first.args(["config", "reference", "--markdown"]);
    let mut second = doorward();
    second
        .args(["config", "reference", "--markdown"])
        .env("COLUMNS", "40")
        .env("PORT", "x");
    let (first, second) = (run(&mut first).ok().out, run(&mut second).ok().out);
    assert_eq!(first, second);
    assert!(
        first.contains("| `port` | `DOORWARD_PORT`, `PORT` |"),
        "{first}"
    );
}

#[test]
fn senders_judge_their_settings_in_the_check() {
    let mut command = doorward();
    command
        .args(["config", "check"])
        .env("DOORWARD_SMTP_URL", "smtps://mail.example")
        .env("DOORWARD_SMTP_FROM", "not an address");
    let said = run(&mut command);
    assert!(
        said.out.contains("WRONG    DOORWARD_SMTP_FROM"),
        "{}",
        said.out
    );
}
