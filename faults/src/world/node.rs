//! A running `doorward serve`.

use std::fs;
use std::net::SocketAddr;
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::process::{Process, until};
use crate::Result;
use crate::http::Client;

/// Longest start.
const START: Duration = Duration::from_secs(60);

/// One node. Its ports stay its own over restarts.
pub(crate) struct Node {
    pub(crate) name: String,
    pub(crate) public: SocketAddr,
    pub(crate) operator: SocketAddr,
    command: Command,
    log: std::path::PathBuf,
    process: Option<Process>,
}

impl Node {
    pub(super) fn new(
        name: String,
        public: SocketAddr,
        operator: SocketAddr,
        command: Command,
        log: std::path::PathBuf,
    ) -> Self {
        Self {
            name,
            public,
            operator,
            command,
            log,
            process: None,
        }
    }

    /// Starts it and waits until it is healthy; gives how long that took.
    pub(crate) fn start(&mut self) -> Result<Duration> {
        let began = Instant::now();
        self.process = Some(Process::start(&self.command, &self.log, "KILL")?);
        let public = self.public;
        let process = self.process.as_mut().ok_or("it does not run")?;
        let healthy = until("the node is healthy or has ended", START, || {
            let healthy = Client::new(public, 0)
                .patient(Duration::from_secs(2))
                .get("/health", "")
                .is_ok_and(|answer| answer.status == 200);
            healthy || process.has_ended()
        });
        if healthy.is_ok() && !process.has_ended() {
            return Ok(began.elapsed());
        }
        Err(format!(
            "{} does not come up\n{}",
            self.name,
            self.last_words()
        ))
    }

    /// Starts it again as another program, or with other settings.
    pub(crate) fn replace(&mut self, command: Command) {
        self.command = command;
    }

    /// From its next start on it runs on this core only.
    pub(crate) fn pin(&mut self, core: usize) {
        let mut pinned = Command::new("taskset");
        pinned
            .args(["-c", &core.to_string()])
            .arg(self.command.get_program())
            .args(self.command.get_args());
        for (name, value) in self.command.get_envs() {
            if let Some(value) = value {
                pinned.env(name, value);
            }
        }
        if let Some(directory) = self.command.get_current_dir() {
            pinned.current_dir(directory);
        }
        self.command = pinned;
    }

    /// kill -9.
    pub(crate) fn kill(&mut self) -> Result {
        let mut process = self.process.take().ok_or("the node does not run")?;
        process.signal(Signal::KILL)?;
        process.wait(Duration::from_secs(10)).map(drop)
    }

    /// SIGTERM, and its end, which must be a good one.
    pub(crate) fn stop(&mut self) -> Result<Duration> {
        let began = Instant::now();
        let mut process = self.process.take().ok_or("the node does not run")?;
        process.signal(Signal::TERM)?;
        match process.wait(Duration::from_secs(60))? {
            Some(0) => Ok(began.elapsed()),
            code => Err(format!(
                "{} ended with {code:?}\n{}",
                self.name,
                process.last_words()
            )),
        }
    }

    fn last_words(&self) -> String {
        self.process
            .as_ref()
            .map_or_else(String::new, Process::last_words)
    }

    /// Processor time used so far.
    pub(crate) fn processor_time(&self) -> Duration {
        let pid = self.process.as_ref().map_or(0, Process::pid);
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        // Behind the name, in parentheses: state first, utime and stime at 12 and 13, in
        // hundredths of a second (proc(5)).
        let fields = stat.rsplit_once(") ").map_or("", |(_, fields)| fields);
        let times = fields.split(' ').skip(11).take(2);
        let ticks: u64 = times.filter_map(|field| field.parse::<u64>().ok()).sum();
        Duration::from_millis(ticks * 10)
    }

    /// Resident memory in MB: now, and at its highest.
    pub(crate) fn memory_mb(&self) -> Option<(u64, u64)> {
        let pid = self.process.as_ref()?.pid();
        let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let field = |name: &str| {
            let line = status.lines().find(|line| line.starts_with(name))?;
            let kilobytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
            Some(kilobytes / 1024)
        };
        Some((field("VmRSS:")?, field("VmHWM:")?))
    }
}
