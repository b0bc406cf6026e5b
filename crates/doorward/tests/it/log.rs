//! No secret is ever in the log: a full run at the finest level, searched for each it has seen.

use serde_json::{Value, json};

use crate::support::{App, Server, doorward, run};

#[tokio::test]
async fn the_log_of_a_full_run_holds_no_secret() {
    for format in ["json", "pretty"] {
        let dir = tempfile::tempdir().unwrap();
        let server = Server::dev_with(dir.path(), |command| {
            command.args(["--log-level", "trace", "--log-format", format]);
            command.env("HEALTH_SECRET", "the-health-secret");
        });
        let mut secrets = vec!["the-health-secret".to_owned()];
        for name in ["app_secret", "admin_key"] {
            secrets.push(server.ready[name].as_str().unwrap().to_owned());
        }
        let key = std::fs::read_to_string(dir.path().join("master.key")).unwrap();
        secrets.push(key.trim().to_owned());
        full_run(&server, &mut secrets).await;
        let data = dir.path().to_str().unwrap();
        let rotated = run(doorward()
            .args([
                "app",
                "rotate-secret",
                "demo",
                "--json",
                "--yes",
                "--reason",
                "a test",
            ])
            .args(["--data-dir", data]));
        let app = App::of(&rotated.ok().json());
        secrets.push(app.secret.clone());
        server.send_otp(&app, "bob@example.com").await;
        secrets.push(server.code("bob@example.com").await);
        let log = server.stop();
        assert!(log.contains("/auth/verify-otp"), "the log is there: {log}");
        assert!(log.lines().count() > 20, "it is the finest level");
        for secret in &secrets {
            assert!(secret.len() >= 6);
            let line = log.lines().find(|line| line.contains(secret.as_str()));
            assert_eq!(line, None, "a secret is in the log ({format})");
        }
    }
}

async fn full_run(server: &Server, secrets: &mut Vec<String>) {
    let app = App::of(&server.ready);
    let (code, tokens) = server.sign_in(&app, "ada@example.com").await;
    let refresh = text(&tokens, "refresh_token");
    let access = text(&tokens, "access_token");
    let app_body = |more: Value| {
        let mut body = json!({ "app_id": app.id, "app_secret": app.secret });
        body.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        body
    };
    let (status, next) = server
        .post(
            "/auth/refresh",
            app_body(json!({ "refresh_token": refresh })),
        )
        .await;
    assert_eq!(status, 200, "{next}");
    // Refusals are logged with their cause: reuse, a wrong code, a malformed body with secrets in it.
    let (status, _) = server
        .post(
            "/auth/refresh",
            app_body(json!({ "refresh_token": refresh })),
        )
        .await;
    assert_eq!(status, 401);
    let (_, sent) = server.send_otp(&app, "eve@example.com").await;
    let wrong = json!({
        "otp": "000000", "otp_request_id": sent["otp_request_id"], "purpose": "LOGIN",
    });
    server.post("/auth/verify-otp", app_body(wrong)).await;
    let malformed = json!({ "otp": access, "otp_request_id": app.secret, "purpose": code });
    server.post("/auth/verify-otp", app_body(malformed)).await;
    let me = server
        .http
        .get(format!("{}/auth/me?token={access}", server.public));
    me.bearer_auth(&access).send().await.unwrap();
    let secret_path = format!("{}/nowhere/{access}", server.public);
    server.http.get(secret_path).send().await.unwrap();
    let health = server.http.get(format!("{}/health", server.public));
    health
        .header("x-health-secret", "the-health-secret")
        .send()
        .await
        .unwrap();
    let admin_key = text(&server.ready, "admin_key");
    for key in [admin_key.clone(), format!("{admin_key}x")] {
        let apps = server.http.get(format!("{}/admin/apps", server.operator));
        apps.header("x-admin-key", key).send().await.unwrap();
    }
    secrets.extend([
        code,
        refresh,
        access,
        text(&next, "refresh_token"),
        text(&next, "access_token"),
    ]);
}

fn text(value: &Value, name: &str) -> String {
    value[name]
        .as_str()
        .unwrap_or_else(|| panic!("{name} in {value}"))
        .to_owned()
}
