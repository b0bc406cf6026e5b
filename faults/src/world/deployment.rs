//! A deployment: a database, a master key, and any number of nodes, set up as in production.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use serde_json::Value;

use super::catcher::Catcher;
use super::node::Node;
use super::process::{free_address, run};
use crate::Result;
use crate::load::app::App;
use crate::say;

const MASTER_KEY: &str = "c7a1e05f3b9d42688f10d2a97be4563c1e8f7b60a5d3942cbe017f6ad8395124";

/// Everything that its nodes share.
pub(crate) struct Deployment {
    binary: PathBuf,
    pub(crate) directory: tempfile::TempDir,
    database_url: String,
    pub(crate) catcher: Catcher,
    settings: Vec<(&'static str, String)>,
}

impl Deployment {
    /// On a database that is there (PostgreSQL), or on a file of its own (SQLite).
    pub(crate) fn new(binary: &Path, database_url: Option<&str>) -> Result<Self> {
        let directory = scratch()?;
        let of_its_own = format!("sqlite:{}", directory.path().join("doorward.db").display());
        Ok(Self {
            binary: binary.to_owned(),
            database_url: database_url.map_or(of_its_own, ToOwned::to_owned),
            directory,
            catcher: Catcher::start()?,
            settings: Vec::new(),
        })
    }

    /// With an environment variable for every node.
    #[must_use]
    pub(crate) fn with(mut self, name: &'static str, value: impl ToString) -> Self {
        self.settings.push((name, value.to_string()));
        self
    }

    fn command(&self, binary: &Path) -> Command {
        let mut command = Command::new(binary);
        command
            .env_clear()
            .env("DOORWARD_DATABASE_URL", &self.database_url)
            .env("DOORWARD_MASTER_KEY", MASTER_KEY)
            .env("DOORWARD_PUBLIC_URL", "https://auth.example.com")
            .env("DOORWARD_TRUSTED_PROXIES", "127.0.0.1")
            .env("DOORWARD_HEALTH_SECRET", "0123456789abcdef")
            .env(
                "DOORWARD_EMAIL_WEBHOOK_URL",
                format!("http://{}/", self.catcher.address),
            )
            .env("DOORWARD_EMAIL_WEBHOOK_SECRET", MASTER_KEY)
            .env("DOORWARD_UNREADY_SECONDS", "2")
            .current_dir(self.directory.path());
        for (name, value) in &self.settings {
            command.env(name, value);
        }
        command
    }

    /// A node on ports of its own, not yet started.
    pub(crate) fn node(&self, name: &str) -> Result<Node> {
        self.node_of(name, &self.binary)
    }

    /// A node that runs another program.
    pub(crate) fn node_of(&self, name: &str, binary: &Path) -> Result<Node> {
        let (public, operator) = (free_address()?, free_address()?);
        let command = self.serve(binary, public.port(), operator.port());
        let log = self.directory.path().join(format!("{name}.log"));
        Ok(Node::new(name.to_owned(), public, operator, command, log))
    }

    /// What starts a node.
    pub(crate) fn serve(&self, binary: &Path, port: u16, admin_port: u16) -> Command {
        let mut command = self.command(binary);
        command
            .arg("serve")
            .args(["--port", &port.to_string()])
            .args(["--admin-port", &admin_port.to_string()]);
        command
    }

    /// A command beside the nodes, and what it printed.
    pub(crate) fn cli(&self, arguments: &[&str]) -> Result<Value> {
        self.cli_of(&self.binary, arguments)
    }

    /// The same, of another program.
    pub(crate) fn cli_of(&self, binary: &Path, arguments: &[&str]) -> Result<Value> {
        let printed = run(self.command(binary).args(arguments).arg("--json"))
            .map_err(|error| format!("{arguments:?}: {error}"))?;
        serde_json::from_str(&printed).map_err(|error| format!("{arguments:?}: {error}"))
    }

    /// An app whose limits are no matter, with an organization and licences.
    pub(crate) fn app(&self, slug: &str) -> Result<App> {
        App::create(self, slug)
    }
}

/// Whether directories stay, with every log and database in them.
static KEPT: AtomicBool = AtomicBool::new(false);

/// From now on they do.
pub(crate) fn keep_scratch() {
    KEPT.store(true, Relaxed);
}

/// A directory that other accounts may enter (PostgreSQL is one).
pub(crate) fn scratch() -> Result<tempfile::TempDir> {
    use std::os::unix::fs::PermissionsExt as _;
    let kept = KEPT.load(Relaxed);
    let directory = tempfile::Builder::new()
        .prefix("doorward-faults-")
        .permissions(std::fs::Permissions::from_mode(0o755))
        .disable_cleanup(kept)
        .tempdir()
        .map_err(|error| format!("scratch directory: {error}"))?;
    if kept {
        say(&format!("  kept: {}", directory.path().display()));
    }
    Ok(directory)
}
