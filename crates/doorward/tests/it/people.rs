//! `doorward user`, beside a running server: found, changed, switched off, deleted, restored, read
//! out, erased.

use serde_json::{Value, json};

use crate::support::{
    App, Deployment, Server, cli, cli_json, count, last_event, on_both_engines, refused,
};

on_both_engines!(
    a_user_is_created_found_and_changed,
    a_user_is_switched_off_and_on,
    a_user_is_deleted_and_restored,
    a_user_is_read_out_and_erased,
);

const ADA: &str = "ada@example.com";
const MEANT: [&str; 3] = ["--reason", "asked for it", "--yes"];

fn at_demo<'a>(command: &[&'a str], more: &[&'a str]) -> Vec<&'a str> {
    [command, &["--app", "demo"], more].concat()
}

async fn refresh(server: &Server, app: &App, tokens: &Value) -> u16 {
    let body = json!({
        "app_id": app.id, "app_secret": app.secret, "refresh_token": tokens["refresh_token"],
    });
    server.post("/auth/refresh", body).await.0
}

async fn a_user_is_created_found_and_changed(dir: Deployment) {
    let (data, server) = (dir.path(), Server::dev(dir.path()));
    let create = ["user", "create", "--email", "Ada@Example.com"];
    let again = ["--idempotency-key", "k-1"];
    let made = cli_json(data, &at_demo(&create, &again));
    assert_eq!(made["email"], "Ada@example.com");
    assert_eq!(made["email_verified_at"], Value::Null);
    assert_eq!(cli_json(data, &at_demo(&create, &again)), made);
    assert_eq!(
        refused(data, &at_demo(&create, &[])),
        (1, "ADDRESS_TAKEN".to_owned())
    );
    let bob = ["user", "create", "--phone", "+14155552671", "--verified"];
    let bob = cli_json(data, &at_demo(&bob, &[]));
    assert!(bob["phone_verified_at"].is_string());

    // By id, address and number it is the same user.
    let id = made["user_id"].as_str().unwrap();
    for name in [id, "ADA@example.com"] {
        assert_eq!(cli_json(data, &at_demo(&["user", "show", name], &[])), made);
    }
    let people = cli(data, &at_demo(&["user", "show", "+14155552671"], &[]))
        .ok()
        .out;
    assert!(people.contains("+14155552671 (proved 20"), "{people}");

    let ids = |list: &Value| -> Vec<Value> {
        let items = list["items"].as_array().unwrap();
        items.iter().map(|user| user["user_id"].clone()).collect()
    };
    let listed = cli_json(data, &at_demo(&["user", "list"], &[]));
    assert_eq!(
        ids(&listed),
        [bob["user_id"].clone(), made["user_id"].clone()]
    );
    let one = cli_json(data, &at_demo(&["user", "list"], &["--limit", "1"]));
    assert_eq!(ids(&one), [bob["user_id"].clone()]);
    let table = cli(data, &at_demo(&["user", "list"], &["--status", "active"]))
        .ok()
        .out;
    assert!(
        table.starts_with("USER ID") && table.lines().count() == 3,
        "{table}"
    );
    let none = cli(data, &at_demo(&["user", "list"], &["--status", "deleted"]))
        .ok()
        .out;
    assert_eq!(none, "There is no such user.\n");
    for (prefix, found) in [("ADA@", &made), ("+1415", &bob)] {
        let search = cli_json(data, &at_demo(&["user", "search", prefix], &[]));
        assert_eq!(ids(&search), [found["user_id"].clone()], "{prefix}");
    }
    let none = cli_json(data, &at_demo(&["user", "search", "zoe"], &[]));
    assert_eq!(none, json!({ "items": [], "next_cursor": null }));

    let new = [
        "user",
        "update",
        ADA,
        "--email",
        "ada@new.example",
        "--verified",
    ];
    let changed = cli_json(data, &at_demo(&new, &[]));
    assert_eq!(
        (&changed["email"], &changed["version"]),
        (&json!("ada@new.example"), &json!(2))
    );
    assert!(changed["email_verified_at"].is_string());
    assert_eq!(
        last_event(data, "user.updated")["details"]["changed"],
        json!(["email"])
    );

    for (wrong, expected) in [
        (&["user", "show", ADA][..], (1, "USER_NOT_FOUND")),
        (&["user", "show", "ada"], (2, "USAGE")),
        (&["user", "create"], (1, "VALIDATION_ERROR")),
        (&["user", "create", "--email", "ada"], (2, "USAGE")),
        (&["user", "create", "--phone", "415"], (2, "USAGE")),
        (&["user", "update", id, "--verified"], (2, "USAGE")),
        (
            &["user", "update", id, "--no-email"],
            (1, "VALIDATION_ERROR"),
        ),
        (
            &["user", "update", id, "--email", "a@b.example", "--no-email"],
            (2, "USAGE"),
        ),
        (
            &["user", "update", id, "--phone", "+14155552671"],
            (1, "ADDRESS_TAKEN"),
        ),
        (&["user", "list", "--status", "gone"], (2, "USAGE")),
    ] {
        let (code, error) = refused(data, &at_demo(wrong, &[]));
        assert_eq!((code, error.as_str()), expected, "{wrong:?}");
    }
    drop(server);
}

async fn a_user_is_switched_off_and_on(dir: Deployment) {
    let (data, server) = (dir.path(), Server::dev(dir.path()));
    let app = App::of(&server.ready);
    let (_, tokens) = server.sign_in(&app, ADA).await;
    let off = at_demo(&["user", "deactivate", ADA], &["--reason", "left the firm"]);
    assert_eq!(cli_json(data, &off)["status"], "deactivated");
    assert_eq!(refresh(&server, &app, &tokens).await, 403);
    let event = last_event(data, "user.status_changed");
    assert_eq!(event["details"]["reason"], "left the firm");
    let on = at_demo(&["user", "reactivate", ADA], &[]);
    let people = cli(data, &on).ok().out;
    assert!(people.contains("active"), "{people}");
    assert_ne!(refresh(&server, &app, &tokens).await, 200, "it stays ended");
    server.sign_in(&app, ADA).await;

    // The last owner of an organization only with a reason.
    let org = ["org", "create", "--name", "Acme", "--owner", ADA];
    cli(data, &at_demo(&org, &[])).ok();
    let off = ["user", "deactivate", ADA];
    assert_eq!(
        refused(data, &at_demo(&off, &[])),
        (1, "LAST_OWNER".to_owned())
    );
    let override_it = at_demo(&off, &["--without-owner"]);
    assert_eq!(
        refused(data, &override_it),
        (1, "VALIDATION_ERROR".to_owned())
    );
    let override_it = at_demo(&off, &["--without-owner", "--reason", "closing down"]);
    assert_eq!(cli_json(data, &override_it)["status"], "deactivated");
}

async fn a_user_is_deleted_and_restored(dir: Deployment) {
    let (data, server) = (dir.path(), Server::dev(dir.path()));
    let app = App::of(&server.ready);
    let (_, tokens) = server.sign_in(&app, ADA).await;
    let delete = ["user", "delete", ADA];
    // Not by half a command.
    assert_eq!(
        refused(data, &at_demo(&delete, &[])),
        (2, "USAGE".to_owned())
    );
    let asked = cli(data, &at_demo(&delete, &["--reason", "a test"]));
    assert!(
        asked.code == 2 && asked.err.contains("add --yes"),
        "{}",
        asked.err
    );
    let named = at_demo(&delete, &["--reason", "ada@example.com asked", "--yes"]);
    assert_eq!(refused(data, &named), (2, "USAGE".to_owned()));
    assert_eq!(
        refresh(&server, &app, &tokens).await,
        200,
        "nothing happened"
    );

    let gone = cli_json(data, &at_demo(&delete, &MEANT));
    assert_eq!(gone["status"], "deleted");
    assert!(
        gone["purge_after"].as_str() > gone["deleted_at"].as_str(),
        "{gone}"
    );
    assert_eq!(
        count(data, "SELECT COUNT(*) FROM sessions WHERE ended_at IS NULL"),
        0
    );
    let event = last_event(data, "user.deleted");
    assert_eq!(event["details"]["reason"], "asked for it");
    let again = cli(data, &at_demo(&delete, &MEANT)).ok().out;
    assert!(again.contains("deleted; erased after 20"), "{again}");

    let restore = ["user", "restore", ADA];
    let back = cli_json(data, &at_demo(&restore, &["--reason", "a mistake"]));
    assert_eq!(
        (&back["status"], &back["purge_after"]),
        (&json!("active"), &Value::Null)
    );
    assert_eq!(
        last_event(data, "user.restored")["details"]["reason"],
        "a mistake"
    );
    assert_eq!(
        refused(data, &at_demo(&restore, &[])),
        (1, "CONFLICT".to_owned())
    );
    let (_, fresh) = server.sign_in(&app, ADA).await;
    assert_eq!(fresh["user_id"], tokens["user_id"]);
}

async fn a_user_is_read_out_and_erased(dir: Deployment) {
    let (data, server) = (dir.path(), Server::dev(dir.path()));
    let app = App::of(&server.ready);
    let (_, tokens) = server.sign_in(&app, ADA).await;
    let (_, bob) = server.sign_in(&app, "bob@example.com").await;
    let id = tokens["user_id"].as_str().unwrap().to_owned();

    // One JSON document, with --json or without.
    let export = ["user", "export", ADA];
    let whole = cli(data, &at_demo(&export, &[])).ok();
    let items = whole.json()["items"].as_array().unwrap().clone();
    let of = |kind: &str| items.iter().filter(|item| item["kind"] == kind).count();
    assert_eq!(
        (of("user"), of("session"), of("code")),
        (1, 1, 1),
        "{}",
        whole.out
    );
    assert!(whole.out.contains(ADA) && !whole.out.contains("bob@"));
    assert_eq!(last_event(data, "user.exported")["target"]["id"], json!(id));

    let erase = ["user", "erase", ADA];
    assert_eq!(
        refused(data, &at_demo(&erase, &[])),
        (2, "USAGE".to_owned())
    );
    assert_eq!(
        refused(data, &at_demo(&erase, &["--reason", "a test"])),
        (2, "USAGE".to_owned()),
        "there is no terminal to ask on"
    );
    let gone = cli_json(data, &at_demo(&erase, &MEANT));
    assert_eq!(
        (&gone["complete"], &gone["user"]["email"]),
        (&json!(true), &Value::Null)
    );
    assert!(gone["user"]["erased_at"].is_string());
    for sql in [
        "SELECT COUNT(*) FROM users WHERE email_canonical = 'ada@example.com'",
        "SELECT COUNT(*) FROM otp_requests WHERE contact = 'ada@example.com'",
    ] {
        assert_eq!(count(data, sql), 0, "{sql}");
    }
    assert_eq!(count(data, "SELECT COUNT(*) FROM sessions"), 1, "Bob's");
    assert_eq!(refresh(&server, &app, &bob).await, 200);
    assert_eq!(
        last_event(data, "user.erased")["details"]["reason"],
        "asked for it"
    );
    let again = cli(data, &at_demo(&["user", "erase", &id], &MEANT))
        .ok()
        .out;
    assert_eq!(again, format!("Erased. Only the id {id} is left.\n"));
    assert_eq!(
        refused(data, &at_demo(&["user", "restore", &id], &[])),
        (1, "CONFLICT".to_owned())
    );
    let (_, fresh) = server.sign_in(&app, ADA).await;
    assert_ne!(fresh["user_id"], tokens["user_id"], "somebody new");
}
