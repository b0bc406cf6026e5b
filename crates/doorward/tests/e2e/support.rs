//! Starts `doorward dev` on a directory and a database of its own, and speaks HTTP to it.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use doorward_testkit::database::{Engine, TestDatabase};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A running server. It is killed when dropped.
pub(crate) struct Server {
    child: Option<Child>,
    pub(crate) data: Arc<TempDir>,
    pub(crate) url: String,
    pub(crate) admin: String,
    pub(crate) database: Option<TestDatabase>,
    pub(crate) http: reqwest::Client,
    ports: (u16, u16),
}

/// An app's credentials, as `app create --json` prints them.
#[derive(Clone)]
pub(crate) struct App {
    pub(crate) id: String,
    pub(crate) secret: String,
    pub(crate) slug: String,
    pub(crate) jwt_public_key: String,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Value,
}

impl Answer {
    /// The stable code of a refusal, or "".
    pub(crate) fn code(&self) -> &str {
        self.body["error"].as_str().unwrap_or_default()
    }

    /// A text member.
    pub(crate) fn text(&self, member: &str) -> String {
        self.body[member]
            .as_str()
            .unwrap_or_else(|| panic!("{member} is missing in {self:?}"))
            .to_owned()
    }
}

/// Two ports that nobody listens on at this moment.
fn free_ports() -> (u16, u16) {
    let (a, b) = (
        TcpListener::bind("127.0.0.1:0").unwrap(),
        TcpListener::bind("127.0.0.1:0").unwrap(),
    );
    (
        a.local_addr().unwrap().port(),
        b.local_addr().unwrap().port(),
    )
}

impl Server {
    /// On an engine. `None` when there is no PostgreSQL to test with.
    pub(crate) async fn start(engine: Engine) -> Option<Self> {
        let database = match engine {
            Engine::Sqlite => None,
            Engine::Postgres => Some(TestDatabase::postgres().await?),
        };
        let data = tempfile::tempdir().unwrap();
        let ports = free_ports();
        let child = spawn(data.path(), database.as_ref(), ports);
        let server = Self {
            child: Some(child),
            data: Arc::new(data),
            url: format!("http://127.0.0.1:{}", ports.0),
            admin: format!("http://127.0.0.1:{}", ports.1),
            database,
            http: reqwest::Client::builder()
                .timeout(Duration::from_secs(30))
                .build()
                .unwrap(),
            ports,
        };
        server.wait_until_ready().await;
        Some(server)
    }

    async fn wait_until_ready(&self) {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            if let Ok(answer) = self.http.get(format!("{}/health", self.url)).send().await
                && answer.status() == 200
            {
                return;
            }
            assert!(Instant::now() < deadline, "the server does not come up");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// kill -9.
    pub(crate) fn kill(&mut self) {
        let mut child = self.child.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// The same server, for another task; the process stays with this one.
    pub(crate) fn shallow(&self) -> Self {
        Self {
            child: None,
            data: Arc::clone(&self.data),
            url: self.url.clone(),
            admin: self.admin.clone(),
            database: self.database.clone(),
            http: self.http.clone(),
            ports: self.ports,
        }
    }

    /// Starts it again on the same data and the same ports.
    pub(crate) async fn restart(&mut self) {
        self.child = Some(spawn(self.data.path(), self.database.as_ref(), self.ports));
        self.wait_until_ready().await;
    }

    /// Runs a command beside the server, with `--json`.
    pub(crate) fn cli(&self, arguments: &[&str]) -> Value {
        let mut command = binary(self.data.path(), self.database.as_ref());
        let output = command.args(arguments).arg("--json").output().unwrap();
        assert!(
            output.status.success(),
            "{arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        serde_json::from_slice(&output.stdout).unwrap()
    }

    pub(crate) fn create_app(&self, slug: &str) -> App {
        let made = self.cli(&["app", "create", "--name", slug, "--slug", slug]);
        let text = |member: &str| made[member].as_str().unwrap().to_owned();
        App {
            id: text("app_id"),
            secret: text("app_secret"),
            slug: text("app_slug"),
            jwt_public_key: text("jwt_public_key"),
        }
    }

    /// Calls the backend API in the name of an app.
    pub(crate) async fn call(&self, app: &App, path: &str, body: Value) -> Answer {
        self.try_call(app, path, body, None).await.unwrap()
    }

    pub(crate) async fn try_call(
        &self,
        app: &App,
        path: &str,
        mut body: Value,
        idempotency_key: Option<&str>,
    ) -> Result<Answer, reqwest::Error> {
        body["app_id"] = app.id.clone().into();
        body["app_secret"] = app.secret.clone().into();
        let mut request = self.http.post(format!("{}{path}", self.url)).json(&body);
        if let Some(key) = idempotency_key {
            request = request.header("Idempotency-Key", key);
        }
        let answer = request.send().await?;
        Ok(Answer {
            status: answer.status().as_u16(),
            body: answer.json().await?,
        })
    }

    pub(crate) async fn me(&self, access_token: &str) -> Answer {
        let answer = self
            .http
            .get(format!("{}/auth/me", self.url))
            .bearer_auth(access_token)
            .send()
            .await
            .unwrap();
        Answer {
            status: answer.status().as_u16(),
            body: answer.json().await.unwrap(),
        }
    }

    /// Moves the server's clock.
    pub(crate) async fn advance(&self, seconds: i64) {
        let answer = self
            .http
            .post(format!("{}/dev/clock", self.admin))
            .json(&json!({ "advance_seconds": seconds }))
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 200);
    }

    /// The code in the newest message to somebody; waits until there are more than `older`.
    pub(crate) async fn code(&self, app: &App, to: &str, older: usize) -> String {
        self.code_of(&app.id, to, older).await
    }

    /// The same, for the app of this id.
    pub(crate) async fn code_of(&self, app_id: &str, to: &str, older: usize) -> String {
        let url = format!("{}/dev/outbox", self.admin);
        for _ in 0..500 {
            let query = [("to", to), ("app_id", app_id)];
            let mut with_query = reqwest::Url::parse(&url).unwrap();
            with_query.query_pairs_mut().extend_pairs(query);
            let found: Vec<Value> = self
                .http
                .get(with_query)
                .send()
                .await
                .unwrap()
                .json()
                .await
                .unwrap();
            if found.len() > older {
                return found[0]["code"].as_str().unwrap().to_owned();
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("no message to {to}")
    }

    /// Sends a LOGIN code; gives the request's id and the code.
    pub(crate) async fn send_login(
        &self,
        app: &App,
        member: &str,
        to: &str,
        older: usize,
    ) -> (String, String) {
        let sent = self
            .call(
                app,
                "/auth/send-otp",
                json!({ member: to, "purpose": "LOGIN" }),
            )
            .await;
        assert_eq!(sent.status, 200, "{sent:?}");
        (sent.text("otp_request_id"), self.code(app, to, older).await)
    }

    pub(crate) async fn verify(&self, app: &App, id: &str, code: &str) -> Answer {
        let body = json!({ "otp_request_id": id, "otp": code, "purpose": "LOGIN" });
        self.call(app, "/auth/verify-otp", body).await
    }

    pub(crate) async fn refresh(&self, app: &App, token: &str) -> Answer {
        self.call(app, "/auth/refresh", json!({ "refresh_token": token }))
            .await
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            drop(child.kill());
            drop(child.wait());
        }
    }
}

fn binary(data: &Path, database: Option<&TestDatabase>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_doorward"));
    command.env_clear().arg("--data-dir").arg(data);
    if let Some(database) = database {
        command.arg("--database-url").arg(database.url());
    }
    command
}

fn spawn(data: &Path, database: Option<&TestDatabase>, ports: (u16, u16)) -> Child {
    let log = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(data.join("server.log"))
        .unwrap();
    binary(data, database)
        .args([
            "dev",
            "--port",
            &ports.0.to_string(),
            "--admin-port",
            &ports.1.to_string(),
        ])
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .unwrap()
}

/// Runs an async test on an engine, on a runtime of its own.
pub(crate) fn on<F: Future<Output = ()>>(engine: Engine, test: impl FnOnce(Server) -> F) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        if let Some(server) = Server::start(engine).await {
            test(server).await;
        }
    });
}

/// What an access token says, read without checking it.
pub(crate) fn claims(token: &str) -> Value {
    use base64::Engine as _;
    let payload = token.split('.').nth(1).unwrap();
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(payload);
    serde_json::from_slice(&bytes.unwrap()).unwrap()
}
