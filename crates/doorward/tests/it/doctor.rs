//! `doorward doctor`, `GET /admin/doctor` and `doorward config check --connect`.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use serde_json::{Value, json};

use crate::support::{MASTER_KEY, Said, Server, doorward, run};

fn examine(data: &Path, more: &[&str]) -> (i32, Value) {
    examine_with(data, more, |_| ())
}

fn examine_with(
    data: &Path,
    more: &[&str],
    change: impl FnOnce(&mut std::process::Command),
) -> (i32, Value) {
    let mut command = doorward();
    // Whoever else works on this machine may hold the default ones.
    command
        .env("DOORWARD_PORT", "0")
        .env("DOORWARD_ADMIN_PORT", "0");
    change(&mut command);
    command.args(["doctor", "--json", "--data-dir"]).arg(data);
    let said: Said = run(command.args(more));
    (said.code, said.json())
}

fn of<'a>(examined: &'a Value, id: &str) -> &'a Value {
    let found = examined["findings"].as_array().unwrap();
    found
        .iter()
        .find(|finding| finding["id"] == id)
        .unwrap_or_else(|| panic!("{id}: {examined}"))
}

fn severity(examined: &Value, id: &str) -> String {
    of(examined, id)["severity"].as_str().unwrap().to_owned()
}

fn seen(examined: &Value, id: &str) -> String {
    of(examined, id)["seen"].as_str().unwrap().to_owned()
}

fn chmod(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

#[tokio::test]
async fn a_node_examines_itself_and_is_examined_from_beside() {
    let dir = tempfile::tempdir().unwrap();
    let (data, server) = (dir.path(), Server::dev(dir.path()));
    let (code, examined) = examine(data, &["--integrity"]);
    assert_eq!(code, 0, "{examined}");
    for id in [
        "database.integrity",
        "database.schema",
        "database.log",
        "disk",
        "files.database",
        "files.secrets",
        "keys.signing",
        "ports.operator",
        "clock.history",
        "queue.messages",
    ] {
        assert_eq!(severity(&examined, id), "ok", "{}", of(&examined, id));
    }
    // Which ports the server got, this one cannot know, and says so.
    let configured = seen(&examined, "ports.operator");
    assert!(
        configured.starts_with("by the configuration ("),
        "{configured}"
    );
    // `doorward dev` is not what `serve` would run.
    assert_eq!(severity(&examined, "settings"), "warn");

    let mut command = doorward();
    let made = [
        "admin-key",
        "create",
        "--name",
        "x",
        "--scope",
        "metrics:read",
        "--json",
    ];
    let key = run(command.args(made).arg("--data-dir").arg(data))
        .ok()
        .json();
    let request = server.http.get(format!("{}/admin/doctor", server.operator));
    let request = request.header("x-admin-key", key["admin_key"].as_str().unwrap());
    let examined: Value = request.send().await.unwrap().json().await.unwrap();
    assert_eq!(severity(&examined, "ports.operator"), "ok");
    let own = seen(&examined, "ports.operator");
    let listens = server.operator.trim_start_matches("http://");
    assert!(
        own.contains(listens) && !own.contains("configuration"),
        "{own}"
    );
    assert!(
        of(&examined, "limits.open_files")["seen"].is_string(),
        "{examined}"
    );
    assert_eq!(
        severity(&examined, "maintenance"),
        "ok",
        "{}",
        of(&examined, "maintenance")
    );
    assert_eq!(examined["severity"], "warn", "the settings again");

    // What others can read is a failure, and what to do is said.
    chmod(&data.join("doorward.db"), 0o644);
    chmod(&data.join("master.key"), 0o644);
    let (code, examined) = examine(data, &[]);
    assert_eq!((code, &examined["severity"]), (1, &json!("fail")));
    assert_eq!(severity(&examined, "files.secrets"), "fail");
    let advice = of(&examined, "files.secrets")["advice"].as_str().unwrap();
    assert!(advice.contains("chmod 600"), "{advice}");
    // The database is closed by whoever opens it, this command among them.
    assert_eq!(severity(&examined, "files.database"), "warn");
    let text = seen(&examined, "files.database");
    assert!(text.contains("has closed it"), "{text}");
    let (_, again) = examine(data, &[]);
    assert_eq!(severity(&again, "files.database"), "ok");
    chmod(&data.join("master.key"), 0o600);
    let human = run(doorward().args(["doctor", "--data-dir"]).arg(data)).ok();
    assert!(human.out.contains("\nok    disk: "), "{}", human.out);
}

#[test]
fn what_cannot_be_opened_is_a_finding_too() {
    let dir = tempfile::tempdir().unwrap();
    let (code, examined) = examine(dir.path(), &["--integrity"]);
    assert_eq!(code, 1);
    assert_eq!(severity(&examined, "deployment"), "fail");
    assert_eq!(severity(&examined, "database.integrity"), "fail");

    Server::dev(dir.path()).stop();
    let path = dir.path().join("doorward.db");
    let mut bytes = std::fs::read(&path).unwrap();
    let from = bytes.len() - 8_192;
    bytes[from..].fill(0x77);
    std::fs::write(&path, bytes).unwrap();
    let (code, examined) = examine(dir.path(), &["--integrity"]);
    assert_eq!(
        (code, severity(&examined, "database.integrity").as_str()),
        (1, "fail")
    );
}

/// The operator face on every address of the machine.
#[test]
fn an_operator_face_that_others_reach_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = doorward();
    command
        .env("DOORWARD_ADMIN_HOST", "0.0.0.0")
        .env("DOORWARD_ADMIN_PORT", "1");
    let said = run(command
        .args(["doctor", "--json", "--data-dir"])
        .arg(dir.path()));
    let port = of(&said.json(), "ports.operator").clone();
    assert!(port["seen"].as_str().unwrap().contains("0.0.0.0"), "{port}");
    assert_ne!(port["severity"], "ok");
}

/// Somebody else's program: it answers every request with an error page.
fn somebody_else() -> u16 {
    use std::io::{Read as _, Write as _};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let answer = "HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n{\"status\":\"up\"}";
            // Who only looks whether somebody listens hangs up.
            drop(stream.read(&mut [0; 1024]));
            drop(stream.write_all(answer.as_bytes()));
        }
    });
    port
}

#[test]
fn who_is_at_the_ports_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::dev(dir.path());
    let port = |url: &str| url.rsplit_once(':').unwrap().1.to_owned();
    let on = |public: &str, operator: &str| {
        examine_with(dir.path(), &[], |command| {
            command
                .env("DOORWARD_PORT", public)
                .env("DOORWARD_ADMIN_PORT", operator);
        })
    };
    let (ours, operators) = (port(&server.public), port(&server.operator));
    let (code, examined) = on(&ours, &operators);
    assert_eq!(code, 0, "{examined}");
    for id in ["ports.public", "ports.operator"] {
        let seen = seen(&examined, id);
        assert!(seen.contains("a Doorward answers"), "{seen}");
    }
    server.stop();
    let (code, examined) = on(&ours, &operators);
    assert_eq!(code, 0, "{examined}");
    assert!(seen(&examined, "ports.public").contains("is free"));

    let (one, other) = (somebody_else().to_string(), somebody_else().to_string());
    let (code, examined) = on(&one, &other);
    assert_eq!(code, 1, "{examined}");
    for (id, setting) in [
        ("ports.public", "DOORWARD_PORT"),
        ("ports.operator", "DOORWARD_ADMIN_PORT"),
    ] {
        let found = of(&examined, id);
        let text = found["seen"].as_str().unwrap();
        assert!(text.contains("not Doorward"), "{text}");
        let advice = found["advice"].as_str().unwrap();
        assert!(advice.contains(setting), "{advice}");
    }
    let (code, checked) = check(|command| {
        command
            .env("DATABASE_URL", "sqlite:/tmp/doorward-is-not-here.db")
            .env("DOORWARD_PORT", &one);
    });
    assert_eq!(code, 1, "{checked}");
    assert_eq!(tried(&checked, "public port")["ok"], false, "{checked}");
    assert_eq!(tried(&checked, "operator port")["ok"], true, "{checked}");

    // An address that is another machine's.
    let (code, examined) = examine_with(dir.path(), &[], |command| {
        command
            .env("DOORWARD_HOST", "192.0.2.7")
            .env("DOORWARD_PORT", "8080");
    });
    assert_eq!(code, 1, "{examined}");
    let advice = of(&examined, "ports.public")["advice"].as_str().unwrap();
    assert!(advice.contains("DOORWARD_HOST"), "{advice}");
}

#[test]
fn what_keeps_a_deployment_shut_is_told_with_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    Server::dev(dir.path()).stop();
    std::fs::write(dir.path().join("master.key"), MASTER_KEY).unwrap();
    let (code, examined) = examine(dir.path(), &[]);
    assert_eq!(code, 1, "{examined}");
    let found = of(&examined, "keys.master");
    let text = found["seen"].as_str().unwrap();
    assert!(
        text.contains("(MASTER_KEY)") && !text.contains("our side"),
        "{text}"
    );
    let advice = found["advice"].as_str().unwrap();
    assert!(
        advice.contains("DOORWARD_MASTER_KEY_FILE") && advice.contains("--data-dir"),
        "{advice}"
    );
    let said = run(doorward()
        .args(["app", "list", "--json", "--data-dir"])
        .arg(dir.path()));
    assert_eq!(said.code, 1);
    let error: Value = serde_json::from_str(&said.err).unwrap();
    assert_eq!(error["error"], "MASTER_KEY", "{error}");
    assert!(error["advice"].is_string(), "{error}");

    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = closed.local_addr().unwrap().port();
    drop(closed);
    let url = format!("postgres://nobody@127.0.0.1:{port}/x");
    let mut command = doorward();
    command
        .env("DOORWARD_DATABASE_URL", &url)
        .env("DOORWARD_PORT", "0")
        .env("DOORWARD_ADMIN_PORT", "0");
    let said = run(command.args(["doctor", "--json"]));
    assert_eq!(said.code, 1);
    assert_eq!(said.err, "", "each attempt is not told");
    let examined = said.json();
    let found = of(&examined, "database.reach");
    let advice = found["advice"].as_str().unwrap();
    assert!(
        advice.contains("DOORWARD_DATABASE_URL") && advice.contains(&format!("127.0.0.1:{port}")),
        "{advice}"
    );
}

fn check(change: impl FnOnce(&mut std::process::Command)) -> (i32, Value) {
    let mut command = doorward();
    command
        .args(["config", "check", "--connect", "--json"])
        .env("DOORWARD_PUBLIC_URL", "https://auth.example.com")
        .env("DOORWARD_MASTER_KEY", MASTER_KEY)
        .env("DOORWARD_TRUSTED_PROXIES", "127.0.0.1")
        .env("DOORWARD_HEALTH_SECRET", "a4c1e05f3b9d4268")
        .env("DOORWARD_PORT", "0")
        .env("DOORWARD_ADMIN_PORT", "0");
    change(&mut command);
    let said = run(&mut command);
    (said.code, said.json())
}

fn tried<'a>(checked: &'a Value, what: &str) -> &'a Value {
    let tried = checked["connections"].as_array().unwrap();
    tried
        .iter()
        .find(|tried| tried["to"] == what)
        .unwrap_or_else(|| panic!("{what}: {checked}"))
}

#[test]
fn connections_are_tried_when_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", dir.path().join("new.db").display());
    let (code, checked) = check(|command| {
        command.env("DATABASE_URL", &url);
    });
    assert_eq!(code, 0, "{checked}");
    assert_eq!(tried(&checked, "database")["ok"], true);
    assert!(!dir.path().join("new.db").exists(), "looking makes nothing");

    // Nobody listens at either of them.
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = closed.local_addr().unwrap().port();
    drop(closed);
    let (code, checked) = check(|command| {
        command
            .env(
                "DATABASE_URL",
                format!("postgres://nobody@127.0.0.1:{port}/x"),
            )
            .env("DOORWARD_SMTP_HOST", "127.0.0.1")
            .env("DOORWARD_SMTP_PORT", port.to_string())
            .env("DOORWARD_SMTP_FROM", "a@example.com");
    });
    assert_eq!(code, 1, "{checked}");
    for what in ["database", "smtp"] {
        assert_eq!(tried(&checked, what)["ok"], false, "{checked}");
        assert!(tried(&checked, what)["seen"].is_string());
    }

    // A database whose keys the configured master key does not open.
    drop(Server::dev(dir.path()));
    let url = format!("sqlite:{}", dir.path().join("doorward.db").display());
    let (code, checked) = check(|command| {
        command.env("DATABASE_URL", &url);
    });
    assert_eq!(code, 1, "{checked}");
    let why = tried(&checked, "database")["seen"].as_str().unwrap();
    assert!(why.contains("master key"), "{why}");
}
