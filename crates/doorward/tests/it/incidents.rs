//! `doorward incident`: each of I1 to I4 by one command beside a running server, with its effect.

use serde_json::{Value, json};

use crate::support::{
    App, Deployment, Said, Server, cli, cli_json, count, doorward_at, last_event, on_both_engines,
    refused, run, within_a_second,
};

on_both_engines!(
    i1_a_secret_is_exposed,
    i2_a_sign_in_is_suspicious,
    i3_a_public_key_is_lost,
    i4_an_app_must_stop,
    i4_finer_every_session_ends,
    an_incident_is_not_declared_by_accident,
);

/// A reason, and that it is meant.
const MEANT: [&str; 3] = ["--reason", "a rehearsal", "--yes"];

fn meant<'a>(command: &[&'a str]) -> Vec<&'a str> {
    [command, &MEANT].concat()
}

async fn refresh(server: &Server, app: &App, tokens: &Value) -> (u16, Value) {
    let body = json!({
        "app_id": app.id, "app_secret": app.secret, "refresh_token": tokens["refresh_token"],
    });
    server.post("/auth/refresh", body).await
}

async fn i1_a_secret_is_exposed(dir: Deployment) {
    let (data, server) = (dir.path(), Server::dev(dir.path()));
    let leaked = App::of(&server.ready);
    let command = ["incident", "secret-exposed", "--app", "demo"];
    let with_key = [&meant(&command)[..], &["--idempotency-key", "leak-1"]].concat();
    let fresh = App::of(&cli_json(data, &with_key));
    assert_ne!(fresh.secret, leaked.secret);
    let (status, answer) = server.send_otp(&leaked, "ada@example.com").await;
    assert_eq!((status, &answer["error"]), (401, &json!("TOKEN_INVALID")));
    assert_eq!(server.send_otp(&fresh, "ada@example.com").await.0, 200);
    // Whoever lost the answer asks again and breaks nothing.
    assert_eq!(App::of(&cli_json(data, &with_key)).secret, fresh.secret);
    let event = last_event(data, "app.secret_rotated");
    assert_eq!(
        (&event["details"]["reason"], &event["actor"]["type"]),
        (&json!("a rehearsal"), &json!("cli"))
    );
    assert!(!event.to_string().contains(&fresh.secret));

    let people = cli(data, &meant(&command)).ok().out;
    assert!(
        people.contains("app_secret") && people.contains("The old secret is dead."),
        "{people}"
    );
    assert_eq!(server.send_otp(&fresh, "ada@example.com").await.0, 401);
}

async fn i2_a_sign_in_is_suspicious(dir: Deployment) {
    let (data, server) = (dir.path(), Server::dev(dir.path()));
    let app = App::of(&server.ready);
    let (_, phone) = server.sign_in(&app, "ada@example.com").await;
    let (_, laptop) = server.sign_in(&app, "ada@example.com").await;
    let (_, bob) = server.sign_in(&app, "bob@example.com").await;
    let (_, sent) = server.send_otp(&app, "ada@example.com").await;
    let code = server.newest("ada@example.com", 2).await["code"].clone();

    let command = [
        "incident",
        "suspicious-sign-in",
        "ADA@example.com",
        "--app",
        "demo",
    ];
    let done = cli_json(data, &meant(&command));
    assert_eq!(done, json!({ "sessions_revoked": 2, "secrets_voided": 1 }));
    for tokens in [&phone, &laptop] {
        let (status, answer) = refresh(&server, &app, tokens).await;
        assert_eq!((status, &answer["error"]), (401, &json!("TOKEN_REVOKED")));
    }
    let verify = json!({
        "app_id": app.id, "app_secret": app.secret, "purpose": "LOGIN", "otp": code,
        "otp_request_id": sent["otp_request_id"],
    });
    let (status, answer) = server.post("/auth/verify-otp", verify).await;
    assert_ne!(
        status, 200,
        "a code that was on its way is void, too: {answer}"
    );
    assert_eq!(refresh(&server, &app, &bob).await.0, 200, "nobody else");
    let event = last_event(data, "user.sessions_revoked");
    assert_eq!(event["details"]["incident"], "suspicious_sign_in");
    let people = cli(data, &meant(&command)).ok().out;
    assert!(people.starts_with("Ended: 0 session(s);"), "{people}");
    let forget = ["limit", "clear", "--contact", "ada@example.com"];
    cli(data, &[&forget[..], &["--app", "demo"]].concat()).ok();
    server.sign_in(&app, "ada@example.com").await;

    let nobody = ["incident", "suspicious-sign-in", "x@example.com"];
    let nobody = [&nobody[..], &["--app", "demo"]].concat();
    assert_eq!(
        refused(data, &meant(&nobody)),
        (1, "USER_NOT_FOUND".to_owned())
    );
    let nonsense = ["incident", "suspicious-sign-in", "ada", "--app", "demo"];
    assert_eq!(refused(data, &meant(&nonsense)), (2, "USAGE".to_owned()));
}

async fn i3_a_public_key_is_lost(dir: Deployment) {
    let (data, server) = (dir.path(), Server::dev(dir.path()));
    let found = cli_json(data, &["incident", "public-key"]);
    assert_eq!(found["jwt_public_key"], server.ready["jwt_public_key"]);
    let url = format!("{}/.well-known/jwks.json", server.public);
    assert_eq!(found["jwks"], server.get(url).await.1);
    let kids = found["jwks"]["keys"].as_array().unwrap();
    assert!(kids.iter().any(|key| key["kid"] == found["kid"]));
    let people = cli(data, &["incident", "public-key"]).ok().out;
    for shown in [
        found["kid"].as_str().unwrap(),
        found["jwt_public_key"].as_str().unwrap(),
        "-----BEGIN PUBLIC KEY-----",
        "\"keys\"",
    ] {
        assert!(people.contains(shown), "no {shown} in {people}");
    }
}

async fn i4_an_app_must_stop(dir: Deployment) {
    let (data, server) = (dir.path(), Server::dev(dir.path()));
    let app = App::of(&server.ready);
    let (_, tokens) = server.sign_in(&app, "ada@example.com").await;
    let command = ["incident", "stop-app", "--app", "demo"];
    let done = cli_json(data, &meant(&command));
    assert_eq!(done, json!({ "app_id": app.id, "status": "deactivated" }));
    assert_eq!(server.send_otp(&app, "bob@example.com").await.0, 401);
    assert_eq!(refresh(&server, &app, &tokens).await.0, 401);
    assert_eq!(
        last_event(data, "app.deactivated")["details"]["reason"],
        "a rehearsal"
    );
    let people = cli(data, &meant(&command)).ok().out;
    assert!(people.contains("doorward app reactivate"), "{people}");
    // Back in use, sessions go on.
    cli(data, &["app", "reactivate", "demo"]).ok();
    within_a_second("the app works again", async || {
        server.send_otp(&app, "bob@example.com").await.0 == 200
    })
    .await;
    assert_eq!(refresh(&server, &app, &tokens).await.0, 200);
}

async fn i4_finer_every_session_ends(dir: Deployment) {
    let (data, server) = (dir.path(), Server::dev(dir.path()));
    let app = App::of(&server.ready);
    let (_, ada) = server.sign_in(&app, "ada@example.com").await;
    let (_, bob) = server.sign_in(&app, "bob@example.com").await;
    cli(
        data,
        &["app", "create", "--name", "Other", "--slug", "other"],
    )
    .ok();
    let command = ["incident", "end-all-sessions", "--app", "demo"];
    let done = cli_json(data, &meant(&command));
    assert!(
        done["sessions_ended_at"].as_str() < done["tokens_issued_until"].as_str(),
        "{done}"
    );
    for tokens in [&ada, &bob] {
        assert_eq!(refresh(&server, &app, tokens).await.0, 401);
    }
    assert_eq!(
        count(
            data,
            "SELECT COUNT(*) FROM apps WHERE sessions_ended_at IS NOT NULL"
        ),
        1,
        "of this app only"
    );
    let people = cli(data, &meant(&command)).ok().out;
    assert!(people.starts_with("Every session of the app ended at 20"));
    assert_eq!(
        last_event(data, "app.sessions_revoked")["details"]["incident"],
        "end_all_sessions"
    );
    server.sign_in(&app, "ada@example.com").await;
}

/// Nothing dangerous happens by half a command, or to an app that is not there.
async fn an_incident_is_not_declared_by_accident(dir: Deployment) {
    let (data, server) = (dir.path(), Server::dev(dir.path()));
    let app = App::of(&server.ready);
    let (_, tokens) = server.sign_in(&app, "ada@example.com").await;
    let with_user = ["incident", "suspicious-sign-in", "ada@example.com"];
    for command in [
        &["incident", "secret-exposed"][..],
        &with_user,
        &["incident", "stop-app"],
        &["incident", "end-all-sessions"],
    ] {
        let here = [command, &["--app", "demo"]].concat();
        // Without a reason; without --yes where nobody can be asked; with a reason that is none, or
        // names somebody for good.
        assert_eq!(refused(data, &here), (2, "USAGE".to_owned()), "{here:?}");
        let asked = cli(data, &[&here[..], &["--reason", "a test"]].concat());
        assert!(
            asked.code == 2 && asked.err.contains("add --yes"),
            "{}",
            asked.err
        );
        for reason in ["x", "ada@example.com wrote"] {
            let bad = [&here[..], &["--reason", reason, "--yes"]].concat();
            assert_eq!(refused(data, &bad), (2, "USAGE".to_owned()), "{bad:?}");
        }
        let elsewhere = meant(&[command, &["--app", "nowhere"]].concat());
        assert_eq!(
            refused(data, &elsewhere),
            (1, "APP_NOT_FOUND".to_owned()),
            "{elsewhere:?}"
        );
    }
    assert_eq!(refresh(&server, &app, &tokens).await.0, 200);
    assert_eq!(server.send_otp(&app, "ada@example.com").await.0, 200);
}

/// Runs a command on a terminal where somebody types this line.
fn on_a_terminal(data: &std::path::Path, arguments: &[&str], typed: &str) -> Said {
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    let person = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&person).unwrap();
    unlockpt(&person).unwrap();
    let terminal = ptsname(&person, Vec::new()).unwrap();
    let terminal = std::fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open(terminal.to_str().unwrap())
        .unwrap();
    rustix::io::write(&person, format!("{typed}\n").as_bytes()).unwrap();
    let mut command = doorward_at(data);
    run(command
        .args(arguments)
        .arg("--data-dir")
        .arg(data)
        .stdin(terminal))
}

/// Without `--yes` a person is asked for the name, and only the right one will do.
#[tokio::test]
async fn on_a_terminal_the_name_is_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let (data, server) = (dir.path(), Server::dev(dir.path()));
    let app = App::of(&server.ready);
    let stop = ["incident", "stop-app", "--app", "demo"];
    let stop = [&stop[..], &["--reason", "a rehearsal"]].concat();
    for wrong in ["", "yes", "demos"] {
        let said = on_a_terminal(data, &stop, wrong);
        assert_eq!(said.code, 1, "{wrong}: {}", said.err);
        assert!(said.err.contains("Type demo to go on:"), "{}", said.err);
        assert!(said.err.contains("(NOT_CONFIRMED)"), "{}", said.err);
    }
    assert_eq!(server.send_otp(&app, "ada@example.com").await.0, 200);
    on_a_terminal(data, &stop, "demo").ok();
    assert_eq!(server.send_otp(&app, "bob@example.com").await.0, 401);
}
