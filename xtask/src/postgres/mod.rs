//! A private PostgreSQL for one run: its own directory, port and password, gone at the end.
//!
//! A small shell process supervises it and waits for the end of a pipe that this process holds.
//! However this process ends, by itself, by Ctrl-C or by `kill -9`, the pipe closes, and the
//! supervisor stops the server and removes the directory.

mod account;
mod programs;

use std::fs;
use std::io::Read;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use self::account::Account;
use self::programs::Programs;
pub(crate) use self::programs::find_programs;
use crate::{Result, interop, workspace};

const SUPERVISOR: &str = r#"
dir=$1; shift
( "$@" >"$dir/log" 2>&1 </dev/null; echo "$?" >"$dir/exit" ) &
cat >/dev/null
# Nothing in there is worth a tidy shutdown.
if read -r pid <"$dir/data/postmaster.pid"; then kill -QUIT "$pid"; fi 2>/dev/null
wait
rm -rf "$dir"
"#;

const USER: &str = "doorward_test";
const START_TIMEOUT: Duration = Duration::from_secs(60);

/// Arguments of `with-postgres`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Have Python and Node with their packages at hand too
    #[arg(long)]
    interop: bool,
    /// The command and its arguments
    #[arg(last = true, required = true)]
    command: Vec<String>,
}

/// Runs a command beside a private server.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let server = Server::start(Durability::Pretended)?;
    let (program, rest) = args.command.split_first().ok_or("no command")?;
    let mut command = Command::new(program);
    command
        .args(rest)
        .env("DOORWARD_TEST_POSTGRES_URL", server.url());
    if args.interop {
        let (node, modules) = interop::node()?;
        command
            .env(
                "DOORWARD_TEST_PYTHON",
                interop::python(&workspace::target_dir()?)?,
            )
            .env("DOORWARD_TEST_NODE", node)
            .env("DOORWARD_TEST_NODE_MODULES", modules);
    }
    let status = command
        .status()
        .map_err(|error| format!("{program}: {error}"))?;
    drop(server);
    Ok(if status.success() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Whether a commit waits for the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Durability {
    /// As in production.
    Real,
    /// Tests kill our process, never the database or the machine: nothing needs to survive that.
    Pretended,
}

/// A running server.
pub(crate) struct Server {
    supervisor: Child,
    url: String,
}

impl Server {
    /// Creates and starts one.
    pub(crate) fn start(durability: Durability) -> Result<Self> {
        let programs = find_programs().ok_or("no PostgreSQL server programs found")?;
        let account = Account::for_server()?;
        // The port is free when we look and may be taken a moment later: then try another.
        let mut last = String::new();
        for _ in 0..3 {
            match Self::attempt(&programs, account.as_ref(), durability) {
                Ok(server) => return Ok(server),
                Err(message) => last = message,
            }
        }
        Err(format!("PostgreSQL did not start: {last}"))
    }

    fn attempt(
        programs: &Programs,
        account: Option<&Account>,
        durability: Durability,
    ) -> Result<Self> {
        let dir = tempfile::Builder::new()
            .prefix("doorward-pg-")
            .permissions(fs::Permissions::from_mode(0o700))
            .tempdir()
            .map_err(|error| format!("scratch directory: {error}"))?;
        let password = random_hex()?;
        let password_file = dir.path().join("password");
        fs::write(&password_file, &password).map_err(|error| format!("password file: {error}"))?;
        if let Some(account) = account {
            for path in [dir.path(), &password_file] {
                chown(path, Some(account.uid), Some(account.gid))
                    .map_err(|error| format!("chown: {error}"))?;
            }
        }
        create_cluster(programs, account, dir.path(), &password_file)?;
        let port = free_port()?;
        let supervisor = spawn(programs, account, dir.path(), port, durability)?;
        // From here on the supervisor removes the directory.
        let dir = dir.keep();
        let url = format!("postgres://{USER}:{password}@127.0.0.1:{port}/postgres");
        let server = Self { supervisor, url };
        wait_until_ready(&dir)?;
        Ok(server)
    }

    /// `postgres://…` of its maintenance database, as a superuser.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.supervisor.stdin.take());
        let _ = self.supervisor.wait();
    }
}

fn wait_until_ready(dir: &Path) -> Result {
    let deadline = Instant::now() + START_TIMEOUT;
    while Instant::now() < deadline {
        let pid_file = fs::read_to_string(dir.join("data/postmaster.pid")).unwrap_or_default();
        // The eighth line says in which state the server is.
        if pid_file
            .lines()
            .nth(7)
            .is_some_and(|state| state.trim() == "ready")
        {
            return Ok(());
        }
        if dir.join("exit").exists() {
            break;
        }
        sleep(Duration::from_millis(20));
    }
    let log = fs::read_to_string(dir.join("log")).unwrap_or_default();
    Err(workspace::last_lines(&log, 10))
}

fn create_cluster(
    programs: &Programs,
    account: Option<&Account>,
    dir: &Path,
    password_file: &Path,
) -> Result {
    let output = Account::command(account, &programs.initdb)
        .arg("--pgdata")
        .arg(dir.join("data"))
        .arg(format!("--username={USER}"))
        .arg("--pwfile")
        .arg(password_file)
        .args([
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--no-locale",
            "--no-sync",
        ])
        .current_dir(dir)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("initdb: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!(
        "initdb: {}",
        String::from_utf8_lossy(&output.stderr).trim()
    ))
}

fn spawn(
    programs: &Programs,
    account: Option<&Account>,
    dir: &Path,
    port: u16,
    durability: Durability,
) -> Result<Child> {
    let server = Account::command(account, &programs.postgres);
    let mut supervisor = Command::new("/bin/sh");
    supervisor
        .args(["-c", SUPERVISOR, "supervisor"])
        .arg(dir)
        .arg(server.get_program())
        .args(server.get_args())
        .arg("-D")
        .arg(dir.join("data"))
        .arg("-k")
        .arg(dir);
    let port = format!("port={port}");
    let everywhere = [
        "listen_addresses=127.0.0.1",
        &port,
        "max_connections=400",
        "max_wal_size=1GB",
    ];
    let careless: &[&str] = match durability {
        Durability::Real => &[],
        Durability::Pretended => &["fsync=off", "full_page_writes=off"],
    };
    for setting in everywhere.iter().chain(careless) {
        supervisor.arg("-c").arg(setting);
    }
    supervisor
        .current_dir(dir)
        // Its own group, so that Ctrl-C reaches this process only, and then the pipe ends.
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| format!("/bin/sh: {error}"))
}

fn free_port() -> Result<u16> {
    std::net::TcpListener::bind(("127.0.0.1", 0))
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(|error| format!("no free port: {error}"))
}

fn random_hex() -> Result<String> {
    let mut bytes = [0_u8; 16];
    fs::File::open("/dev/urandom")
        .and_then(|mut file| file.read_exact(&mut bytes))
        .map_err(|error| format!("/dev/urandom: {error}"))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
