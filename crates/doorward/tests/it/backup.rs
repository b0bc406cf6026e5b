//! `doorward backup` under load, and `doorward restore` after a bad hour.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use doorward_testkit::database::TestDatabase;
use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};
use serde_json::{Value, json};

use crate::support::{App, Said, Server, doorward, run};

fn cli(data: &Path, arguments: &[&str]) -> Said {
    run(doorward().args(arguments).arg("--data-dir").arg(data))
}

async fn refresh(server: &Server, app: &App, token: &Value) -> (u16, Value) {
    let body = json!({ "app_id": app.id, "app_secret": app.secret, "refresh_token": token });
    server.post("/auth/refresh", body).await
}

/// Somebody who refreshes without a pause until told to stop; gives the tokens, oldest first.
async fn busy(server: &Server, app: &App, first: Value, stop: &AtomicBool) -> Vec<Value> {
    let mut tokens = vec![first];
    while !stop.load(SeqCst) {
        let (status, answer) = refresh(server, app, tokens.last().unwrap()).await;
        assert_eq!(status, 200, "{answer}");
        tokens.push(answer["refresh_token"].clone());
    }
    tokens
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_under_load_holds_what_was_answered_before_it() {
    let (dir, safe) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let file = safe.path().join("backup.db");
    let server = Server::dev(dir.path());
    let app = App::of(&server.ready);
    let mut people = Vec::new();
    for n in 0..6 {
        let (_, tokens) = server.sign_in(&app, &format!("user{n}@example.com")).await;
        people.push(tokens["refresh_token"].clone());
    }
    let quiet = people.pop().unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let load = {
        let (server, app, stop) = (&server, &app, Arc::clone(&stop));
        let busy = people.iter().cloned().map(move |token| {
            let stop = Arc::clone(&stop);
            async move { busy(server, app, token, &stop).await }
        });
        futures(busy.collect())
    };
    let backup = async {
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        let (dir, file) = (dir.path().to_owned(), file.clone());
        let said = tokio::task::spawn_blocking(move || {
            let to = file.to_str().unwrap();
            (
                cli(&dir, &["backup", "--to", to, "--json"]),
                cli(&dir, &["backup", "--to", to]),
            )
        });
        let said = said.await.unwrap();
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        stop.store(true, SeqCst);
        said
    };
    let (histories, (made, again)) = tokio::join!(load, backup);
    let made = made.ok().json();
    assert!(
        made["master_key"].as_str().unwrap().contains("master.key"),
        "{made}"
    );
    assert!(
        again.code == 1 && again.err.contains("never overwrites"),
        "{}",
        again.err
    );
    assert_eq!(
        std::fs::metadata(&file).unwrap().permissions().mode() & 0o777,
        0o600
    );
    let beside: Vec<_> = std::fs::read_dir(safe.path()).unwrap().collect();
    assert_eq!(beside.len(), 1, "{beside:?}");
    let all: usize = histories.iter().map(Vec::len).sum();
    assert!(all > 40, "there was load: {all}");
    server.stop();

    // In another place, with the same master key.
    let there = tempfile::tempdir().unwrap();
    let key = there.path().join("master.key");
    std::fs::copy(dir.path().join("master.key"), key).unwrap();
    let (from, sha256) = (file.to_str().unwrap(), made["sha256"].as_str().unwrap());
    let wrong = "0".repeat(64);
    let said = cli(
        there.path(),
        &["restore", "--from", from, "--sha256", &wrong],
    );
    assert!(said.code == 1 && said.err.contains(sha256), "{}", said.err);
    let said = cli(
        there.path(),
        &["restore", "--from", from, "--sha256", sha256],
    )
    .ok();
    assert!(said.out.contains("it opens this database"), "{}", said.out);
    let server = Server::dev(there.path());
    let (status, answer) = refresh(&server, &app, &quiet).await;
    assert_eq!(status, 200, "{answer}");
    for history in &histories {
        // Exactly one generation is the current one in the backup. A later one is a fork of
        // history, an earlier one is used: both count as reuse. Which it is, is tried with one.
        let (status, answer) = refresh(&server, &app, history.last().unwrap()).await;
        assert_eq!((status, &answer["error"]), (401, &json!("TOKEN_REUSE")));
        let (status, answer) = refresh(&server, &app, &history[0]).await;
        assert_eq!((status, &answer["error"]), (401, &json!("TOKEN_REVOKED")));
    }
    server.stop();
}

/// All of them, side by side.
async fn futures<F: Future>(all: Vec<F>) -> Vec<F::Output> {
    let mut all: Vec<_> = all.into_iter().map(Box::pin).collect();
    let mut done: Vec<Option<F::Output>> = all.iter().map(|_| None).collect();
    std::future::poll_fn(|context| {
        for (future, done) in all.iter_mut().zip(&mut done) {
            if done.is_none()
                && let std::task::Poll::Ready(output) = future.as_mut().poll(context)
            {
                *done = Some(output);
            }
        }
        match done.iter().all(Option::is_some) {
            true => std::task::Poll::Ready(()),
            false => std::task::Poll::Pending,
        }
    })
    .await;
    done.into_iter().flatten().collect()
}

#[tokio::test]
async fn going_back_in_time_is_safe_and_said() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path();
    let file = data.join("backup.db");
    let from = file.to_str().unwrap();
    let server = Server::dev(data);
    let app = App::of(&server.ready);
    let (_, ada) = server.sign_in(&app, "ada@example.com").await;
    cli(data, &["backup", "--to", from]).ok();
    let (_, later) = refresh(&server, &app, &ada["refresh_token"]).await;
    let (_, eve) = server.sign_in(&app, "eve@example.com").await;

    // Nobody's data is overwritten, and nothing under a running server.
    let said = cli(data, &["restore", "--from", from]);
    assert!(
        said.code == 1 && said.err.contains("--replace"),
        "{}",
        said.err
    );
    let said = cli(data, &["restore", "--from", from, "--replace"]);
    assert!(
        said.code == 1 && said.err.contains("in use"),
        "{}",
        said.err
    );
    let (status, _) = refresh(&server, &app, &eve["refresh_token"]).await;
    assert_eq!(status, 200, "the server did not notice");
    server.stop();

    let arguments = [
        "restore",
        "--from",
        from,
        "--replace",
        "--end-sessions",
        "--json",
    ];
    let done = cli(data, &arguments).ok().json();
    assert_eq!(done["sessions_ended_in_apps"], 1, "{done}");
    let former = Path::new(done["former"].as_str().unwrap());
    assert!(former.exists(), "the present one is kept");
    let server = Server::dev(data);
    for token in [&ada["refresh_token"], &later["refresh_token"]] {
        let (status, answer) = refresh(&server, &app, token).await;
        assert_eq!((status, &answer["error"]), (401, &json!("TOKEN_REVOKED")));
    }
    server.sign_in(&app, "ada@example.com").await;
    server.stop();

    // What it is now is kept too, and without the flag sessions go on where they were.
    let done = cli(data, &["restore", "--from", from, "--replace", "--json"])
        .ok()
        .json();
    assert_eq!(done["sessions_ended_in_apps"], Value::Null);
    let server = Server::dev(data);
    let (status, answer) = refresh(&server, &app, &ada["refresh_token"]).await;
    assert_eq!(
        status, 200,
        "used after the backup, and unused in it: {answer}"
    );
    let (status, answer) = refresh(&server, &app, &later["refresh_token"]).await;
    assert_eq!((status, &answer["error"]), (401, &json!("TOKEN_REUSE")));
    server.stop();
    let kept = std::fs::read_dir(data).unwrap().flatten();
    let kept = kept.filter(|entry| {
        entry
            .file_name()
            .to_string_lossy()
            .contains("before-restore")
    });
    assert_eq!(kept.count(), 2);
}

#[test]
fn what_is_no_backup_is_not_restored() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    drop(Server::dev(&data));
    let good = dir.path().join("good.db");
    cli(&data, &["backup", "--to", good.to_str().unwrap()]).ok();
    let refused = |file: &Path, data: &Path, why: &str| {
        let there = data.join("doorward.db");
        let had = there.exists();
        let said = cli(data, &["restore", "--from", file.to_str().unwrap()]);
        assert!(
            said.code == 1 && said.err.contains(why),
            "{why}: {}",
            said.err
        );
        assert_eq!(there.exists(), had, "nothing is left behind");
        assert_eq!(left_over(data), [""; 0]);
    };
    let fresh = dir.path().join("fresh");
    std::fs::create_dir(&fresh).unwrap();
    std::fs::copy(data.join("master.key"), fresh.join("master.key")).unwrap();
    refused(&dir.path().join("nowhere.db"), &fresh, "Cannot copy");

    let damaged = dir.path().join("damaged.db");
    let mut bytes = std::fs::read(&good).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..middle + 4096].fill(0x55);
    std::fs::write(&damaged, bytes).unwrap();
    refused(&damaged, &fresh, "damaged");

    let foreign = dir.path().join("foreign.db");
    let other = rusqlite::Connection::open(&foreign).unwrap();
    other.execute_batch("CREATE TABLE t (x)").unwrap();
    refused(&foreign, &fresh, "no database of Doorward's");

    let newer = dir.path().join("newer.db");
    std::fs::copy(&good, &newer).unwrap();
    let database = rusqlite::Connection::open(&newer).unwrap();
    let next = "INSERT INTO schema_migrations SELECT max(version) + 1, 'later', '', 1, 0 \
                FROM schema_migrations";
    database.execute_batch(next).unwrap();
    drop(database);
    refused(&newer, &fresh, "use the doorward that made it");

    // Another master key does not open it.
    let stranger = dir.path().join("stranger");
    drop(Server::dev(&stranger));
    std::fs::remove_file(stranger.join("doorward.db")).unwrap();
    // What the lost database had in its log is not mixed into the backup.
    std::fs::write(stranger.join("doorward.db-wal"), b"x").unwrap();
    refused(&good, &stranger, "its log is there still");
    for companion in ["doorward.db-wal", "doorward.db-shm"] {
        drop(std::fs::remove_file(stranger.join(companion)));
    }
    refused(&good, &stranger, "is this the master key");
}

/// PostgreSQL has its own tools; that it was restored is noted, and sessions are ended.
#[tokio::test]
async fn postgresql_is_left_to_its_tools() {
    let Some(database) = TestDatabase::postgres().await else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let server = Server::dev_with(dir.path(), |command| {
        command.args(["--database-url", &database.url()]);
    });
    let app = App::of(&server.ready);
    let (_, tokens) = server.sign_in(&app, "ada@example.com").await;
    let there = |arguments: &[&str]| {
        let mut command = doorward();
        command
            .args(["--database-url", &database.url()])
            .args(arguments);
        run(command.arg("--data-dir").arg(dir.path()))
    };
    let said = there(&["backup", "--to", "/nowhere/x.db"]);
    assert!(
        said.code == 1 && said.err.contains("pg_dump"),
        "{}",
        said.err
    );
    let said = there(&["restore", "--from", "/nowhere/x.db"]);
    assert!(
        said.code == 1 && said.err.contains("--already-restored"),
        "{}",
        said.err
    );
    let said = there(&["restore", "--already-restored", "--end-sessions"]).ok();
    assert!(
        said.out.contains("everybody signs in again"),
        "{}",
        said.out
    );
    let (status, answer) = refresh(&server, &app, &tokens["refresh_token"]).await;
    assert_eq!((status, &answer["error"]), (401, &json!("TOKEN_REVOKED")));
}

/// Files of half a restore or backup.
fn left_over(data: &Path) -> Vec<String> {
    let names = std::fs::read_dir(data).unwrap().flatten();
    names
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| name.contains(".restoring") || name.contains(".partial"))
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect()
}

/// Half a backup stays while somebody works at it, and goes with the next backup when nobody does.
#[tokio::test]
async fn what_a_killed_backup_left_goes_with_the_next() {
    let (dir, safe) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    drop(Server::dev(dir.path()));
    let backup = |name: &str| {
        let mut command = doorward();
        command.arg("backup").arg("--json").arg("--to");
        command.arg(safe.path().join(name));
        command.arg("--data-dir").arg(dir.path());
        command
    };
    // Locked and begun, not only made.
    let begun = || {
        let names = left_over(safe.path());
        let size = |name: &String| std::fs::metadata(safe.path().join(name)).map(|file| file.len());
        names
            .iter()
            .any(|name| size(name).is_ok_and(|size| size > 0))
    };
    // Stops one in the middle, which a fast disk may take some tries.
    let stopped = (0..50).find_map(|n| {
        let mut command = backup(&format!("{n}.db"));
        let mut child = command.stdout(std::process::Stdio::null()).spawn().unwrap();
        let pid = Pid::from_child(&child);
        while child.try_wait().unwrap().is_none() {
            if begun() {
                kill_process(pid, Signal::STOP).unwrap();
                let state = waitpid(Some(pid), WaitOptions::UNTRACED).unwrap();
                // It may have come to its end before the signal came.
                if state.is_some_and(|(_, state)| state.stopped()) {
                    if !left_over(safe.path()).is_empty() {
                        return Some(child);
                    }
                    child.kill().unwrap();
                }
                break;
            }
        }
        drop(child.wait());
        None
    });
    let mut stopped = stopped.expect("a backup stopped in the middle");
    // Its journal may be beside it.
    let half = left_over(safe.path());
    let file = half.iter().find(|name| !name.ends_with("-journal"));
    let file = safe.path().join(file.unwrap());

    let said = run(&mut backup("beside.db")).ok().json();
    assert_eq!(said["remainders"], json!([]), "somebody works at it");
    assert_eq!(left_over(safe.path()), half);

    stopped.kill().unwrap();
    stopped.wait().unwrap();
    assert_eq!(left_over(safe.path()), half, "it was killed in the middle");
    let said = run(&mut backup("next.db")).ok().json();
    assert_eq!(said["remainders"], json!([file]));
    assert_eq!(left_over(safe.path()), [""; 0]);
}

/// Several at the same moment, on one database and to one file: each works on its own, one is first,
/// and nothing of anybody is overwritten.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_several_at_once_each_works_on_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path();
    let server = Server::dev(data);
    let app = App::of(&server.ready);
    server.sign_in(&app, "ada@example.com").await;
    let file = data.join("backup.sqlite");
    let at_once = |arguments: &[&str]| -> Vec<Said> {
        let children: Vec<_> = (0..4)
            .map(|_| {
                let mut command = doorward();
                command.args(arguments).arg("--data-dir").arg(data);
                command.stdout(std::process::Stdio::piped());
                command.stderr(std::process::Stdio::piped());
                command.spawn().unwrap()
            })
            .collect();
        let ended = children.into_iter().map(|child| child.wait_with_output());
        ended.map(|output| Said::from(output.unwrap())).collect()
    };
    let to = file.to_str().unwrap();
    let said = at_once(&["backup", "--to", to]);
    let good = said.iter().filter(|said| said.code == 0).count();
    let why: Vec<_> = said.iter().map(|said| &said.err).collect();
    assert_eq!(good, 1, "{why:?}");
    assert_eq!(left_over(data), [""; 0]);
    let saved = std::fs::read(&file).unwrap();
    server.stop();

    // Without a database there, and with one.
    std::fs::rename(data.join("doorward.db"), data.join("gone.db")).unwrap();
    for (arguments, at_most) in [
        (&["restore", "--from", to][..], 1),
        (&["restore", "--replace", "--from", to], 4),
    ] {
        let before = std::fs::read_dir(data).unwrap().count();
        let said = at_once(arguments);
        let good = said.iter().filter(|said| said.code == 0).count();
        let why: Vec<_> = said.iter().map(|said| &said.err).collect();
        assert!((1..=at_most).contains(&good), "{why:?}");
        assert_eq!(left_over(data), [""; 0], "{why:?}");
        // Whatever was there before one of them is there still, under another name.
        let after = std::fs::read_dir(data).unwrap().count();
        assert!(after > before || good == 1, "{why:?}");
        let examined = rusqlite::Connection::open(data.join("doorward.db")).unwrap();
        let whole: String = examined
            .query_row("PRAGMA integrity_check", [], |row| row.get(0))
            .unwrap();
        assert_eq!(whole, "ok");
    }
    assert_eq!(
        std::fs::read(&file).unwrap(),
        saved,
        "the backup is as it was"
    );
    let server = Server::dev(data);
    server.sign_in(&app, "ada@example.com").await;
}
