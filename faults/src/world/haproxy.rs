//! HAProxy before the nodes, with the configuration that operators are given.

use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::node::Node;
use super::process::{Process, find, free_address, until};
use crate::Result;
use crate::http::Client;

const PACKAGED: &str = include_str!("../../../packaging/haproxy/haproxy.cfg");

/// A running balancer.
pub(crate) struct Haproxy {
    pub(crate) address: SocketAddr,
    _process: Process,
}

impl Haproxy {
    pub(crate) fn start(directory: &Path, nodes: &[&Node]) -> Result<Self> {
        let program = find("haproxy").ok_or("HAProxy is not installed")?;
        let address = free_address()?;
        let file = directory.join("haproxy.cfg");
        fs::write(&file, configuration(address, nodes)?)
            .map_err(|error| format!("haproxy.cfg: {error}"))?;
        let mut command = Command::new(program);
        command.arg("-db").arg("-f").arg(&file);
        let process = Process::start(&command, &directory.join("haproxy.log"), "KILL")?;
        let ready = until("HAProxy answers", Duration::from_secs(10), || {
            Client::new(address, 0)
                .get("/health", "")
                .is_ok_and(|answer| answer.status == 200)
        });
        ready.map_err(|error| format!("{error}\n{}", process.last_words()))?;
        Ok(Self {
            address,
            _process: process,
        })
    }
}

/// The packaged file with our addresses: without TLS and what serves certificates, which a test has
/// none of, and with the clients' own X-Forwarded-For, so that they are as many as they say.
fn configuration(address: SocketAddr, nodes: &[&Node]) -> Result<String> {
    let mut out = String::new();
    let (mut left_out, mut bound, mut backends) = (false, false, 0);
    for line in PACKAGED.lines() {
        if !line.starts_with([' ', '#']) && !line.is_empty() {
            left_out = matches!(line, "frontend plain" | "backend acme");
        }
        let word = line.trim_start();
        let is_for_production = ["user ", "group ", "stats socket "]
            .iter()
            .any(|start| word.starts_with(start));
        let is_forwarding = word.starts_with("http-request set-header X-Forwarded-For");
        if left_out || is_for_production || is_forwarding {
        } else if word.starts_with("bind ") {
            bound = true;
            let _ = writeln!(out, "    bind {address}");
        } else if word.starts_with("server node1 ") {
            backends += 1;
            for node in nodes {
                let _ = writeln!(out, "    server {} {}", node.name, node.public);
            }
        } else if !word.starts_with("server ") {
            let _ = writeln!(out, "{line}");
        }
    }
    if bound && backends == 2 {
        Ok(out)
    } else {
        Err("packaging/haproxy/haproxy.cfg has changed its form".to_owned())
    }
}
