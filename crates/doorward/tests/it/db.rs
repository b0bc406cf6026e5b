//! `doorward db`: a deployment moves, and its clients do not notice.

use doorward_testkit::database::TestDatabase;
use serde_json::json;

use crate::support::{App, Server, doorward, run};

#[tokio::test]
async fn a_deployment_moves_to_postgresql_and_back() {
    let dir = tempfile::tempdir().unwrap();
    let Some(there) = TestDatabase::postgres().await else {
        return;
    };
    let server = Server::dev(dir.path());
    let app = App::of(&server.ready);
    let (_, tokens) = server.sign_in(&app, "ada@example.com").await;
    server.stop();

    // A URL with a password in it is better not on the command line.
    let url = dir.path().join("postgres.url");
    std::fs::write(&url, format!("{}\n", there.url())).unwrap();
    let at = format!("@{}", url.display());
    let sqlite = format!("sqlite:{}", dir.path().join("doorward.db").display());
    let copied =
        run(doorward().args(["db", "copy", "--from", &sqlite, "--to", &at, "--json"])).ok();
    assert_eq!(copied.err, "", "no bar with --json");
    let report = copied.json();
    assert_eq!(
        (&report["equal"], &report["differences"]),
        (&json!(true), &json!([]))
    );
    let again = run(doorward().args(["db", "copy", "--from", &sqlite, "--to", &at]));
    assert!(
        again.code == 1 && again.err.contains("not empty"),
        "{}",
        again.err
    );

    let refresh = async |server: &Server, token: &serde_json::Value| {
        let body = json!({
            "app_id": app.id, "app_secret": app.secret, "refresh_token": token,
        });
        let (status, answer) = server.post("/auth/refresh", body).await;
        assert_eq!(status, 200, "{answer}");
        answer["refresh_token"].clone()
    };
    let server = Server::dev_with(dir.path(), |command| {
        command.args(["--database-url", &there.url()]);
    });
    let token = refresh(&server, &tokens["refresh_token"]).await;
    server.stop();

    // The configured database is the source when none is named.
    let back = format!("sqlite:{}", dir.path().join("back.db").display());
    let mut command = doorward();
    command.env("DATABASE_URL", there.url());
    let said = run(command.args(["db", "copy", "--to", &back])).ok();
    assert!(said.out.contains("\nEqual: "), "{}", said.out);
    let server = Server::dev_with(dir.path(), |command| {
        command.args(["--database-url", &back]);
    });
    refresh(&server, &token).await;
    server.stop();

    let said = run(doorward().args(["db", "compare", "--from", &at, "--to", &back]));
    assert_eq!(said.code, 1, "{}", said.err);
    assert!(said.out.contains("changed  sessions "), "{}", said.out);
}

/// `ps` shows a password on the command line to everybody: it can be given otherwise, and whoever gives
/// it there is told.
#[tokio::test]
async fn a_password_on_the_command_line_is_warned_of() {
    let dir = tempfile::tempdir().unwrap();
    let Some(there) = TestDatabase::postgres().await else {
        return;
    };
    Server::dev(dir.path()).stop();
    let from = format!("sqlite:{}", dir.path().join("doorward.db").display());
    let mut url = url::Url::parse(&there.url()).unwrap();
    // Where anybody is let in, any password will do.
    if url.password().is_none() {
        url.set_password(Some("hunter2")).unwrap();
    }
    let secret = format!(":{}@", url.password().unwrap());
    let url = url.as_str();
    let copy = |from: &str, to: &str| {
        let mut command = doorward();
        command.env("TARGET", url);
        run(command.args(["db", "copy", "--from", from, "--to", to]))
    };
    let quiet = copy(&from, "env:TARGET").ok();
    assert!(!quiet.err.contains("warning"), "{}", quiet.err);
    let missing = copy(&from, "env:NOTHING");
    assert!(
        missing.code == 2 && missing.err.contains("no NOTHING"),
        "{}",
        missing.err
    );
    let seen = copy(&from, url);
    assert!(seen.err.starts_with("warning: everybody"), "{}", seen.err);
    assert!(
        seen.err.contains("--to") && !seen.err.contains(&secret),
        "{}",
        seen.err
    );
    let mut command = doorward();
    let seen = run(command.args(["migrate", "--status", "--json", "--database-url", url])).ok();
    let warning: serde_json::Value = serde_json::from_str(&seen.err).unwrap();
    assert!(
        warning["warning"]
            .as_str()
            .unwrap()
            .contains("--database-url")
    );
    assert_eq!(seen.json()["up_to_date"], true);
}

#[test]
fn what_cannot_be_copied_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let nowhere = format!("sqlite:{}", dir.path().join("nowhere.db").display());
    let target = format!("sqlite:{}", dir.path().join("target.db").display());
    let said = run(doorward().args(["db", "copy", "--from", &nowhere, "--to", &target]));
    assert!(
        said.code == 1 && said.err.contains("there is no database"),
        "{}",
        said.err
    );
    for (from, why) in [("mysql://x", "--from"), ("@/nowhere", "cannot read")] {
        let said = run(doorward().args(["db", "copy", "--from", from, "--to", &target]));
        assert!(said.code == 2 && said.err.contains(why), "{}", said.err);
    }
    let said = run(doorward()
        .args(["db", "copy", "--to", &target])
        .current_dir(dir.path()));
    assert!(
        said.code == 2 && said.err.contains("--from"),
        "{}",
        said.err
    );
    assert!(!dir.path().join("nowhere.db").exists() && !dir.path().join("target.db").exists());
}
