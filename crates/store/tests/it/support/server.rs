//! A PostgreSQL of one test's own, which it may stop, start and give a certificate.

use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use doorward_testkit::database::{admin_url, skip_without_postgres};

/// The password of the superuser `postgres`.
const PASSWORD: &str = "test-only";

/// The server; stopped when dropped.
pub(crate) struct Server {
    directory: tempfile::TempDir,
    programs: PathBuf,
    /// The account it runs as when the tests run as root, which PostgreSQL refuses.
    account: Option<(u32, u32)>,
    port: u16,
}

impl Server {
    /// A new one, running. `None`, after saying so, when there is no PostgreSQL to test with.
    pub(crate) fn start() -> Option<Self> {
        let server = Self::new()?;
        server.run("initdb", |initdb| {
            initdb.args(["--no-sync", "-U", "postgres", "-A", "scram-sha-256"]);
            initdb.arg("--pwfile").arg(server.path("password"));
        });
        server.boot();
        Some(server)
    }

    /// A standby of this one, running.
    pub(crate) fn standby(&self) -> Option<Self> {
        let standby = Self::new()?;
        let from = self.url("127.0.0.1", "");
        standby.run("pg_basebackup", |copy| {
            copy.args(["--checkpoint=fast", "--no-sync", "-R", "-d", &from]);
        });
        standby.boot();
        Some(standby)
    }

    /// A directory, programs and a port.
    fn new() -> Option<Self> {
        admin_url()?;
        let Some(programs) = programs() else {
            skip_without_postgres();
            return None;
        };
        let directory = tempfile::tempdir().expect("a scratch directory");
        let account = (std::fs::metadata("/proc/self").expect("/proc").uid() == 0)
            .then(|| (number("-u"), number("-g")));
        let port = TcpListener::bind("127.0.0.1:0")
            .and_then(|listener| listener.local_addr())
            .expect("a port")
            .port();
        let server = Self {
            directory,
            programs,
            account,
            port,
        };
        server.give("password", PASSWORD);
        if let Some((user, group)) = account {
            chown(server.directory.path(), Some(user), Some(group)).expect("chown");
        }
        Some(server)
    }

    /// The URL of its superuser and first database, with parameters.
    pub(crate) fn url(&self, host: &str, parameters: &str) -> String {
        format!(
            "postgres://postgres:{PASSWORD}@{host}:{}/postgres{parameters}",
            self.port
        )
    }

    /// Where it listens.
    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    /// A standby becomes a primary.
    pub(crate) fn promote(&self) {
        self.run("pg_ctl", |pg_ctl| {
            pg_ctl.args(["-w", "promote"]);
        });
    }

    /// Every process of it stands still, as on a machine that is frozen.
    pub(crate) fn freeze(&self) {
        self.signal("-STOP");
    }

    /// And goes on.
    pub(crate) fn wake(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let file = std::fs::read_to_string(self.path("data/postmaster.pid")).expect("it runs");
        let first = file.lines().next().expect("a process id").to_owned();
        let children = Command::new("ps")
            .args(["-o", "pid=", "--ppid", &first])
            .output()
            .expect("ps runs");
        let children = String::from_utf8_lossy(&children.stdout).into_owned();
        // A child may have ended meanwhile.
        let mut kill = Command::new("kill");
        kill.args([signal, &first])
            .args(children.split_whitespace());
        kill.stderr(Stdio::null()).status().expect("kill runs");
    }

    /// A file in its directory.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Puts a file that only the server can read into its directory.
    pub(crate) fn give(&self, name: &str, content: &str) {
        let path = self.path(name);
        std::fs::write(&path, content).expect("writes");
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).expect("chmod");
        if let Some((user, group)) = self.account {
            chown(&path, Some(user), Some(group)).expect("chown");
        }
    }

    /// Adds lines to its settings; they count from the next start on.
    pub(crate) fn configure(&self, lines: &str) {
        let path = self.path("data/postgresql.conf");
        let settings = std::fs::read_to_string(&path).expect("reads");
        std::fs::write(&path, settings + lines).expect("writes");
    }

    /// Replaces the rules of who may connect; they count from the next start on.
    pub(crate) fn admit(&self, rules: &str) {
        std::fs::write(self.path("data/pg_hba.conf"), rules).expect("writes");
    }

    /// Starts it again.
    pub(crate) fn boot(&self) {
        let options = format!(
            "-p {} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off",
            self.port
        );
        self.run("pg_ctl", |pg_ctl| {
            pg_ctl
                .arg("-l")
                .arg(self.path("log"))
                .arg("-o")
                .arg(options)
                .args(["-w", "start"]);
        });
    }

    /// Stops it; open connections are cut.
    pub(crate) fn stop(&self) {
        self.run("pg_ctl", |pg_ctl| {
            pg_ctl.args(["-m", "fast", "-w", "stop"]);
        });
    }

    fn command(&self, program: &str) -> Command {
        let program = self.programs.join(program);
        let mut command = match self.account {
            Some((user, group)) => {
                let mut command = Command::new("setpriv");
                command
                    .arg(format!("--reuid={user}"))
                    .arg(format!("--regid={group}"))
                    .arg("--clear-groups")
                    .arg(program);
                command
            }
            None => Command::new(program),
        };
        command
            .arg("-D")
            .arg(self.path("data"))
            .current_dir(self.directory.path());
        // pg_ctl's child would keep a pipe open for ever.
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command
    }

    fn run(&self, program: &str, arguments: impl FnOnce(&mut Command)) {
        let mut command = self.command(program);
        arguments(&mut command);
        let status = command.status().expect("runs");
        let log = std::fs::read_to_string(self.path("log")).unwrap_or_default();
        assert!(status.success(), "{program} failed: {log}");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.path("data/postmaster.pid").exists() {
            self.wake();
        }
        // It may be stopped already.
        drop(
            self.command("pg_ctl")
                .args(["-m", "immediate", "-w", "stop"])
                .status(),
        );
    }
}

fn programs() -> Option<PathBuf> {
    #[expect(
        clippy::disallowed_methods,
        reason = "where programs are, not a setting of ours"
    )]
    let path = std::env::var("PATH").unwrap_or_default();
    let packaged = Path::new("/usr/lib/postgresql")
        .read_dir()
        .into_iter()
        .flatten()
        .flatten();
    std::env::split_paths(&path)
        .chain(packaged.map(|version| version.path().join("bin")))
        .find(|directory| {
            let needed = ["initdb", "pg_ctl", "pg_basebackup"];
            needed.iter().all(|name| directory.join(name).exists())
        })
}

fn number(flag: &str) -> u32 {
    let output = Command::new("id")
        .args([flag, "postgres"])
        .output()
        .expect("id runs");
    String::from_utf8_lossy(&output.stdout)
        .trim()
        .parse()
        .expect("an account named postgres")
}
