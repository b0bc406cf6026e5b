//! `doorward delivery`: who carries an app's messages, with a real mail server at the other end.

use std::path::Path;

use doorward_testkit::smtp::{MailServer, python};
use serde_json::{Value, json};

use crate::support::{
    Deployment, Said, Server, cli, cli_json, count, doorward, doorward_at, last_event,
    on_both_engines, refused, run,
};

on_both_engines!(providers_are_set_shown_tested_and_given_up,);

const SECRET: &str = "correct-horse-battery";

/// Writes a file of providers.
fn file(data: &Path, providers: &Value) -> String {
    let path = data.join("providers.json");
    std::fs::write(&path, providers.to_string()).unwrap();
    path.to_str().unwrap().to_owned()
}

fn smtp(port: u16) -> Value {
    json!([{
        "id": "main", "kind": "smtp", "host": "127.0.0.1", "port": port, "tls": "none",
        "from_address": "no-reply@shop.example", "from_name": "The shop",
    }])
}

/// Runs a command where the deployment permits its apps these networks beside the Internet.
fn where_permitted(data: &Path, arguments: &[&str], networks: &str) -> Said {
    run(doorward_at(data)
        .args(arguments)
        .args(["--app", "demo", "--json", "--data-dir"])
        .arg(data)
        .env("DOORWARD_DELIVERY_NETWORKS", networks))
}

/// What `delivery test` gives: its exit code, results and errors.
fn try_it(data: &Path, to: &str, networks: &str) -> (i32, Value, String) {
    let said = where_permitted(data, &["delivery", "test", to], networks);
    let results = serde_json::from_str(&said.out).unwrap_or_default();
    (said.code, results, said.err)
}

async fn providers_are_set_shown_tested_and_given_up(dir: Deployment) {
    let Some(python) = python() else {
        return;
    };
    let mail = MailServer::start(&python, &[]);
    let (data, server) = (dir.path(), Server::dev(dir.path()));
    let show = ["delivery", "show", "--app", "demo"];
    let people = cli(data, &show).ok().out;
    assert!(people.contains("the deployment's sender"), "{people}");

    let path = file(data, &smtp(mail.port));
    let set = [
        "delivery",
        "set",
        "email",
        "--file",
        &path,
        "--if-version",
        "0",
    ];
    let said = where_permitted(data, &set, "");
    assert_eq!(said.code, 1, "no host inside, where none is permitted");
    assert!(said.err.contains("providers.0"), "{}", said.err);
    let first = where_permitted(data, &set, "127.0.0.0/8").ok().json();
    assert_eq!(first["items"][0]["providers"][0]["host"], "127.0.0.1");
    let late = where_permitted(data, &set, "127.0.0.0/8");
    assert!(
        late.code == 1 && late.err.contains("CONFLICT"),
        "{}",
        late.err
    );
    assert_eq!(last_event(data, "delivery.changed")["actor"]["type"], "cli");

    let (code, results, _) = try_it(data, "ada@example.com", "127.0.0.0/8");
    assert_eq!(code, 0, "{results}");
    assert_eq!(results["results"][0]["provider"], "main");
    assert_eq!(results["results"][0]["accepted"], true);
    let received = mail.received();
    assert_eq!(received.0["rcpt_tos"], json!(["ada@example.com"]));
    assert_eq!(received.header("From"), "The shop <no-reply@shop.example>");
    assert!(received.part("text/plain").contains("It holds no code"));
    assert_eq!(last_event(data, "delivery.tested")["target"]["id"], "email");

    // The other side's refusal says which step, and is exit code 1.
    let (code, results, error) = try_it(data, "permanent@example.com", "127.0.0.0/8");
    assert_eq!(
        (code, &results["results"][0]["accepted"]),
        (1, &json!(false))
    );
    assert!(
        results["results"][0]["failed_step"].is_string(),
        "{results}"
    );
    assert!(error.contains("NOT_ACCEPTED"), "{error}");
    assert!(!results.to_string().contains("permanent@"), "{results}");
    // And so is a host inside, where the deployment names no such network.
    let (code, results, _) = try_it(data, "ada@example.com", "");
    assert_eq!(code, 1, "{results}");
    mail.assert_nothing_received();

    let reset = ["delivery", "reset", "email", "--app", "demo"];
    let said = cli(data, &reset).ok().out;
    assert_eq!(said, "Done. The deployment's own sender is used again.\n");
    assert_eq!(count(data, "SELECT COUNT(*) FROM delivery_settings"), 0);
    assert_eq!(refused(data, &reset), (1, "NOT_FOUND".to_owned()));
    let (code, results, _) = try_it(data, "ada@example.com", "127.0.0.0/8");
    assert_eq!(
        (code, &results["results"][0]["provider"]),
        (1, &Value::Null)
    );
    drop(server);
}

#[tokio::test]
async fn a_secret_goes_in_and_never_comes_out() {
    let dir = tempfile::tempdir().unwrap();
    let (data, server) = (dir.path(), Server::dev(dir.path()));
    let mut providers = json!([{
        "id": "main", "kind": "smtp", "host": "mail.shop.example", "username": "shop",
        "secret": SECRET, "from_address": "no-reply@shop.example",
    }]);
    let path = file(data, &providers);
    let set = ["delivery", "set", "email", "--file", &path, "--app", "demo"];
    let said = cli(data, &set).ok().out;
    assert!(said.contains("main") && !said.contains(SECRET), "{said}");
    let shown = cli_json(data, &["delivery", "show", "--app", "demo"]);
    assert!(!shown.to_string().contains(SECRET), "{shown}");
    let mail = shown["items"].as_array().unwrap();
    let mail = mail.iter().find(|item| item["channel"] == "email").unwrap();
    let secret_set_at = mail["providers"][0]["secret_set_at"].clone();
    assert!(secret_set_at.is_string(), "{mail}");
    // Sealed in the database; the log of writes holds it in no other form either.
    for name in ["doorward.db", "doorward.db-wal"] {
        let bytes = std::fs::read(data.join(name)).unwrap_or_default();
        assert!(
            !bytes
                .windows(SECRET.len())
                .any(|part| part == SECRET.as_bytes()),
            "{name}"
        );
    }
    // A provider that comes without its secret keeps it, and by standard input it works, too.
    providers[0].as_object_mut().unwrap().remove("secret");
    providers[0]["from_name"] = json!("The shop");
    let mut child = doorward()
        .args([
            "delivery",
            "set",
            "email",
            "--file",
            "-",
            "--app",
            "demo",
            "--json",
            "--data-dir",
        ])
        .arg(data)
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    std::io::Write::write_all(&mut input, providers.to_string().as_bytes()).unwrap();
    drop(input);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    let kept: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        kept["items"][0]["providers"][0]["secret_set_at"],
        secret_set_at
    );
    drop(server);
}

#[tokio::test]
async fn what_is_no_provider_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (data, server) = (dir.path(), Server::dev(dir.path()));
    let set = |providers: &Value| {
        let path = file(data, providers);
        let command = [
            "delivery", "set", "email", "--file", &path, "--app", "demo", "--json",
        ];
        let said = cli(data, &command);
        let error: Value = serde_json::from_str(&said.err).unwrap();
        let fields: Vec<String> = error["details"]
            .as_array()
            .map(|list| {
                list.iter()
                    .map(|d| d["field"].as_str().unwrap().to_owned())
                    .collect()
            })
            .unwrap_or_default();
        (
            said.code,
            error["error"].as_str().unwrap().to_owned(),
            fields,
        )
    };
    let mut two = smtp(25);
    two[0]["port"] = json!(70_000);
    two[0]["from_address"] = json!("nobody");
    two[0]["colour"] = json!("blue");
    let (code, error, fields) = set(&two);
    assert_eq!((code, error.as_str()), (1, "VALIDATION_ERROR"));
    for field in ["port", "from_address", "colour"] {
        let field = format!("providers.0.{field}");
        assert!(fields.contains(&field), "no {field} in {fields:?}");
    }
    assert_eq!(set(&json!([])).2, ["providers"]);
    assert_eq!(set(&json!("x")).0, 2);
    assert_eq!(set(&json!({ "nothing": 1 })).0, 2);
    assert_eq!(count(data, "SELECT COUNT(*) FROM delivery_settings"), 0);

    for (wrong, expected) in [
        (
            &["delivery", "set", "email", "--file", "/no/such/file"][..],
            (2, "USAGE"),
        ),
        (&["delivery", "set", "fax", "--file", "x"], (2, "USAGE")),
        (&["delivery", "test", "ada"], (2, "USAGE")),
        (&["delivery", "reset", "sms"], (1, "NOT_FOUND")),
    ] {
        let (code, error) = refused(data, &[wrong, &["--app", "demo"]].concat());
        assert_eq!((code, error.as_str()), expected, "{wrong:?}");
    }
    let nowhere = ["delivery", "show", "--app", "nowhere"];
    assert_eq!(refused(data, &nowhere), (1, "APP_NOT_FOUND".to_owned()));

    let usage = cli_json(data, &["delivery", "usage", "--app", "demo"]);
    assert!(usage.is_object(), "{usage}");

    assert_eq!(
        refused(data, &["alarm", "test"]),
        (1, "NOT_FOUND".to_owned()),
        "nobody is told"
    );
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", closed.local_addr().unwrap());
    drop(closed);
    let said = run(doorward()
        .args(["alarm", "test", "--json", "--data-dir"])
        .arg(data)
        .env("DOORWARD_ALARM_WEBHOOK_URL", &url)
        .env("DOORWARD_ALARM_WEBHOOK_SECRET", "k".repeat(32)));
    let results: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(said.code, 1, "{}", said.err);
    assert_eq!(results["results"][0]["destination"], "webhook");
    assert_eq!(results["results"][0]["failed_step"], "connect");
    assert_eq!(last_event(data, "alarm.tested")["actor"]["type"], "cli");
    drop(server);
}
