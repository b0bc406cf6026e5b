//! The end of a server: what is in flight finishes, nothing new begins.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::support::{App, MASTER_KEY, Server, doorward};

/// A request whose head and half of whose body has been sent.
struct Half {
    stream: TcpStream,
    rest: Vec<u8>,
}

impl Half {
    fn send(server: &Server) -> Self {
        let app = App::of(&server.ready);
        let body = serde_json::json!({
            "app_id": app.id, "app_secret": app.secret, "email": "ada@example.com",
            "purpose": "LOGIN",
        })
        .to_string();
        let address = server.public.strip_prefix("http://").unwrap();
        let mut stream = TcpStream::connect(address).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        let head = format!(
            "POST /auth/send-otp HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
             content-length: {}\r\n\r\n",
            body.len()
        );
        let (first, rest) = body.as_bytes().split_at(body.len() / 2);
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(first).unwrap();
        stream.flush().unwrap();
        // The server reads on its own time.
        std::thread::sleep(Duration::from_millis(200));
        Self {
            stream,
            rest: rest.to_vec(),
        }
    }

    fn finish(mut self) -> String {
        self.stream.write_all(&self.rest).unwrap();
        let mut answer = String::new();
        self.stream.read_to_string(&mut answer).unwrap();
        answer
    }
}

#[test]
fn sigterm_lets_requests_in_flight_finish_and_takes_no_new_ones() {
    let dir = tempfile::tempdir().unwrap();
    let mut server = Server::dev(dir.path());
    let half = Half::send(&server);
    server.signal(Signal::TERM);
    let address = server.public.strip_prefix("http://").unwrap().to_owned();
    let began = Instant::now();
    while TcpStream::connect(&address).is_ok() {
        assert!(
            began.elapsed() < Duration::from_secs(5),
            "it still accepts connections"
        );
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(
        server.child.try_wait().unwrap().is_none(),
        "it waits for the request"
    );
    let answer = half.finish();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.contains("otp_request_id"), "{answer}");
    assert_eq!(
        server.exit_code(Duration::from_secs(10)),
        Some(0),
        "{}",
        server.log()
    );
    assert!(server.log().contains("stopped"), "{}", server.log());
}

#[test]
fn a_request_that_never_ends_is_cut_off_after_the_grace() {
    let dir = tempfile::tempdir().unwrap();
    let mut server = Server::dev_with(dir.path(), |command| {
        command.env("DOORWARD_SHUTDOWN_SECONDS", "1");
    });
    let _half = Half::send(&server);
    server.signal(Signal::TERM);
    let began = Instant::now();
    assert_eq!(server.exit_code(Duration::from_secs(10)), Some(0));
    assert!(
        began.elapsed() >= Duration::from_millis(900),
        "the grace was given"
    );
    assert!(
        server.log().contains("requests did not finish in time"),
        "{}",
        server.log()
    );
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let mut server = Server::dev(dir.path());
    let _half = Half::send(&server);
    server.signal(Signal::INT);
    std::thread::sleep(Duration::from_millis(300));
    assert!(
        server.child.try_wait().unwrap().is_none(),
        "it waits for the request"
    );
    server.signal(Signal::INT);
    assert_eq!(server.exit_code(Duration::from_secs(3)), Some(1));
    // What was durable is there, and the next start works.
    Server::dev(dir.path()).stop();
}

/// `doorward serve` on this database.
fn to_serve(url: &str) -> Command {
    let mut command = doorward();
    command
        .arg("serve")
        .env("DOORWARD_DATABASE_URL", url)
        .env("DOORWARD_ALLOW_INSECURE", "database-tls")
        .env("DOORWARD_MASTER_KEY", MASTER_KEY)
        .env("DOORWARD_PUBLIC_URL", "https://auth.example.com")
        .env("DOORWARD_LOG_LEVEL", "debug")
        .env("HEALTH_SECRET", "0123456789abcdef");
    command
}

/// Starts a server whose migration waits for a lock, and stops it there.
fn stop_while_migrating(url: &str) {
    let mut command = to_serve(url);
    command.args(["--port", "0", "--admin-port", "0"]);
    let mut server = Server::starting(&mut command, "bringing the schema up to date");
    // It is on its way to the lock.
    std::thread::sleep(Duration::from_millis(200));
    server.signal(Signal::TERM);
    let began = Instant::now();
    assert_eq!(
        server.exit_code(Duration::from_secs(10)),
        Some(0),
        "{}",
        server.log()
    );
    assert!(
        began.elapsed() < Duration::from_millis(1_500),
        "{:?}",
        began.elapsed()
    );
    assert!(
        server.log().contains("stopped before it was ready"),
        "{}",
        server.log()
    );
}

#[test]
fn a_signal_is_heard_while_sqlite_is_migrated() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("doorward.db");
    let held = rusqlite::Connection::open(&path).unwrap();
    held.execute_batch("PRAGMA journal_mode = WAL; BEGIN IMMEDIATE")
        .unwrap();
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let url = format!("sqlite:{}", path.display());
    stop_while_migrating(&url);
    held.execute_batch("ROLLBACK").unwrap();
    let tables: i64 = held
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
        .unwrap();
    assert_eq!(tables, 0, "nothing is half done");
    drop(held);
    Server::serve(&mut to_serve(&url)).stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_is_heard_while_postgres_is_migrated() {
    let Some(database) = doorward_testkit::database::TestDatabase::postgres().await else {
        return;
    };
    let (client, connection) = tokio_postgres::connect(&database.url(), tokio_postgres::NoTls)
        .await
        .unwrap();
    tokio::spawn(connection);
    client
        .batch_execute("BEGIN; LOCK TABLE schema_migrations IN ACCESS EXCLUSIVE MODE")
        .await
        .unwrap();
    let url = database.url();
    tokio::task::spawn_blocking(move || stop_while_migrating(&url))
        .await
        .unwrap();
}

#[tokio::test]
async fn health_says_that_the_end_is_near_while_requests_are_still_served() {
    let dir = tempfile::tempdir().unwrap();
    let mut server = Server::dev_with(dir.path(), |command| {
        command.env("DOORWARD_UNREADY_SECONDS", "2");
    });
    let health = format!("{}/health", server.public);
    assert_eq!(server.get(health.clone()).await.0, 200);
    server.signal(Signal::TERM);
    let began = Instant::now();
    while server.get(health.clone()).await.0 == 200 {
        assert!(
            began.elapsed() < Duration::from_millis(1_500),
            "{}",
            server.log()
        );
    }
    let app = App::of(&server.ready);
    assert_eq!(server.send_otp(&app, "ada@example.com").await.0, 200);
    assert_eq!(server.exit_code(Duration::from_secs(10)), Some(0));
    assert!(began.elapsed() >= Duration::from_millis(1_900));
}
