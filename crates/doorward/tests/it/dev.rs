//! `doorward dev`: the first start, later ones, and what can go wrong.

use std::io::Write as _;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;

use serde_json::json;

use crate::support::{App, Server, doorward, run};

#[tokio::test]
async fn the_first_start_makes_everything_and_the_second_repeats_no_secret() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let server = Server::dev(&data);
    assert_eq!(server.ready["first_start"], true);
    let app = App::of(&server.ready);
    let (_, tokens) = server.sign_in(&app, "ada@example.com").await;
    assert_eq!(tokens["is_new_user"], true);
    for (path, mode) in [("", 0o700), ("master.key", 0o600), ("doorward.db", 0o600)] {
        let metadata = std::fs::metadata(data.join(path)).unwrap();
        assert_eq!(metadata.permissions().mode() & 0o777, mode, "{path}");
    }
    let admin_key = server.ready["admin_key"].as_str().unwrap().to_owned();
    let apps = server.http.get(format!("{}/admin/apps", server.operator));
    let answer = apps.header("x-admin-key", &admin_key).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    server.stop();

    let server = Server::dev(&data);
    assert_eq!(server.ready["first_start"], false);
    let again = server.ready.to_string();
    assert!(
        !again.contains(&app.secret) && !again.contains(&admin_key),
        "{again}"
    );
    let (_, tokens) = server.sign_in(&app, "ada@example.com").await;
    assert_eq!(
        tokens["is_new_user"], false,
        "the same data, the same secret"
    );
}

/// The lines that are printed, given to a shell as they are.
#[test]
fn the_three_printed_lines_sign_somebody_in() {
    if !doorward_testkit::skip::curl_is_here() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let mut command = doorward();
    command
        .args(["dev", "--port", "0", "--admin-port", "0", "--data-dir"])
        .arg(&data);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let out = std::io::BufReader::new(child.stdout.take().unwrap());
    let mut printed = String::new();
    for line in std::io::BufRead::lines(out).map_while(Result::ok) {
        printed.push_str(&format!("{line}\n"));
        if line.starts_with("ready in ") {
            break;
        }
    }
    let lines: String = printed
        .lines()
        .filter(|line| {
            ["REQUEST=", "CODE=", "curl "]
                .iter()
                .any(|start| line.starts_with(start))
        })
        .map(|line| format!("{line}\n"))
        .collect();
    assert_eq!(lines.lines().count(), 3, "{printed}");
    let mut shell = std::process::Command::new("sh")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    shell
        .stdin
        .take()
        .unwrap()
        .write_all(lines.as_bytes())
        .unwrap();
    let output = shell.wait_with_output().unwrap();
    drop(child.kill());
    drop(child.wait());
    let output = String::from_utf8(output.stdout).unwrap();
    assert!(output.contains("\"access_token\":\"ey"), "{output}");
}

#[tokio::test]
async fn the_clock_can_be_moved() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::dev(&dir.path().join("data"));
    let app = App::of(&server.ready);
    let (_, sent) = server.send_otp(&app, "ada@example.com").await;
    let code = server.code("ada@example.com").await;
    let clock = server.http.post(format!("{}/dev/clock", server.operator));
    let moved = clock
        .json(&json!({ "advance_seconds": 301 }))
        .send()
        .await
        .unwrap();
    assert_eq!(moved.status(), 200);
    let body = json!({
        "app_id": app.id, "app_secret": app.secret, "purpose": "LOGIN", "otp": code,
        "otp_request_id": sent["otp_request_id"],
    });
    let (_, refused) = server.post("/auth/verify-otp", body).await;
    assert_eq!(refused["error"], "OTP_EXPIRED");
}

#[test]
fn a_port_in_use_is_named_with_the_flag_to_choose_another() {
    let dir = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    for (flag, other) in [("--port", "--admin-port"), ("--admin-port", "--port")] {
        let mut command = doorward();
        command
            .args(["dev", flag, &port, other, "0", "--data-dir"])
            .arg(dir.path());
        let said = run(&mut command);
        assert_eq!(said.code, 1);
        let expected = format!("Port {port} on 127.0.0.1 is in use by another program");
        assert!(said.err.contains(&expected), "{}", said.err);
        assert!(
            said.err
                .contains(&format!("choose another port with {flag}.")),
            "{}",
            said.err
        );
    }
}

#[test]
fn a_directory_that_cannot_be_written_is_named() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("file"), "").unwrap();
    // Neither can be written to even by root, as which tests may run.
    for path in [dir.path().join("file/data"), "/proc/doorward-data".into()] {
        let said = run(doorward().args(["dev", "--data-dir"]).arg(&path));
        assert_eq!(said.code, 1, "{}", said.err);
        assert!(
            said.err.contains("Cannot write to the data directory"),
            "{}",
            said.err
        );
        assert!(said.err.contains(path.to_str().unwrap()) && said.err.contains("--data-dir"));
    }
}

#[test]
fn a_database_without_its_master_key_is_not_given_another() {
    let dir = tempfile::tempdir().unwrap();
    Server::dev(dir.path()).stop();
    let key = dir.path().join("master.key");
    let kept = std::fs::read(&key).unwrap();
    std::fs::remove_file(&key).unwrap();
    let said = run(doorward().args(["dev", "--data-dir"]).arg(dir.path()));
    assert_eq!(said.code, 1);
    assert!(
        said.err.contains("its master key") && said.err.contains("is gone"),
        "{}",
        said.err
    );
    assert!(!key.exists());
    // A wrong one is told too.
    std::fs::write(&key, crate::support::MASTER_KEY).unwrap();
    let mut command = doorward();
    command
        .args(["dev", "--port", "0", "--admin-port", "0", "--data-dir"])
        .arg(dir.path());
    let said = run(&mut command);
    assert_eq!(said.code, 1);
    assert!(
        said.err
            .contains("is this the master key the database was made with"),
        "{}",
        said.err
    );
    std::fs::write(&key, kept).unwrap();
    Server::dev(dir.path()).stop();
}

#[tokio::test]
async fn somebody_elses_database_url_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let other = dir.path().join("other.db");
    let server = Server::dev_with(&dir.path().join("data"), |command| {
        command.env("DATABASE_URL", format!("sqlite:{}", other.display()));
    });
    drop(server);
    assert!(!other.exists());
}

#[test]
fn a_deployment_named_in_passing_is_not_attached_to() {
    let dir = tempfile::tempdir().unwrap();
    let other = dir.path().join("other.db");
    let mut command = doorward();
    command
        .env(
            "DOORWARD_DATABASE_URL",
            format!("sqlite:{}", other.display()),
        )
        .args(["dev", "--data-dir"])
        .arg(dir.path().join("data"));
    let said = run(&mut command);
    assert_eq!(said.code, 2, "{}", said.err);
    assert!(said.err.contains("--database-url"), "{}", said.err);
    assert!(!other.exists());
}
