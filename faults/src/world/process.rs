//! Child processes: found, started, signalled, and never left behind.

use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::Result;

/// A running child. It is killed when dropped.
pub(crate) struct Process {
    child: Child,
    name: String,
    log: PathBuf,
}

impl Process {
    /// Starts a command whose output goes to a file.
    ///
    /// By way of `setpriv`, so that the child gets `last_signal` when this process dies, however it
    /// dies.
    pub(crate) fn start(command: &Command, log: &Path, last_signal: &str) -> Result<Self> {
        let name = command.get_program().to_string_lossy().into_owned();
        let failed = |error: std::io::Error| format!("{name}: {error}");
        let out = File::options()
            .create(true)
            .append(true)
            .open(log)
            .map_err(failed)?;
        let mut wrapped = Command::new("setpriv");
        wrapped
            .args(["--pdeathsig", last_signal, "--"])
            .arg(command.get_program())
            .args(command.get_args())
            // Nothing of our own environment but this.
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default());
        for (key, value) in command.get_envs() {
            if let Some(value) = value {
                wrapped.env(key, value);
            }
        }
        if let Some(directory) = command.get_current_dir() {
            wrapped.current_dir(directory);
        }
        let child = wrapped
            .stdin(Stdio::null())
            .stdout(out.try_clone().map_err(failed)?)
            .stderr(out)
            .spawn()
            .map_err(failed)?;
        Ok(Self {
            child,
            name,
            log: log.to_owned(),
        })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, signal: Signal) -> Result {
        signal_pid(self.pid(), signal)
    }

    /// Waits for its end; gives its exit code.
    pub(crate) fn wait(&mut self, within: Duration) -> Result<Option<i32>> {
        let deadline = Instant::now() + within;
        while Instant::now() < deadline {
            match self.child.try_wait() {
                Ok(Some(status)) => return Ok(status.code()),
                Ok(None) => sleep(Duration::from_millis(5)),
                Err(error) => return Err(format!("{}: {error}", self.name)),
            }
        }
        Err(format!("{} did not end within {within:?}", self.name))
    }

    /// Whether it has ended by itself.
    pub(crate) fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// The end of its log, for an error message.
    pub(crate) fn last_words(&self) -> String {
        last_lines(&fs::read_to_string(&self.log).unwrap_or_default())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The end of a log.
pub(crate) fn last_lines(log: &str) -> String {
    let lines: Vec<&str> = log.lines().collect();
    let from = lines.len().saturating_sub(8);
    lines.get(from..).unwrap_or_default().join("\n")
}

/// Sends a signal to any process.
pub(crate) fn signal_pid(pid: u32, signal: Signal) -> Result {
    let raw = i32::try_from(pid).ok().and_then(Pid::from_raw);
    let pid = raw.ok_or_else(|| format!("{pid} is no process"))?;
    kill_process(pid, signal).map_err(|error| format!("kill: {error}"))
}

/// Runs a command to its end; gives what it printed.
pub(crate) fn run(command: &mut Command) -> Result<String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("{name}: {error}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(format!(
        "{name}: {}{}",
        String::from_utf8_lossy(&output.stderr),
        String::from_utf8_lossy(&output.stdout)
    ))
}

/// A command that runs as the account of PostgreSQL when we are root, which it refuses to be.
///
/// With a last signal of its own: a change of account takes away the one that
/// [`Process::start`] asked for.
pub(crate) fn as_postgres(program: &Path, last_signal: &str) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command
        .args(["--reuid=postgres", "--regid=postgres", "--clear-groups"])
        .args(["--pdeathsig", last_signal, "--"])
        .arg(program);
    command
}

/// Gives a directory to that account.
pub(crate) fn give_to_postgres(directory: &Path) -> Result {
    if is_root() {
        run(Command::new("chown")
            .arg("-R")
            .arg("postgres:postgres")
            .arg(directory))?;
    }
    Ok(())
}

pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// A program, in `PATH` or where packages put those for the administrator.
pub(crate) fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin".into(), "/usr/local/sbin".into()])
        .map(|folder| folder.join(name))
        .find(|path| path.is_file())
}

/// This process stays on one core until the guard is dropped.
pub(crate) struct Pinned;

/// Pins every thread of this process, and those it will have, to one core.
pub(crate) fn pin_this_process(core: usize) -> Result<Pinned> {
    pin(&core.to_string()).map(|()| Pinned)
}

fn pin(cores: &str) -> Result {
    let pid = std::process::id().to_string();
    run(Command::new("taskset").args(["-a", "-c", "-p", cores, &pid])).map(drop)
}

impl Drop for Pinned {
    fn drop(&mut self) {
        drop(pin("0-1023"));
    }
}

/// The programs of the newest PostgreSQL.
pub(crate) fn postgres_programs() -> Option<PathBuf> {
    let mut found: Vec<(u32, PathBuf)> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let version = entry.file_name().to_str()?.parse().ok()?;
            let programs = entry.path().join("bin");
            programs
                .join("initdb")
                .is_file()
                .then_some((version, programs))
        })
        .collect();
    found.sort();
    found
        .pop()
        .map(|(_, programs)| programs)
        .or_else(|| find("initdb").and_then(|path| path.parent().map(Path::to_owned)))
}

/// A port that nobody listens on at this moment.
pub(crate) fn free_address() -> Result<SocketAddr> {
    TcpListener::bind(("127.0.0.1", 0))
        .and_then(|listener| listener.local_addr())
        .map_err(|error| format!("no free port: {error}"))
}

/// Asks until it holds.
pub(crate) fn until(
    what: &str,
    within: Duration,
    mut holds: impl FnMut() -> bool,
) -> Result<Duration> {
    let began = Instant::now();
    while began.elapsed() < within {
        if holds() {
            return Ok(began.elapsed());
        }
        sleep(Duration::from_millis(5));
    }
    Err(format!("not within {within:?}: {what}"))
}
