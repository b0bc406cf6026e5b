//! Runs the binary, with an environment that holds nothing but what the test says.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use doorward_testkit::database::{Engine, TestDatabase};
use serde_json::{Value, json};

/// A master key that is random.
pub(crate) const MASTER_KEY: &str =
    "c7a1e05f3b9d42688f10d2a97be4563c1e8f7b60a5d3942cbe017f6ad8395124";

/// The binary, knowing nothing.
pub(crate) fn doorward() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_doorward"));
    command.env_clear().stdin(Stdio::null());
    // RSA keys take a debug build long, and these tests are not about them.
    command.env("DOORWARD_SIGNING_ALGORITHM", "ES256");
    command
}

/// Where a deployment of a test is: a data directory, whose database is in it or on the shared engine.
pub(crate) struct Deployment {
    dir: tempfile::TempDir,
    /// Goes away with the test.
    _database: Option<TestDatabase>,
}

/// In the data directory of a deployment on the shared engine: the URL of its database.
const ELSEWHERE: &str = "test-database.url";

impl Deployment {
    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }
}

/// The URL of a deployment's database, where that is not in its data directory.
fn elsewhere(data: &Path) -> Option<String> {
    std::fs::read_to_string(data.join(ELSEWHERE)).ok()
}

/// Runs an async test on a deployment of its own; [`on_both_engines!`] calls it. Without a server to
/// test with it says so, and is over.
pub(crate) fn on<F: Future<Output = ()>>(engine: Engine, test: impl FnOnce(Deployment) -> F) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let database = match engine {
            Engine::Sqlite => None,
            Engine::Postgres => match TestDatabase::postgres().await {
                None => return,
                found => found,
            },
        };
        let dir = tempfile::tempdir().unwrap();
        if let Some(database) = &database {
            std::fs::write(dir.path().join(ELSEWHERE), database.url()).unwrap();
        }
        let place = Deployment {
            dir,
            _database: database,
        };
        test(place).await;
    });
}

/// Makes two tests, `name::sqlite` and `name::postgres`, out of each
/// `async fn name(place: Deployment)`.
macro_rules! on_both_engines {
    ($($name:ident),+ $(,)?) => {$(
        mod $name {
            use doorward_testkit::database::Engine;

            #[test]
            fn sqlite() {
                crate::support::on(Engine::Sqlite, super::$name);
            }

            #[test]
            fn postgres() {
                crate::support::on(Engine::Postgres, super::$name);
            }
        }
    )+};
}
pub(crate) use on_both_engines;

/// The binary, knowing where the database of the deployment in this data directory is. The directory is
/// still to be named.
pub(crate) fn doorward_at(data: &Path) -> Command {
    let mut command = doorward();
    if let Some(url) = elsewhere(data) {
        command.env("DOORWARD_DATABASE_URL", url);
    }
    command
}

/// What a command that has ended said.
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().expect("the process was not killed"),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Said {
    #[track_caller]
    pub(crate) fn ok(self) -> Self {
        assert_eq!(self.code, 0, "{}{}", self.out, self.err);
        self
    }

    /// What it printed, as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|_| panic!("{}{}", self.out, self.err))
    }
}

/// Runs a command to its end.
pub(crate) fn run(command: &mut Command) -> Said {
    command.output().unwrap().into()
}

/// Runs a command on an embedded deployment.
pub(crate) fn cli(data: &Path, arguments: &[&str]) -> Said {
    run(doorward_at(data)
        .args(arguments)
        .arg("--data-dir")
        .arg(data))
}

/// As [`cli`]; gives the JSON of a command that succeeds.
#[track_caller]
pub(crate) fn cli_json(data: &Path, arguments: &[&str]) -> Value {
    let said = run(doorward_at(data)
        .args(arguments)
        .args(["--json", "--data-dir"])
        .arg(data));
    said.ok().json()
}

/// As [`cli`], for a command that is refused; gives its exit code and the error's code.
pub(crate) fn refused(data: &Path, arguments: &[&str]) -> (i32, String) {
    let said = run(doorward_at(data)
        .args(arguments)
        .args(["--json", "--data-dir"])
        .arg(data));
    assert!(said.out.is_empty(), "{}", said.out);
    let error: Value = serde_json::from_str(&said.err).unwrap_or_else(|_| panic!("{}", said.err));
    (said.code, error["error"].as_str().unwrap().to_owned())
}

/// One number out of the database of a deployment.
pub(crate) fn count(data: &Path, sql: &str) -> i64 {
    if let Some(url) = elsewhere(data) {
        return count_there(url, sql.to_owned());
    }
    let path = data.join("doorward.db");
    let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
    let database = rusqlite::Connection::open_with_flags(path, flags).unwrap();
    database.query_row(sql, [], |row| row.get(0)).unwrap()
}

/// The same on the shared engine, from a thread that may wait.
fn count_there(url: String, sql: String) -> i64 {
    let counting = async move {
        let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls)
            .await
            .unwrap();
        tokio::spawn(connection);
        client.query_one(&sql, &[]).await.unwrap().get(0)
    };
    let thread = std::thread::spawn(|| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        runtime.unwrap().block_on(counting)
    });
    thread.join().unwrap()
}

/// The newest audit event of an action.
pub(crate) fn last_event(data: &Path, action: &str) -> Value {
    let found = cli_json(data, &["audit", "list", "--action", action, "--limit", "1"]);
    found["items"][0].clone()
}

/// A server. It is killed when dropped.
pub(crate) struct Server {
    pub(crate) child: Child,
    pub(crate) public: String,
    pub(crate) operator: String,
    /// What it printed when it was ready (`dev`), or the log line that says so (`serve`).
    pub(crate) ready: Value,
    pub(crate) http: reqwest::Client,
    log: Arc<Mutex<String>>,
}

impl Server {
    /// `doorward dev` on free ports.
    pub(crate) fn dev(data_dir: &Path) -> Self {
        Self::dev_with(data_dir, |_| ())
    }

    pub(crate) fn dev_with(data_dir: &Path, change: impl FnOnce(&mut Command)) -> Self {
        let mut command = doorward();
        command.args([
            "dev",
            "--json",
            "--port",
            "0",
            "--admin-port",
            "0",
            "--data-dir",
        ]);
        command.arg(data_dir);
        // `dev` takes another database on purpose only.
        if let Some(url) = elsewhere(data_dir) {
            command.args(["--database-url", &url]);
        }
        change(&mut command);
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = collect(&mut child, |_| ());
        let mut out = child.stdout.take().unwrap();
        let mut text = Vec::new();
        let ready: Value = loop {
            let mut byte = [0];
            let read = out.read(&mut byte).unwrap();
            assert!(read == 1, "the server ended: {}", log.lock().unwrap());
            text.extend(byte);
            if byte == *b"\n"
                && let Ok(value) = serde_json::from_slice(&text)
            {
                break value;
            }
        };
        let url = |face: &str| ready[face].as_str().unwrap().to_owned();
        Self {
            public: url("public_url"),
            operator: url("operator_url"),
            http: client(),
            ready,
            child,
            log,
        }
    }

    /// `doorward serve`, as the command says, on free ports.
    pub(crate) fn serve(command: &mut Command) -> Self {
        command.args(["--port", "0", "--admin-port", "0", "--log-format", "json"]);
        let mut child = command
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (tell, told) = std::sync::mpsc::channel();
        let log = collect(&mut child, move |line| {
            let value: Value = serde_json::from_str(line).unwrap_or_default();
            if value["message"] == "ready" {
                drop(tell.send(value));
            }
        });
        let ready = told
            .recv_timeout(Duration::from_secs(60))
            .unwrap_or_else(|_| panic!("the server is not ready: {}", log.lock().unwrap()));
        let url = |face: &str| format!("http://{}", ready[face].as_str().unwrap());
        Self {
            public: url("public"),
            operator: url("operator"),
            http: client(),
            ready,
            child,
            log,
        }
    }

    /// A server that has come so far as to log this, and may never be ready.
    pub(crate) fn starting(command: &mut Command, until: &'static str) -> Self {
        let mut child = command
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (tell, told) = std::sync::mpsc::channel();
        let log = collect(&mut child, move |line| {
            if line.contains(until) {
                let _nobody_waits_any_more = tell.send(());
            }
        });
        told.recv_timeout(Duration::from_secs(60))
            .unwrap_or_else(|_| panic!("it never said `{until}`: {}", log.lock().unwrap()));
        Self {
            public: String::new(),
            operator: String::new(),
            ready: Value::Null,
            http: client(),
            child,
            log,
        }
    }

    /// What it has logged so far.
    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, signal).unwrap();
    }

    /// Waits for its end.
    pub(crate) fn exit_code(&mut self, within: Duration) -> Option<i32> {
        let deadline = Instant::now() + within;
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("the server did not end within {within:?}: {}", self.log())
    }

    /// SIGTERM, and its end.
    pub(crate) fn stop(mut self) -> String {
        self.signal(rustix::process::Signal::TERM);
        assert_eq!(
            self.exit_code(Duration::from_secs(20)),
            Some(0),
            "{}",
            self.log()
        );
        self.log()
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        let url = format!("{}{path}", self.public);
        answer(self.http.post(url).json(&body)).await
    }

    pub(crate) async fn get(&self, url: String) -> (u16, Value) {
        answer(self.http.get(url)).await
    }

    /// Asks for a LOGIN code in the name of an app.
    pub(crate) async fn send_otp(&self, app: &App, email: &str) -> (u16, Value) {
        let body = json!({
            "app_id": app.id, "app_secret": app.secret, "email": email, "purpose": "LOGIN",
        });
        self.post("/auth/send-otp", body).await
    }

    /// Signs somebody in; gives the code and the answer.
    pub(crate) async fn sign_in(&self, app: &App, email: &str) -> (String, Value) {
        let older = self.messages(email).await.len();
        let (status, sent) = self.send_otp(app, email).await;
        assert_eq!(status, 200, "{sent}");
        let newest = self.newest(email, older).await;
        let code = newest["code"].as_str().unwrap().to_owned();
        let body = json!({
            "app_id": app.id, "app_secret": app.secret, "purpose": "LOGIN", "otp": code,
            "otp_request_id": sent["otp_request_id"],
        });
        let (status, tokens) = self.post("/auth/verify-otp", body).await;
        assert_eq!(status, 200, "{tokens}");
        (code, tokens)
    }

    /// The code of the newest captured message to somebody.
    pub(crate) async fn code(&self, to: &str) -> String {
        let newest = self.newest(to, 0).await;
        newest["code"].as_str().unwrap().to_owned()
    }

    /// The captured messages to somebody, newest first.
    pub(crate) async fn messages(&self, to: &str) -> Vec<Value> {
        let url = format!("{}/dev/outbox?to={to}", self.operator);
        let (_, messages) = self.get(url).await;
        messages.as_array().cloned().unwrap_or_default()
    }

    /// The newest captured message to somebody who had so many before.
    pub(crate) async fn newest(&self, to: &str, older: usize) -> Value {
        for _ in 0..500 {
            let mut messages = self.messages(to).await;
            if messages.len() > older {
                return messages.remove(0);
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("no message to {to}")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// An app's credentials.
#[derive(Clone)]
pub(crate) struct App {
    pub(crate) id: String,
    pub(crate) secret: String,
}

impl App {
    /// From what `app create`, `app rotate-secret` or the first `dev` printed.
    pub(crate) fn of(printed: &Value) -> Self {
        let text = |name: &str| printed[name].as_str().unwrap().to_owned();
        Self {
            id: text("app_id"),
            secret: text("app_secret"),
        }
    }
}

fn collect(child: &mut Child, mut each: impl FnMut(&str) + Send + 'static) -> Arc<Mutex<String>> {
    let log = Arc::new(Mutex::new(String::new()));
    let (stderr, kept) = (child.stderr.take().unwrap(), Arc::clone(&log));
    std::thread::spawn(move || {
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            kept.lock().unwrap().push_str(&format!("{line}\n"));
            each(&line);
        }
    });
    log
}

fn client() -> reqwest::Client {
    reqwest::Client::builder()
        .no_proxy()
        .timeout(Duration::from_secs(30))
        .build()
        .unwrap()
}

async fn answer(request: reqwest::RequestBuilder) -> (u16, Value) {
    let answer = request.send().await.unwrap();
    let status = answer.status().as_u16();
    (status, answer.json().await.unwrap_or_default())
}

/// Asks again until it holds; for changes that are said to hold within a second.
pub(crate) async fn within_a_second<F: Future<Output = bool>>(
    what: &str,
    mut holds: impl FnMut() -> F,
) {
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(1) {
        if holds().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(holds().await, "not within a second: {what}");
}
