//! `doorward session`, beside a running server.

use serde_json::{Value, json};

use crate::support::{
    App, Deployment, Server, cli, cli_json, count, last_event, on_both_engines, refused,
};

on_both_engines!(
    sessions_are_listed_shown_and_ended,
    what_is_no_session_is_refused,
);

async fn alive(server: &Server, app: &App, tokens: &mut Value) -> bool {
    let body = json!({
        "app_id": app.id, "app_secret": app.secret, "refresh_token": tokens["refresh_token"],
    });
    let (status, answer) = server.post("/auth/refresh", body).await;
    if status == 200 {
        *tokens = answer;
    } else {
        assert_eq!((status, &answer["error"]), (401, &json!("TOKEN_REVOKED")));
    }
    status == 200
}

fn ids(list: &Value) -> Vec<String> {
    let items = list["items"].as_array().unwrap();
    items
        .iter()
        .map(|item| item["session_id"].as_str().unwrap().to_owned())
        .collect()
}

async fn sessions_are_listed_shown_and_ended(dir: Deployment) {
    let (data, server) = (dir.path(), Server::dev(dir.path()));
    let app = App::of(&server.ready);
    let (_, mut phone) = server.sign_in(&app, "ada@example.com").await;
    let (_, mut laptop) = server.sign_in(&app, "ada@example.com").await;
    let (_, mut bob) = server.sign_in(&app, "bob@example.com").await;

    let list = ["session", "list", "ada@example.com", "--app", "demo"];
    let found = cli_json(data, &list);
    let both = ids(&found);
    assert_eq!(both.len(), 2);
    assert!(both[0] > both[1], "newest first");
    assert_eq!(found["items"][0]["user_id"], laptop["user_id"]);
    assert_eq!(found["items"][0]["state"], "active");
    assert_eq!(found["items"][0]["end_reason"], Value::Null);
    let one = cli_json(data, &[&list[..], &["--limit", "1"]].concat());
    assert_eq!(ids(&one), both[..1]);
    let people = cli(data, &list).ok().out;
    assert!(
        people.starts_with("SESSION ID") && people.contains(&both[1]),
        "{people}"
    );

    let show = ["session", "show", &both[0], "--app", "demo"];
    assert_eq!(cli_json(data, &show), found["items"][0]);
    let people = cli(data, &show).ok().out;
    assert!(people.contains("state") && people.contains("active"));

    // One of them.
    let end = ["session", "end", &both[0], "--app", "demo"];
    let said = cli(data, &[&end[..], &["--reason", "lost laptop"]].concat());
    assert_eq!(said.ok().out, "Ended: 1 session(s).\n");
    let again = cli(data, &end).ok().out;
    assert!(again.contains("nothing was left to end"), "{again}");
    assert_eq!(cli_json(data, &end), json!({ "sessions_revoked": 0 }));
    let which = cli(data, &["session", "end", "--app", "demo"]);
    assert_eq!(which.code, 2);
    assert!(which.err.contains("--user USER"), "{}", which.err);
    assert!(!alive(&server, &app, &mut laptop).await);
    assert!(alive(&server, &app, &mut phone).await);
    let shown = cli_json(data, &show);
    assert_eq!(shown["state"], "ended", "{shown}");
    assert!(shown["ended_at"].is_string() && shown["end_reason"].is_string());
    let event = last_event(data, "session.revoked");
    assert_eq!(
        (&event["details"]["reason"], &event["actor"]["type"]),
        (&json!("lost laptop"), &json!("cli"))
    );

    // All of hers, and nobody else's.
    let user = found["items"][0]["user_id"].as_str().unwrap();
    let all = ["session", "end", "--user", user, "--app", "demo"];
    assert_eq!(cli_json(data, &all), json!({ "sessions_revoked": 1 }));
    assert!(!alive(&server, &app, &mut phone).await);
    assert!(alive(&server, &app, &mut bob).await);
    assert_eq!(cli_json(data, &all), json!({ "sessions_revoked": 0 }));
    assert_eq!(
        count(data, "SELECT COUNT(*) FROM sessions WHERE ended_at IS NULL"),
        1
    );
}

async fn what_is_no_session_is_refused(dir: Deployment) {
    let (data, server) = (dir.path(), Server::dev(dir.path()));
    let app = App::of(&server.ready);
    let (_, mut ada) = server.sign_in(&app, "ada@example.com").await;
    cli(
        data,
        &["app", "create", "--name", "Other", "--slug", "other"],
    )
    .ok();
    let list = cli_json(
        data,
        &["session", "list", "ada@example.com", "--app", "demo"],
    );
    let id = ids(&list).remove(0);
    let nobody = "018f3c2e-7c1a-7b3e-9d2f-0123456789ab";

    for (wrong, expected) in [
        (
            &["session", "list", "ada@example.com", "--app", "other"][..],
            (1, "USER_NOT_FOUND"),
        ),
        (
            &["session", "list", nobody, "--app", "demo"],
            (1, "USER_NOT_FOUND"),
        ),
        (&["session", "list", "ada", "--app", "demo"], (2, "USAGE")),
        (
            &["session", "list", "ada@example.com", "--app", "none"],
            (1, "APP_NOT_FOUND"),
        ),
        (&["session", "show", "7", "--app", "demo"], (2, "USAGE")),
        (
            &["session", "show", nobody, "--app", "demo"],
            (1, "NOT_FOUND"),
        ),
        // Another app's operator command does not reach it either.
        (
            &["session", "show", &id, "--app", "other"],
            (1, "NOT_FOUND"),
        ),
        (&["session", "end", &id, "--app", "other"], (1, "NOT_FOUND")),
        (&["session", "end", "7", "--app", "demo"], (2, "USAGE")),
        (&["session", "end", "--app", "demo"], (2, "USAGE")),
        (
            &[
                "session",
                "end",
                &id,
                "--user",
                "ada@example.com",
                "--app",
                "demo",
            ],
            (2, "USAGE"),
        ),
        (
            &["session", "end", &id, "--app", "demo", "--reason", "x"],
            (2, "USAGE"),
        ),
    ] {
        let (code, error) = refused(data, wrong);
        assert_eq!((code, error.as_str()), expected, "{wrong:?}");
    }
    assert!(alive(&server, &app, &mut ada).await);
    let none = cli(
        data,
        &[
            "user",
            "create",
            "--email",
            "bob@example.com",
            "--app",
            "demo",
        ],
    );
    none.ok();
    let empty = cli(
        data,
        &["session", "list", "bob@example.com", "--app", "demo"],
    );
    assert_eq!(empty.ok().out, "The user has no session.\n");
}
