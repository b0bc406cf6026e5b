//! `doorward limit` and `doorward maintenance`, beside a running server.

use serde_json::{Value, json};

use crate::support::{
    App, Deployment, Server, cli, cli_json, count, last_event, on_both_engines, refused,
    within_a_second,
};

on_both_engines!(a_limit_is_set_shown_and_cleared,);

const ADA: &str = "ada@example.com";

fn limit<'a>(list: &'a Value, name: &str) -> &'a Value {
    let items = list["items"].as_array().unwrap();
    let found = items.iter().find(|item| item["name"] == name);
    found.unwrap_or_else(|| panic!("no {name} in {list}"))
}

async fn a_limit_is_set_shown_and_cleared(dir: Deployment) {
    let (data, server) = (dir.path(), Server::dev(dir.path()));
    let app = App::of(&server.ready);
    let set = |rule| ["limit", "set", "otp_per_contact", rule, "--app", "demo"];
    let before = cli_json(data, &["app", "show", "demo"])["settings"]["limits"].clone();
    let done = cli(data, &set("2/600")).ok().out;
    assert!(done.contains("within a second"), "{done}");
    let mut expected = before.clone();
    expected["otp_per_contact"] = json!({ "max": 2, "seconds": 600 });
    let people = cli(data, &["app", "show", "demo"]).ok().out;
    assert!(
        people.contains("\n  limits.otp_per_contact.max = "),
        "{people}"
    );
    assert!(people.lines().all(|line| line.len() <= 80), "{people}");
    let after = cli_json(data, &["app", "show", "demo"])["settings"]["limits"].clone();
    assert_eq!(after, expected, "this one, and no other");

    // The running server keeps it.
    let refuses = async || {
        let (status, answer) = server.send_otp(&app, ADA).await;
        assert!(
            status == 200 || answer["error"] == "OTP_RATE_LIMITED",
            "{answer}"
        );
        status == 429
    };
    within_a_second("the limit holds", refuses).await;
    let show = ["limit", "show", "--app", "demo", "--contact", ADA];
    let shown = cli_json(data, &show);
    let sends = limit(&shown, "otp_per_contact");
    assert_eq!((&sends["max"], &sends["used"]), (&json!(2), &json!(2)));
    assert!(sends["retry_after"].as_i64() > Some(500), "{sends}");
    let people = cli(data, &show).ok().out;
    assert!(
        people.starts_with("LIMIT") && people.contains("2 in 600 s"),
        "{people}"
    );
    let other = [
        "limit",
        "show",
        "--app",
        "demo",
        "--contact",
        "bob@example.com",
    ];
    assert_eq!(limit(&cli_json(data, &other), "otp_per_contact")["used"], 0);
    let whole = cli_json(data, &["limit", "show", "--app", "demo"]);
    assert!(whole["items"].as_array().unwrap().len() > 1, "{whole}");
    cli(
        data,
        &["limit", "show", "--app", "demo", "--address", "203.0.113.7"],
    )
    .ok();

    let clear = ["limit", "clear", "--app", "demo", "--contact", ADA];
    let said = cli(data, &clear).ok().out;
    assert_eq!(said, "Forgotten: the next call is allowed.\n");
    assert_eq!(server.send_otp(&app, ADA).await.0, 200);
    let event = last_event(data, "limits.cleared");
    assert!(
        event["details"]["limits"]
            .to_string()
            .contains("otp_per_contact"),
        "{event}"
    );
    assert!(!event["details"].to_string().contains(ADA), "{event}");
    assert_eq!(cli_json(data, &clear), json!({ "success": true }));

    cli(data, &set("null")).ok();
    let after = cli_json(data, &["app", "show", "demo"])["settings"]["limits"].clone();
    assert_eq!(after, before);
}

#[tokio::test]
async fn what_is_no_limit_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (data, server) = (dir.path(), Server::dev(dir.path()));
    let demo = ["--app", "demo"];
    for (wrong, expected) in [
        (&["limit", "set", "otp_per_contact", "5"][..], (2, "USAGE")),
        (&["limit", "set", "otp_per_contact", "-5/60"], (2, "USAGE")),
        (
            &["limit", "set", "otp_per_contact", "0/60"],
            (1, "VALIDATION_ERROR"),
        ),
        (
            &["limit", "set", "per_galaxy", "5/60"],
            (1, "VALIDATION_ERROR"),
        ),
        (&["limit", "show", "--contact", "ada"], (2, "USAGE")),
        (&["limit", "show", "--address", "localhost"], (2, "USAGE")),
        (&["limit", "show", "--license", "7"], (2, "USAGE")),
        (
            &["limit", "show", "--contact", ADA, "--address", "::1"],
            (2, "USAGE"),
        ),
        // The app's own limits protect the platform.
        (&["limit", "clear"], (2, "USAGE")),
    ] {
        let (code, error) = refused(data, &[wrong, &demo].concat());
        assert_eq!((code, error.as_str()), expected, "{wrong:?}");
    }
    let nowhere = ["limit", "clear", "--contact", ADA, "--app", "nowhere"];
    assert_eq!(refused(data, &nowhere), (1, "APP_NOT_FOUND".to_owned()));
    drop(server);
}

#[tokio::test]
async fn maintenance_is_run_and_tells_when_it_ran() {
    let dir = tempfile::tempdir().unwrap();
    let (data, server) = (dir.path(), Server::dev(dir.path()));
    let app = App::of(&server.ready);
    server.send_otp(&app, ADA).await;
    server.stop();
    // What is dead is gone afterwards; what lives stays.
    let database = rusqlite::Connection::open(data.join("doorward.db")).unwrap();
    database
        .execute(
            "INSERT INTO idempotency_keys (key_hash, expires_at) VALUES (randomblob(32), 1)",
            [],
        )
        .unwrap();
    drop(database);
    let ran = cli_json(data, &["maintenance", "run"]);
    assert_eq!(ran["ran"], true, "{ran}");
    assert!(ran["deleted"].as_i64() >= Some(1), "{ran}");
    assert_eq!(count(data, "SELECT COUNT(*) FROM idempotency_keys"), 0);
    assert_eq!(count(data, "SELECT COUNT(*) FROM otp_requests"), 1);
    let event = last_event(data, "maintenance.run");
    assert_eq!(event["actor"]["type"], "cli");

    let status = cli_json(data, &["maintenance", "status"]);
    assert_eq!(status["last_run_at"], status["last_ok_at"], "{status}");
    assert!(status["last_ok_at"].is_string() && status["interval_seconds"].is_number());
    let people = cli(data, &["maintenance", "status"]).ok().out;
    assert!(
        people.contains(status["last_ok_at"].as_str().unwrap()),
        "{people}"
    );
    let people = cli(data, &["maintenance", "run"]).ok().out;
    assert_eq!(
        people, "Removed 0 dead rows.\n",
        "it may run as often as one likes"
    );
    assert_eq!(
        refused(data, &["maintenance", "walk"]),
        (2, "USAGE".to_owned())
    );
}
