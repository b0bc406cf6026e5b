//! `doorward license`, beside a running server.

use std::path::Path;

use serde_json::{Value, json};

use crate::support::{App, Deployment, Said, Server, doorward_at, on_both_engines, run};

on_both_engines!(
    a_licence_from_the_order_to_its_end,
    batches_users_and_what_is_wrong,
);

fn cli(data: &Path, arguments: &[&str]) -> Said {
    let mut command = doorward_at(data);
    run(command
        .args(arguments)
        .args(["--app", "demo"])
        .arg("--data-dir")
        .arg(data))
}

fn cli_json(data: &Path, arguments: &[&str]) -> Value {
    let mut with_json = arguments.to_vec();
    with_json.push("--json");
    cli(data, &with_json).ok().json()
}

fn text(value: &Value) -> String {
    value
        .as_str()
        .unwrap_or_else(|| panic!("{value}"))
        .to_owned()
}

async fn ask(server: &Server, app: &App, path: &str, mut body: Value) -> (u16, Value) {
    body["app_id"] = json!(app.id);
    body["app_secret"] = json!(app.secret);
    server.post(path, body).await
}

async fn a_licence_from_the_order_to_its_end(dir: Deployment) {
    let (data, server) = (dir.path(), Server::dev(dir.path()));
    let app = App::of(&server.ready);
    let empty = cli(data, &["license", "list"]).ok().out;
    assert!(empty.contains("doorward license generate"), "{empty}");

    let made = cli_json(
        data,
        &[
            "license",
            "generate",
            "--label",
            "Order 7",
            "--issued-to",
            "Ada",
            "--max-activations",
            "2",
            "--expires",
            "30d",
            "--entitlement",
            "seats=5",
            "--entitlement",
            "export=true",
            "--metadata",
            r#"{"order": 7}"#,
        ],
    );
    let (id, key) = (text(&made["license_id"]), text(&made["license_key"]));
    assert!(key.starts_with("DEMO-"), "{made}");

    // What the API gives, the command line shows.
    let device = json!({"license_key": key, "device_id": "laptop", "device_label": "Laptop"});
    let (status, activated) = ask(&server, &app, "/license/activate", device.clone()).await;
    assert_eq!(status, 201, "{activated}");
    let shown = cli_json(data, &["license", "show", &id]);
    assert_eq!(
        (&shown["state"], &shown["activations_used"]),
        (&json!("active"), &json!(1))
    );
    assert_eq!(
        shown["activations"][0]["activation_id"],
        activated["activation_id"]
    );
    assert_eq!(shown["entitlements"], json!({"export": true, "seats": 5}));
    assert_eq!(
        cli_json(data, &["license", "show", &key]),
        shown,
        "by its key, too"
    );
    let (_, status) = ask(&server, &app, "/license/status", json!({"license_id": id})).await;
    for field in [
        "state",
        "label",
        "expires_at",
        "metadata",
        "version",
        "updated_at",
    ] {
        assert_eq!(status[field], shown[field], "{field}");
    }

    // Changed, and found again.
    let changed = cli_json(
        data,
        &[
            "license",
            "update",
            &id,
            "--expires",
            "never",
            "--max-activations",
            "1",
            "--label",
            "",
            "--entitlement",
            "seats=null",
            "--metadata",
            r#"{"paid": true}"#,
        ],
    );
    assert_eq!(
        (&changed["expires_at"], &changed["label"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(changed["entitlements"], json!({"export": true}));
    assert_eq!(changed["metadata"], json!({"order": 7, "paid": true}));
    let found = cli_json(
        data,
        &["license", "list", "--issued-to", "Ada", "--state", "full"],
    );
    assert_eq!(found["items"][0]["license_id"], json!(id));
    let none = cli_json(data, &["license", "list", "--state", "expired"]);
    assert_eq!(none["items"], json!([]));

    // Suspended, resumed, revealed, released, deactivated, revoked.
    cli(data, &["license", "suspend", &id, "--reason", "not paid"]).ok();
    let (_, refused) = ask(&server, &app, "/license/verify", device.clone()).await;
    assert_eq!(refused["error"], "LICENSE_SUSPENDED");
    cli(data, &["license", "resume", &id]).ok();
    assert_eq!(
        ask(&server, &app, "/license/verify", device.clone())
            .await
            .0,
        200
    );
    let revealed = cli_json(data, &["license", "reveal", &id, "--reason", "lost mail"]);
    assert_eq!(revealed["license_key"], json!(key));
    let activation = text(&activated["activation_id"]);
    let released = cli_json(data, &["license", "release", &id, "--device", &activation]);
    assert!(released["slot_free_at"].is_string(), "{released}");
    let cooling = cli(data, &["license", "show", &id]).ok().out;
    assert!(
        cooling.contains(&text(&released["slot_free_at"])),
        "{cooling}"
    );
    let after = cli_json(
        data,
        &["license", "deactivate", &id, "--device", &activation],
    );
    assert_eq!(
        (&after["state"], &after["activations"]),
        (&json!("issued"), &json!([]))
    );
    let again = cli(
        data,
        &[
            "license",
            "deactivate",
            &id,
            "--device",
            &activation,
            "--json",
        ],
    );
    assert_eq!(again.code, 1);
    assert!(again.err.contains("LICENSE_NOT_ACTIVATED"), "{}", again.err);
    assert_eq!(cli(data, &["license", "revoke", &id]).code, 2);
    let unasked = cli(data, &["license", "revoke", &id, "--reason", "refunded"]);
    assert!(
        unasked.code == 2 && unasked.err.contains("--yes"),
        "{}",
        unasked.err
    );
    let version = cli_json(data, &["license", "show", &id])["version"].to_string();
    let update = |version: &str| {
        cli(
            data,
            &[
                "license",
                "update",
                &id,
                "--label",
                "again",
                "--if-version",
                version,
            ],
        )
    };
    assert!(update("99").err.contains("(CONFLICT)"));
    update(&version).ok();
    let meant = ["license", "revoke", &id, "--reason", "refunded", "--yes"];
    let revoked = cli(data, &meant).ok().out;
    assert!(revoked.contains("revoked (refunded)"), "{revoked}");
    assert_eq!(cli(data, &meant).code, 1);
    let (_, refused) = ask(&server, &app, "/license/verify", device).await;
    assert_eq!(refused["error"], "LICENSE_REVOKED");
}

async fn batches_users_and_what_is_wrong(dir: Deployment) {
    let (data, server) = (dir.path(), Server::dev(dir.path()));
    let app = App::of(&server.ready);
    let batch = cli_json(data, &["license", "generate", "--count", "3"]);
    assert_eq!(
        batch["licenses"].as_array().map(Vec::len),
        Some(3),
        "{batch}"
    );
    let listed = cli(data, &["license", "generate", "--count", "2"]).ok().out;
    assert_eq!(listed.lines().count(), 3, "{listed}");
    assert_eq!(
        cli_json(data, &["license", "list"])["items"]
            .as_array()
            .map(Vec::len),
        Some(5)
    );

    let (_, ada) = server.sign_in(&app, "ada@example.com").await;
    let user = ["--user", "ada@example.com", "--entitlement", "export=true"];
    let mine = cli_json(data, &[&["license", "generate"], user.as_slice()].concat());
    assert_eq!(mine["license_key"], Value::Null);
    let found = cli_json(data, &["license", "list", "--user", "ada@example.com"]);
    assert_eq!(found["items"][0]["user_id"], ada["user_id"]);
    let id = text(&mine["license_id"]);
    let keyless = cli(data, &["license", "reveal", &id, "--reason", "why"]);
    assert_eq!(keyless.code, 1, "{}", keyless.err);

    for (arguments, code) in [
        (["generate", "--entitlement", "export=yes"].as_slice(), 2),
        (&["generate", "--entitlement", "Export=true"], 2),
        (&["generate", "--metadata", "[]"], 2),
        (&["generate", "--expires", "soon"], 2),
        (&["generate", "--user", "nobody@example.com"], 1),
        (&["generate", "--count", "501"], 1),
        (&["list", "--state", "lost"], 2),
        (&["show", "DEMO-0000-0000-0000-0000"], 1),
        (&["deactivate", &id, "--device", "laptop"], 2),
    ] {
        let said = cli(data, &[&["license"], arguments].concat());
        assert_eq!(said.code, code, "{arguments:?}: {}", said.err);
    }
}
