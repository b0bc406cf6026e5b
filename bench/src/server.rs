//! The server under load, in its own process with its own data.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::Result;
use crate::http::Client;

/// A deployment: binary, data directory, database.
pub(crate) struct Deployment {
    binary: PathBuf,
    data: tempfile::TempDir,
    database_url: Option<String>,
}

/// A running server.
pub(crate) struct Server {
    child: Child,
    pub(crate) public: SocketAddr,
    pub(crate) operator: SocketAddr,
    /// From starting the process to the first 200 of `/health`.
    pub(crate) started_in: Duration,
}

/// Credentials of an app.
pub(crate) struct App {
    pub(crate) id: String,
    pub(crate) secret: String,
}

impl Deployment {
    pub(crate) fn new(binary: &Path, database_url: Option<&str>) -> Result<Self> {
        let data = tempfile::tempdir().map_err(|error| format!("scratch directory: {error}"))?;
        let database_url = database_url.map(ToOwned::to_owned);
        Ok(Self {
            binary: binary.to_owned(),
            data,
            database_url,
        })
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.binary);
        // As in production: one JSON line per request. (It goes to a file.)
        command
            .env("DOORWARD_LOG_FORMAT", "json")
            .env("DOORWARD_LOG_LEVEL", "info")
            .env_remove("DATABASE_URL")
            .current_dir(self.data.path())
            .stdin(Stdio::null());
        if let Some(url) = &self.database_url {
            command.arg("--database-url").arg(url);
        }
        command
    }

    /// Starts the server and waits until it is healthy.
    pub(crate) fn start(&self) -> Result<Server> {
        let (public, operator) = (free_address()?, free_address()?);
        let log_path = self.data.path().join("bench.log");
        let log = File::create(&log_path).map_err(|error| format!("log file: {error}"))?;
        let mut command = self.command();
        command
            .arg("dev")
            .arg("--data-dir")
            .arg(self.data.path().join("data"))
            .args(["--port", &public.port().to_string()])
            .args(["--admin-port", &operator.port().to_string()])
            .stdout(Stdio::null())
            .stderr(log);
        let began = Instant::now();
        let child = command
            .spawn()
            .map_err(|error| format!("{}: {error}", self.binary.display()))?;
        let mut server = Server {
            child,
            public,
            operator,
            started_in: Duration::ZERO,
        };
        while began.elapsed() < Duration::from_secs(30) {
            let health = Client::connect(public).and_then(|mut client| client.get("/health"));
            if health.is_ok_and(|answer| answer.status == 200) {
                server.started_in = began.elapsed();
                return Ok(server);
            }
            if let Ok(Some(status)) = server.child.try_wait() {
                let log = fs::read_to_string(&log_path).unwrap_or_default();
                return Err(format!("the server ended ({status}): {log}"));
            }
            sleep(Duration::from_micros(500));
        }
        Err("the server did not become healthy in 30 seconds".to_owned())
    }

    /// Where an embedded deployment keeps everything.
    pub(crate) fn database_file(&self) -> PathBuf {
        self.data.path().join("data").join("doorward.db")
    }

    /// Makes a key to the operator face.
    pub(crate) fn create_admin_key(&self) -> Result<String> {
        text(
            &self.run(&["admin-key", "create", "--name", "bench"])?,
            "admin_key",
        )
    }

    /// Makes an app by the command line, beside the running server.
    pub(crate) fn create_app(&self) -> Result<App> {
        let created = self.run(&["app", "create", "--name", "Bench", "--slug", "bench"])?;
        Ok(App {
            id: text(&created, "app_id")?,
            secret: text(&created, "app_secret")?,
        })
    }

    /// Makes an organization in which an admin has so many permissions; gives its id.
    pub(crate) fn create_organization(&self, permissions: usize) -> Result<String> {
        let names: Vec<String> = (0..permissions)
            .map(|number| format!("resource{number}:write"))
            .collect();
        let mut define = vec!["role", "define", "admin", "--app", "bench"];
        for name in &names {
            define.extend(["--permission", name]);
        }
        self.run(&define)?;
        let created = self.run(&["org", "create", "--name", "Bench", "--app", "bench"])?;
        text(&created, "id")
    }

    /// A command beside the running server, and what it printed.
    fn run(&self, args: &[&str]) -> Result<serde_json::Value> {
        let what = args.join(" ");
        let output = self
            .command()
            .args(args)
            .args(["--json", "--data-dir"])
            .arg(self.data.path().join("data"))
            .output()
            .map_err(|error| format!("{what}: {error}"))?;
        let stderr = String::from_utf8_lossy(&output.stderr);
        serde_json::from_slice(&output.stdout).map_err(|error| format!("{what}: {error}: {stderr}"))
    }
}

fn text(printed: &serde_json::Value, name: &str) -> Result<String> {
    printed
        .get(name)
        .and_then(serde_json::Value::as_str)
        .map(ToOwned::to_owned)
        .ok_or_else(|| format!("the command printed no {name}"))
}

impl Server {
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Asked to end, not killed: the next start shall find a tidy database, as after an upgrade.
        let asked = Command::new("kill").arg(self.pid().to_string()).status();
        for _ in 0..500 {
            if asked.is_err() || !matches!(self.child.try_wait(), Ok(None)) {
                break;
            }
            sleep(Duration::from_millis(10));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_address() -> Result<SocketAddr> {
    std::net::TcpListener::bind(("127.0.0.1", 0))
        .and_then(|listener| listener.local_addr())
        .map_err(|error| format!("no free port: {error}"))
}
