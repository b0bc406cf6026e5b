//! A private PostgreSQL that can be restarted, paused and killed.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::Signal;

use super::deployment::scratch;
use super::process::{
    Process, as_postgres, free_address, give_to_postgres, postgres_programs, run, signal_pid, until,
};
use crate::Result;

/// A server. It is killed when dropped.
pub(crate) struct Postgres {
    programs: PathBuf,
    process: Option<Process>,
    directory: tempfile::TempDir,
    port: u16,
}

/// Longest start (after a crash it recovers first) and orderly end.
const LONG: Duration = Duration::from_secs(60);

impl Postgres {
    /// Creates and starts one, as durable as in production.
    pub(crate) fn start() -> Result<Self> {
        let programs = postgres_programs().ok_or("PostgreSQL is not installed")?;
        let mut server = Self {
            programs,
            process: None,
            directory: scratch()?,
            port: free_address()?.port(),
        };
        give_to_postgres(server.directory.path())?;
        run(as_postgres(&server.programs.join("initdb"), "KILL")
            .arg("--pgdata")
            .arg(server.data())
            .args(["--username=doorward", "--auth=trust", "--encoding=UTF8"])
            .args(["--no-locale", "--no-sync"])
            .current_dir(server.directory.path()))?;
        server.begin()?;
        Ok(server)
    }

    fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    pub(crate) fn url(&self) -> String {
        format!("postgres://doorward@127.0.0.1:{}/postgres", self.port)
    }

    fn begin(&mut self) -> Result {
        let mut command = as_postgres(&self.programs.join("postgres"), "QUIT");
        command
            .arg("-D")
            .arg(self.data())
            .args(["-p", &self.port.to_string()])
            .args(["-c", "listen_addresses=127.0.0.1"])
            .args(["-c", "unix_socket_directories="])
            .args(["-c", "max_connections=200"])
            .current_dir(self.directory.path());
        let log = self.directory.path().join("log");
        let process = Process::start(&command, &log, "QUIT")?;
        let file = self.data().join("postmaster.pid");
        until("PostgreSQL is ready", LONG, || {
            // The eighth line says in which state it is.
            let text = fs::read_to_string(&file).unwrap_or_default();
            let state = text.lines().nth(7).map(str::trim);
            state == Some("ready")
        })
        .map_err(|error| format!("{error}\n{}", process.last_words()))?;
        self.process = Some(process);
        Ok(())
    }

    fn running(&mut self) -> Result<Process> {
        let process = self.process.take();
        process.ok_or_else(|| "PostgreSQL does not run".to_owned())
    }

    /// As `systemctl restart` does it: sessions are ended, and it is back in a moment.
    pub(crate) fn restart(&mut self) -> Result {
        let mut process = self.running()?;
        process.signal(Signal::INT)?;
        process.wait(LONG)?;
        self.begin()
    }

    /// kill -9 of every process of it, and a start, which has to recover from the log.
    pub(crate) fn crash(&mut self) -> Result {
        let mut process = self.running()?;
        let pids = self.pids();
        for pid in &pids {
            // A child may have ended with its parent.
            drop(signal_pid(*pid, Signal::KILL));
        }
        process.wait(LONG)?;
        until("PostgreSQL has ended", LONG, || {
            pids.iter().all(|pid| !is_alive(*pid))
        })?;
        fs::remove_file(self.data().join("postmaster.pid"))
            .map_err(|error| format!("postmaster.pid: {error}"))?;
        self.begin()
    }

    /// Every process of it stands still, as on a machine that is frozen.
    pub(crate) fn pause(&self) -> Result {
        self.signal_all(Signal::STOP)
    }

    /// And goes on.
    pub(crate) fn resume(&self) -> Result {
        self.signal_all(Signal::CONT)
    }

    fn signal_all(&self, signal: Signal) -> Result {
        let pids = self.pids();
        if pids.is_empty() {
            return Err("PostgreSQL does not run".to_owned());
        }
        for pid in pids {
            drop(signal_pid(pid, signal));
        }
        Ok(())
    }

    fn pids(&self) -> Vec<u32> {
        family(&self.data())
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        for pid in self.pids() {
            drop(signal_pid(pid, Signal::KILL));
        }
    }
}

/// The processes of a PostgreSQL, its first one first.
pub(super) fn family(data: &Path) -> Vec<u32> {
    let file = fs::read_to_string(data.join("postmaster.pid")).unwrap_or_default();
    let Some(first) = file.lines().next().and_then(|line| line.parse().ok()) else {
        return Vec::new();
    };
    if !is_alive(first) {
        return Vec::new();
    }
    let mut pids = vec![first];
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let pid = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok());
        if let Some(pid) = pid
            && parent(pid) == Some(first)
        {
            pids.push(pid);
        }
    }
    pids
}

fn parent(pid: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name, in parentheses, may hold anything; behind it: state, parent.
    stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok()
}

/// Whether a process is there and no mere zombie.
fn is_alive(pid: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat"))
        .ok()
        .and_then(|stat| {
            stat.rsplit_once(") ")
                .map(|(_, rest)| !rest.starts_with('Z'))
        })
        .unwrap_or(false)
}
