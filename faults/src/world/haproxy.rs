//! HAProxy before the nodes, with the configuration that the documentation gives to operators.

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

const DOCUMENTED: &str = include_str!("../../../docs/operations/haproxy.cfg");

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

/// The documented file with our addresses: without TLS, which a test has no certificate for, and
/// with the clients' own X-Forwarded-For, so that they are as many as they say.
fn configuration(address: SocketAddr, nodes: &[&Node]) -> Result<String> {
    let mut out = String::new();
    let (mut bound, mut checked, mut unchecked) = (false, false, false);
    for line in DOCUMENTED.lines() {
        let word = line.trim_start();
        if word.starts_with("bind ") {
            bound = true;
            let _ = writeln!(out, "    bind {address}");
        } else if word.starts_with("http-request set-header X-Forwarded-For") {
        } else if word.starts_with("server node1 ") {
            let check = word.ends_with(" check");
            checked |= check;
            unchecked |= !check;
            for node in nodes {
                let check = if check { " check" } else { "" };
                let _ = writeln!(out, "    server {} {}{check}", node.name, node.public);
            }
        } else if word.starts_with("server ") {
        } else {
            let _ = writeln!(out, "{line}");
        }
    }
    if bound && checked && unchecked {
        Ok(out)
    } else {
        Err("docs/operations/haproxy.cfg has changed its form".to_owned())
    }
}
