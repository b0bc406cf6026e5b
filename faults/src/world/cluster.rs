//! PostgreSQL under Patroni: three members and etcd, on this machine, replicating synchronously.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::{Value, json};

use super::deployment::scratch;
use super::postgres::family;
use super::process::{
    Process, as_postgres, find, free_address, give_to_postgres, postgres_programs, signal_pid,
    until,
};
use crate::Result;
use crate::http::Client;

/// Seconds after which a silent primary is replaced.
pub(crate) const TTL: u64 = 10;

/// Three members. All of it is killed when dropped.
pub(crate) struct Cluster {
    members: Vec<Member>,
    directory: tempfile::TempDir,
    etcd: SocketAddr,
    _etcd: Process,
}

struct Member {
    name: String,
    api: SocketAddr,
    address: SocketAddr,
    config: PathBuf,
    data: PathBuf,
    log: PathBuf,
    patroni: Option<Process>,
}

impl Cluster {
    /// Starts it, and waits until there are a primary and a synchronous standby.
    pub(crate) fn start() -> Result<Self> {
        let directory = scratch()?;
        give_to_postgres(directory.path())?;
        let (etcd, process) = start_etcd(directory.path())?;
        let mut cluster = Self {
            members: Vec::new(),
            directory,
            etcd,
            _etcd: process,
        };
        for n in 1..=3 {
            let mut member = cluster.member(n)?;
            member.start()?;
            cluster.members.push(member);
        }
        cluster.wait_until_whole(Duration::from_secs(90))?;
        Ok(cluster)
    }

    fn member(&self, number: usize) -> Result<Member> {
        let name = format!("pg{number}");
        let (api, address) = (free_address()?, free_address()?);
        let inside = |file: String| self.directory.path().join(file);
        let member = Member {
            config: inside(format!("{name}.yml")),
            data: inside(format!("{name}-data")),
            log: inside(format!("{name}.log")),
            name,
            api,
            address,
            patroni: None,
        };
        // JSON is YAML.
        let config = self.config(&member)?.to_string();
        fs::write(&member.config, config).map_err(|error| format!("patroni.yml: {error}"))?;
        Ok(member)
    }

    fn config(&self, member: &Member) -> Result<Value> {
        let programs = postgres_programs().ok_or("PostgreSQL is not installed")?;
        let trust = [
            "host all all 127.0.0.1/32 trust",
            "host replication all 127.0.0.1/32 trust",
        ];
        let account = json!({ "username": "postgres", "password": "unused" });
        Ok(json!({
            "scope": "doorward",
            "name": member.name,
            "restapi": { "listen": member.api, "connect_address": member.api },
            // The older protocol, which compares before it writes. By the newer one Patroni before 3.0.3
            // (Debian 12 has 3.0.2) may take the leader's key back from whoever took over when it wakes
            // up, and what was acknowledged since is thrown away (its pull request 2689).
            "etcd": { "host": self.etcd },
            "bootstrap": {
                "dcs": {
                    "ttl": TTL,
                    "loop_wait": 1,
                    "retry_timeout": 3,
                    "synchronous_mode": true,
                    "primary_start_timeout": 0,
                    "postgresql": {
                        "use_pg_rewind": true,
                        "parameters": {
                            "max_connections": 100,
                            "wal_log_hints": "on",
                            "unix_socket_directories": "",
                        },
                    },
                },
                "initdb": [{ "encoding": "UTF8" }, "no-locale", "no-sync", { "auth": "trust" }],
                "pg_hba": trust,
            },
            "postgresql": {
                "listen": member.address,
                "connect_address": member.address,
                "data_dir": member.data,
                "bin_dir": programs,
                "pgpass": format!("{}.pgpass", member.config.display()),
                "authentication": {
                    "superuser": account, "replication": account, "rewind": account,
                },
                "pg_hba": trust,
            },
        }))
    }

    /// Every member, for a client that looks for the primary by itself.
    pub(crate) fn url(&self) -> String {
        let hosts: Vec<String> = self
            .members
            .iter()
            .map(|member| member.address.to_string())
            .collect();
        format!("postgres://postgres@{}/postgres", hosts.join(","))
    }

    /// What the members say of each other: (name, role, state).
    fn seen(&self) -> Vec<(String, String, String)> {
        let seen = self.members.iter().find_map(|member| {
            let answer = Client::new(member.api, 0)
                .patient(Duration::from_secs(2))
                .get("/cluster", "")
                .ok()?;
            answer.body.get("members")?.as_array().cloned()
        });
        let text = |member: &Value, name: &str| {
            let text = member.get(name).and_then(Value::as_str);
            text.unwrap_or_default().to_owned()
        };
        seen.unwrap_or_default()
            .iter()
            .map(|member| {
                (
                    text(member, "name"),
                    text(member, "role"),
                    text(member, "state"),
                )
            })
            .collect()
    }

    fn primary(&self) -> Result<String> {
        self.seen()
            .into_iter()
            .find(|(_, role, state)| role == "leader" && state == "running")
            .map(|(name, _, _)| name)
            .ok_or_else(|| "the cluster has no primary".to_owned())
    }

    /// A primary, a synchronous standby, and nobody missing.
    pub(crate) fn wait_until_whole(&self, within: Duration) -> Result {
        let whole = until("the cluster is whole", within, || {
            sleep(Duration::from_millis(200));
            let seen = self.seen();
            let has = |role: &str| seen.iter().any(|(_, found, _)| found == role);
            let well = |state: &str| matches!(state, "running" | "streaming");
            seen.len() == self.members.len()
                && seen.iter().all(|(_, _, state)| well(state))
                && has("leader")
                && has("sync_standby")
        });
        whole.map(drop).map_err(|error| {
            let logs = self.members.iter().map(Member::last_words);
            let seen = self.seen();
            format!("{error}: {seen:?}\n{}", logs.collect::<Vec<_>>().join("\n"))
        })
    }

    /// An orderly change of the primary; gives how long it took.
    pub(crate) fn switch_over(&self) -> Result<Duration> {
        let primary = self.primary()?;
        let member = self.named(&primary)?;
        let began = Instant::now();
        let answer = Client::new(member.api, 0)
            .post("/switchover", "", &json!({ "leader": primary }))
            .map_err(|error| format!("switchover: {}", error.0))?;
        if !answer.is_good() {
            return Err(format!("switchover: {}", answer.status));
        }
        self.wait_for_another(&primary)?;
        Ok(began.elapsed())
    }

    /// kill -9 of the primary and of its Patroni, as when its machine dies; gives its name.
    pub(crate) fn kill_primary(&mut self) -> Result<String> {
        let primary = self.primary()?;
        let member = self
            .members
            .iter_mut()
            .find(|member| member.name == primary)
            .ok_or("no such member")?;
        if let Some(patroni) = member.patroni.take() {
            patroni.signal(Signal::KILL)?;
        }
        member.kill_postgres();
        Ok(primary)
    }

    /// Every process of the primary stands still, its Patroni too, as on a machine that is frozen;
    /// gives its name. Connections to it are still accepted, by its kernel.
    pub(crate) fn freeze_primary(&self) -> Result<String> {
        let primary = self.primary()?;
        self.signal(&primary, Signal::STOP)?;
        Ok(primary)
    }

    /// It wakes up, and finds that another one has taken over.
    pub(crate) fn wake(&self, name: &str) -> Result {
        self.signal(name, Signal::CONT)
    }

    fn signal(&self, name: &str, signal: Signal) -> Result {
        let member = self.named(name)?;
        let patroni = member.patroni.as_ref().map(Process::pid);
        for pid in patroni.into_iter().chain(family(&member.data)) {
            drop(signal_pid(pid, signal));
        }
        Ok(())
    }

    /// Until somebody else is the primary.
    pub(crate) fn wait_for_another(&self, before: &str) -> Result {
        until("another primary", Duration::from_secs(60), || {
            sleep(Duration::from_millis(100));
            self.primary().is_ok_and(|now| now != before)
        })
        .map(drop)
    }

    /// Starts a member again.
    pub(crate) fn revive(&mut self, name: &str) -> Result {
        self.members
            .iter_mut()
            .find(|member| member.name == name)
            .ok_or("no such member")?
            .start()
    }

    fn named(&self, name: &str) -> Result<&Member> {
        self.members
            .iter()
            .find(|member| member.name == name)
            .ok_or_else(|| format!("no member {name}"))
    }
}

impl Member {
    fn start(&mut self) -> Result {
        let program = find("patroni").ok_or("Patroni is not installed")?;
        let mut command = as_postgres(&program, "TERM");
        command.arg(&self.config);
        if let Some(directory) = self.config.parent() {
            command.current_dir(directory);
        }
        // At TERM it stops its PostgreSQL too.
        self.patroni = Some(Process::start(&command, &self.log, "TERM")?);
        Ok(())
    }

    fn kill_postgres(&self) {
        for pid in family(&self.data) {
            drop(signal_pid(pid, Signal::KILL));
        }
    }

    fn last_words(&self) -> String {
        self.patroni
            .as_ref()
            .map_or_else(String::new, Process::last_words)
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        drop(self.patroni.take());
        self.kill_postgres();
    }
}

fn start_etcd(directory: &Path) -> Result<(SocketAddr, Process)> {
    let (client, peer) = (free_address()?, free_address()?);
    let program = find("etcd").ok_or("etcd is not installed")?;
    let mut command = Command::new(program);
    command
        .arg("--data-dir")
        .arg(directory.join("etcd"))
        .args(["--listen-client-urls", &format!("http://{client}")])
        .args(["--advertise-client-urls", &format!("http://{client}")])
        .args(["--listen-peer-urls", &format!("http://{peer}")])
        .args(["--initial-advertise-peer-urls", &format!("http://{peer}")])
        .args(["--initial-cluster", &format!("default=http://{peer}")])
        .arg("--enable-v2")
        // One machine, and nothing worth keeping.
        .arg("--unsafe-no-fsync");
    let process = Process::start(&command, &directory.join("etcd.log"), "KILL")?;
    let ready = until("etcd answers", Duration::from_secs(20), || {
        Client::new(client, 0)
            .patient(Duration::from_secs(2))
            .get("/health", "")
            .is_ok_and(|answer| answer.is_good())
    });
    ready.map_err(|error| format!("{error}\n{}", process.last_words()))?;
    Ok((client, process))
}
