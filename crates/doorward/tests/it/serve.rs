//! `doorward serve`, set up as in production.

use serde_json::json;

use crate::support::{App, MASTER_KEY, Server, doorward, run};

fn toml(dir: &tempfile::TempDir) -> std::path::PathBuf {
    use std::os::unix::fs::PermissionsExt as _;
    let path = dir.path().join("doorward.toml");
    let text = format!(
        "[server]\npublic_url = \"https://auth.example.com/\"\ntrusted_proxies = [\"127.0.0.1\"]\n\
         [database]\nurl = \"sqlite:{}\"\n[keys]\nmaster_key_file = \"key\"\n\
         [health]\nsecret = \"0123456789abcdef\"\n",
        dir.path().join("d.db").display()
    );
    std::fs::write(&path, text).unwrap();
    let key = dir.path().join("key");
    std::fs::write(&key, MASTER_KEY).unwrap();
    for path in [&path, &key] {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
    }
    path
}

#[tokio::test]
async fn a_deployment_by_one_file() {
    let dir = tempfile::tempdir().unwrap();
    let config = toml(&dir);
    // An app can be made before the first server has run.
    let command = |arguments: &[&str]| {
        run(doorward()
            .args(arguments)
            .arg("--json")
            .arg("--config")
            .arg(&config))
    };
    command(&["migrate"]).ok();
    let made = command(&["app", "create", "--name", "Shop", "--slug", "shop"])
        .ok()
        .json();
    let app = App::of(&made);

    let server = Server::serve(doorward().arg("serve").arg("--config").arg(&config));
    assert_eq!(server.send_otp(&app, "ada@example.com").await.0, 200);
    let (status, health) = server.get(format!("{}/health", server.public)).await;
    assert_eq!((status, health), (200, json!({ "status": "ok" })));
    let request = server.http.get(format!("{}/health", server.public));
    let details = request
        .header("x-health-secret", "0123456789abcdef")
        .send()
        .await
        .unwrap();
    let details: serde_json::Value = details.json().await.unwrap();
    assert_eq!(details["database"]["engine"], "sqlite");
    let said = run(doorward()
        .args(["health", "--url", &format!("{}/health", server.public)])
        .arg("--config")
        .arg(&config));
    assert!(
        said.ok().out.contains("sqlite"),
        "with the health secret it shows the details"
    );
    assert!(
        server.log().contains("no mail server and no SMS provider"),
        "{}",
        server.log()
    );

    // Nothing of `dev` is here.
    for path in ["/dev/outbox", "/dev/clock"] {
        for face in [&server.public, &server.operator] {
            let (status, _) = server.get(format!("{face}{path}")).await;
            assert_eq!(status, 404, "{face}{path}");
        }
    }
    let (_, jwks) = server
        .get(format!("{}/.well-known/jwks.json", server.public))
        .await;
    assert!(jwks["keys"][0]["kid"].is_string(), "{jwks}");
    server.stop();
}

#[tokio::test]
async fn a_container_with_a_data_directory() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("new/data");
    let mut command = doorward();
    command
        .arg("serve")
        .env("DOORWARD_DATA_DIR", &data)
        .env("DOORWARD_MASTER_KEY", MASTER_KEY)
        .env("DOORWARD_PUBLIC_URL", "https://auth.example.com")
        .env("HEALTH_SECRET", "0123456789abcdef");
    let server = Server::serve(&mut command);
    assert!(data.join("doorward.db").exists());
    assert!(server.ready["ready_ms"].is_number());
}
