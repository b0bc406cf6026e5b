//! Commands beside a running server: what they change holds there within a second.

use std::path::Path;

use serde_json::{Value, json};

use crate::support::{
    App, Deployment, Said, Server, doorward, doorward_at, on_both_engines, run, within_a_second,
};

on_both_engines!(
    an_app_from_creation_to_its_end,
    an_admin_key_from_creation_to_its_end,
    signing_keys_rotate_without_a_restart,
    licence_keys,
    a_creating_command_may_be_repeated,
    the_audit_log_is_searched_exported_and_followed,
    statistics_are_shown,
);

fn cli(data: &Path, arguments: &[&str]) -> Said {
    let mut command = doorward_at(data);
    run(command.args(arguments).arg("--data-dir").arg(data))
}

fn cli_json(data: &Path, arguments: &[&str]) -> Value {
    let mut command = doorward_at(data);
    run(command
        .args(arguments)
        .arg("--json")
        .arg("--data-dir")
        .arg(data))
    .ok()
    .json()
}

async fn an_app_from_creation_to_its_end(dir: Deployment) {
    let (data, server) = (dir.path(), Server::dev(dir.path()));
    let made = cli_json(
        data,
        &["app", "create", "--name", "My shop", "--slug", "shop"],
    );
    let app = App::of(&made);
    assert_eq!(made["app_slug"], "shop");
    assert_eq!(made["jwt_public_key"], server.ready["jwt_public_key"]);
    server.sign_in(&app, "ada@example.com").await;

    // Settings, by slug; null restores the default.
    let shown = cli_json(
        data,
        &[
            "app",
            "update",
            "shop",
            "--name",
            "Ours",
            "--set",
            "sign_up=false",
        ],
    );
    assert_eq!(
        (&shown["name"], &shown["settings"]["sign_up"]),
        (&json!("Ours"), &json!(false))
    );
    let shown = cli_json(data, &["app", "update", &app.id, "--set", "sign_up=null"]);
    assert_eq!(shown["settings"]["sign_up"], true);
    let listed = cli_json(data, &["app", "list"]);
    assert_eq!(listed["items"].as_array().unwrap().len(), 2);

    // The old secret is dead at the very next request.
    let rotated = App::of(&cli_json(
        data,
        &[
            "app",
            "rotate-secret",
            "shop",
            "--reason",
            "a test",
            "--yes",
        ],
    ));
    assert_ne!(rotated.secret, app.secret);
    let (status, refused) = server.send_otp(&app, "a@example.com").await;
    assert_eq!((status, &refused["error"]), (401, &json!("TOKEN_INVALID")));
    assert_eq!(server.send_otp(&rotated, "b@example.com").await.0, 200);

    // Unless an overlap is chosen.
    let newest = App::of(&cli_json(
        data,
        &[
            "app",
            "rotate-secret",
            "shop",
            "--overlap-minutes",
            "5",
            "--reason",
            "a test",
            "--yes",
        ],
    ));
    assert_eq!(server.send_otp(&rotated, "c@example.com").await.0, 200);
    assert_eq!(server.send_otp(&newest, "d@example.com").await.0, 200);

    cli(
        data,
        &["app", "deactivate", "shop", "--reason", "a test", "--yes"],
    )
    .ok();
    let (status, refused) = server.send_otp(&newest, "e@example.com").await;
    assert_eq!((status, &refused["error"]), (401, &json!("TOKEN_INVALID")));
    assert_eq!(
        cli_json(data, &["app", "show", "shop"])["status"],
        "deactivated"
    );
    cli(data, &["app", "reactivate", "shop"]).ok();
    within_a_second("the app works again", async || {
        server.send_otp(&newest, "f@example.com").await.0 == 200
    })
    .await;
}

async fn an_admin_key_from_creation_to_its_end(dir: Deployment) {
    let (data, server) = (dir.path(), Server::dev(dir.path()));
    let arguments = [
        "admin-key",
        "create",
        "--name",
        "ci",
        "--scope",
        "apps:read",
        "--expires",
        "90d",
    ];
    let made = cli_json(data, &arguments);
    let key = made["admin_key"].as_str().unwrap();
    assert_eq!(made["scopes"], json!(["apps:read"]));
    let ask = async |path: &str| {
        let request = server.http.get(format!("{}{path}", server.operator));
        request
            .header("x-admin-key", key)
            .send()
            .await
            .unwrap()
            .status()
            .as_u16()
    };
    assert_eq!(ask("/admin/apps").await, 200);
    assert_eq!(ask("/metrics").await, 403);
    let listed = cli_json(data, &["admin-key", "list"]);
    assert!(!listed.to_string().contains(key), "the list holds no key");
    cli(
        data,
        &[
            "admin-key",
            "revoke",
            made["id"].as_str().unwrap(),
            "--reason",
            "a test",
            "--yes",
        ],
    )
    .ok();
    assert_eq!(ask("/admin/apps").await, 401);

    let said = cli(
        data,
        &["admin-key", "create", "--name", "x", "--scope", "apps:reed"],
    );
    assert_eq!(said.code, 2);
    assert!(said.err.contains("apps:read,"), "{}", said.err);
    let said = cli(
        data,
        &["admin-key", "create", "--name", "x", "--expires", "soon"],
    );
    assert!(
        said.code == 2 && said.err.contains("write 90d"),
        "{}",
        said.err
    );
    let past = [
        "admin-key",
        "create",
        "--name",
        "x",
        "--expires",
        "2020-01-01T00:00:00Z",
    ];
    let said = cli(data, &past);
    assert!(
        said.code == 1 && said.err.contains("Must be in the future"),
        "{}",
        said.err
    );
}

async fn signing_keys_rotate_without_a_restart(dir: Deployment) {
    let (data, server) = (dir.path(), Server::dev(dir.path()));
    let app = App::of(&server.ready);
    let (_, tokens) = server.sign_in(&app, "ada@example.com").await;
    let bearer = tokens["access_token"].as_str().unwrap().to_owned();
    let me = async || {
        let request = server.http.get(format!("{}/auth/me", server.public));
        request
            .bearer_auth(&bearer)
            .send()
            .await
            .unwrap()
            .status()
            .as_u16()
    };
    let before = cli(data, &["key", "public"]).ok().out;
    assert_eq!(
        before.trim(),
        server.ready["jwt_public_key"].as_str().unwrap()
    );
    assert!(
        cli(data, &["key", "public", "--pem"])
            .ok()
            .out
            .starts_with("-----BEGIN PUBLIC KEY")
    );

    let rotated = cli_json(data, &["key", "rotate"]);
    assert_ne!(rotated["jwt_public_key"], before.trim());
    let kid = rotated["kid"].as_str().unwrap().to_owned();
    let jwks: Value = cli(data, &["key", "public", "--jwks"]).ok().json();
    within_a_second("the server publishes the same keys", async || {
        server
            .get(format!("{}/.well-known/jwks.json", server.public))
            .await
            .1
            == jwks
    })
    .await;
    assert_eq!(me().await, 200, "tokens of the former key live on");
    let states: Vec<_> = cli_json(data, &["key", "list"])["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|key| (key["kid"] == kid, key["state"].as_str().unwrap().to_owned()))
        .collect();
    assert!(states.contains(&(true, "active".to_owned())), "{states:?}");
    assert!(
        states.contains(&(false, "retiring".to_owned())),
        "{states:?}"
    );

    let all = cli_json(data, &["key", "list"])["items"].clone();
    let newest = cli_json(data, &["key", "list", "--limit", "1"])["items"].clone();
    assert_eq!(newest, json!([all[0]]), "newest first");

    let (_, tokens) = server.sign_in(&app, "bob@example.com").await;
    cli(
        data,
        &[
            "key",
            "rotate",
            "--retire-now",
            "--reason",
            "a test",
            "--yes",
        ],
    )
    .ok();
    let leaked = tokens["access_token"].as_str().unwrap().to_owned();
    within_a_second("tokens of a leaked key are dead", async || {
        let request = server.http.get(format!("{}/auth/me", server.public));
        request
            .bearer_auth(&leaked)
            .send()
            .await
            .unwrap()
            .status()
            .as_u16()
            == 401
    })
    .await;
}

async fn licence_keys(dir: Deployment) {
    let (data, server) = (dir.path(), Server::dev(dir.path()));
    let app = App::of(&server.ready);
    let slug = cli_json(data, &["app", "show", &app.id])["app_slug"]
        .as_str()
        .unwrap()
        .to_owned();
    let shown = cli_json(data, &["license", "key", "show", "--app", &slug]);
    let published = format!("{}/apps/{}/license-keys.json", server.public, app.id);
    assert_eq!(server.get(published.clone()).await.1, shown["jwks"]);
    assert_eq!(shown["items"][0]["state"], "active");

    assert_eq!(
        cli(data, &["license", "key", "rotate", "--app", &app.id]).code,
        2
    );
    let rotate = [
        "license", "key", "rotate", "--app", &app.id, "--reason", "yearly", "--yes",
    ];
    let rotated = cli_json(data, &rotate);
    assert_ne!(rotated["kid"], shown["items"][0]["kid"]);
    assert_eq!(
        server.get(published.clone()).await.1,
        rotated["jwks"],
        "at once"
    );
    let jwks: Value = cli(data, &["license", "key", "show", "--app", &slug, "--jwks"])
        .ok()
        .json();
    assert_eq!(jwks, rotated["jwks"]);
    let human = cli(data, &["license", "key", "show", "--app", &slug])
        .ok()
        .out;
    assert!(
        human.contains("active") && human.contains("retired"),
        "{human}"
    );
}

#[tokio::test]
async fn migrations_maintenance_and_health() {
    let dir = tempfile::tempdir().unwrap();
    let (data, server) = (dir.path(), Server::dev(dir.path()));
    let status = cli_json(data, &["migrate", "--status"]);
    assert_eq!(status["up_to_date"], true);
    assert_eq!(cli_json(data, &["migrate"])["applied_now"], json!([]));
    let done = cli_json(data, &["maintenance", "run"]);
    assert!(done["ran"].is_boolean(), "{done}");
    let url = format!("{}/health", server.public);
    assert!(
        cli(data, &["health", "--url", &url])
            .ok()
            .out
            .contains("status: ok")
    );
    // The server's address is enough.
    cli(data, &["health", "--url", &server.public]).ok();
    assert_eq!(cli(data, &["health", "--url", "nonsense"]).code, 2);
    drop(server);
    let said = cli(data, &["health", "--url", &url]);
    assert!(
        said.code == 1 && said.err.contains("UNHEALTHY"),
        "{}",
        said.err
    );
}

#[test]
fn what_is_not_there_is_told_with_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let said = cli(dir.path(), &["app", "list"]);
    assert_eq!(said.code, 1);
    assert!(said.err.contains("There is no database at") && said.err.contains("doorward dev"));
    assert!(
        !dir.path().join("doorward.db").exists(),
        "looking makes nothing"
    );

    let said = run(doorward().args(["app", "list"]).current_dir(dir.path()));
    assert_eq!(said.code, 2);
    assert!(said.err.contains("--data-dir"), "{}", said.err);

    Server::dev(dir.path()).stop();
    let said = cli(dir.path(), &["app", "show", "nobody"]);
    assert!(
        said.code == 1 && said.err.contains("(APP_NOT_FOUND)"),
        "{}",
        said.err
    );
    let said = cli(dir.path(), &["app", "show", "nobody", "--json"]);
    let error: Value = serde_json::from_str(&said.err).unwrap();
    assert_eq!(error["error"], "APP_NOT_FOUND");
    let said = cli(
        dir.path(),
        &[
            "app", "create", "--name", "", "--slug", "Bad Slug", "--json",
        ],
    );
    let error: Value = serde_json::from_str(&said.err).unwrap();
    let fields: Vec<_> = error["details"]
        .as_array()
        .unwrap()
        .iter()
        .map(|d| d["field"].clone())
        .collect();
    assert_eq!((said.code, fields), (1, vec![json!("name"), json!("slug")]));
    let said = cli(
        dir.path(),
        &["app", "create", "--name", "x", "--slug", "demo"],
    );
    assert!(
        said.code == 1 && said.err.contains("(CONFLICT)"),
        "{}",
        said.err
    );
}

/// `cd project && doorward dev`, and in another terminal `doorward app list`.
#[test]
fn the_deployment_in_the_same_directory_is_found() {
    let dir = tempfile::tempdir().unwrap();
    drop(Server::dev(&dir.path().join("doorward-data")));
    let said = run(doorward().args(["app", "list"]).current_dir(dir.path())).ok();
    assert!(said.out.contains("demo"), "{}", said.out);
}

async fn a_creating_command_may_be_repeated(dir: Deployment) {
    let (data, server) = (dir.path(), Server::dev(dir.path()));
    let again = ["--idempotency-key", "run-7"];
    let with_key = |command: &[&str]| cli_json(data, &[command, &again[..]].concat());
    for (command, secret) in [
        (
            &["app", "create", "--name", "Shop", "--slug", "shop"][..],
            "app_secret",
        ),
        (
            &["app", "rotate-secret", "demo", "--reason", "test", "--yes"],
            "app_secret",
        ),
        (
            &[
                "user",
                "create",
                "--email",
                "a@example.com",
                "--app",
                "demo",
            ],
            "user_id",
        ),
        (&["admin-key", "create", "--name", "ci"], "admin_key"),
        (&["org", "create", "--name", "Acme", "--app", "demo"], "id"),
        (&["license", "generate", "--app", "demo"], "license_key"),
    ] {
        // Each command has keys of its own only by the operator: so each run has one key.
        let key = format!("{}-{}", command[0], command[1]);
        let run = |data| cli_json(data, &[command, &["--idempotency-key", &key]].concat());
        let made = run(data);
        assert!(made[secret].is_string(), "{made}");
        assert_eq!(run(data), made, "{command:?}");
    }
    let made = with_key(&["admin-key", "create", "--name", "one"]);
    assert_eq!(with_key(&["admin-key", "create", "--name", "one"]), made);
    let other = cli(
        data,
        &[
            &["admin-key", "create", "--name", "two", "--json"],
            &again[..],
        ]
        .concat(),
    );
    assert_eq!(other.code, 1);
    assert!(other.err.contains("CONFLICT"), "{}", other.err);
    let bad = cli(
        data,
        &[
            "admin-key",
            "create",
            "--name",
            "x",
            "--idempotency-key",
            "",
        ],
    );
    assert_eq!(bad.code, 2);
    drop(server);
}

async fn the_audit_log_is_searched_exported_and_followed(dir: Deployment) {
    let (data, server) = (dir.path(), Server::dev(dir.path()));
    let app = App::of(&server.ready);
    server.sign_in(&app, "ada@example.com").await;
    let listed = cli_json(data, &["audit", "list", "--app", "demo", "--limit", "2"]);
    let items = listed["items"].as_array().unwrap();
    assert_eq!(items.len(), 2);
    let next = listed["next_cursor"].as_str().unwrap();
    let older = cli_json(data, &["audit", "list", "--app", "demo", "--cursor", next]);
    assert!(
        older["items"]
            .as_array()
            .unwrap()
            .iter()
            .all(|event| !items.contains(event))
    );

    let lines = cli(data, &["audit", "export", "--app", "demo"]).ok().out;
    let exported: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert!(
        exported
            .iter()
            .any(|event| event["action"] == "session.created")
    );
    assert_eq!(&exported[..2], &items[..]);
    let target = format!("app:{}", app.id);
    let of_app = [
        "audit",
        "list",
        "--target",
        &target,
        "--since",
        "1h",
        "--outcome",
        "success",
    ];
    let people = cli(data, &of_app).ok().out;
    assert!(people.contains("app.created"), "{people}");
    for wrong in [
        &["audit", "list", "--action", "no.such"][..],
        &["audit", "list", "--since", "soon"],
        &["audit", "list", "--actor", "Ada"],
        &["audit", "list", "--outcome", "bad"],
        &["audit", "list", "--request-id", "7"],
        &["audit", "list", "--cursor", "7"],
    ] {
        assert_eq!(cli(data, wrong).code, 2, "{wrong:?}");
    }
    let no_app = cli(data, &["audit", "list", "--target", "user:x"]);
    assert_eq!(no_app.code, 1, "{}", no_app.err);

    let mut follower = doorward_at(data)
        .args([
            "audit",
            "list",
            "--follow",
            "--json",
            "--action",
            "app.updated",
            "--data-dir",
        ])
        .arg(data)
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let reader = std::io::BufReader::new(follower.stdout.take().unwrap());
    std::thread::sleep(std::time::Duration::from_secs(1));
    for name in ["One", "Two"] {
        cli(data, &["app", "update", "demo", "--name", name]).ok();
    }
    let seen: Vec<Value> = std::io::BufRead::lines(reader)
        .take(2)
        .map(|line| serde_json::from_str(&line.unwrap()).unwrap())
        .collect();
    follower.kill().unwrap();
    follower.wait().unwrap();
    assert!(seen.iter().all(|event| event["action"] == "app.updated"));
    assert!(
        seen[0]["id"].as_str() < seen[1]["id"].as_str(),
        "oldest first, each once"
    );
}

async fn statistics_are_shown(dir: Deployment) {
    let data = dir.path();
    let server = Server::dev(data);
    server
        .sign_in(&App::of(&server.ready), "ada@example.com")
        .await;
    // A server that ends in good order writes what it has counted.
    server.stop();
    let days = cli_json(data, &["stats", "--app", "demo"]);
    let today = days["items"].as_array().unwrap().last().unwrap();
    assert_eq!(
        (&today["sign_ins"], &today["active_users"]),
        (&json!(1), &json!(1))
    );
    let people = cli(data, &["stats", "--app", "demo"]).ok().out;
    assert!(people.starts_with("DAY"), "{people}");
    // Days and columns with nothing in them are left out.
    assert!(people.contains("day(s) with nothing to count"), "{people}");
    assert!(
        people.contains("SIGN-INS") && !people.contains("  LICENCES"),
        "{people}"
    );
    assert!(people.lines().count() <= 6, "{people}");
    let audit = cli(data, &["audit", "list", "--app", "demo"]).ok().out;
    assert!(
        audit.lines().all(|line| line.chars().count() <= 150),
        "{audit}"
    );
    assert_eq!(
        cli(data, &["stats", "--app", "demo", "--from", "today"]).code,
        2
    );
}
