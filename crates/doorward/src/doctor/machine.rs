//! Ports and limits.

use std::net::{IpAddr, SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

use doorward_service::doctor::Finding;
use rustix::process::{Resource, getrlimit};

use crate::config::Config;

/// Longest wait for an answer of this machine.
const PATIENCE: Duration = Duration::from_millis(500);
/// Files beside connections: databases, logs, libraries.
const OTHER_FILES: u64 = 128;

/// Whether the operator face answers on an address that others reach. `beside`: what a command sees of
/// the port that the configuration names (a server may have been started with another); `None` for the
/// process that listens there.
pub(super) fn operator_port(listen: SocketAddr, beside: Option<&str>) -> Finding {
    let mut finding = reach(listen);
    if let Some(there) = beside {
        finding.seen = format!(
            "by the configuration ({there}; a server that runs tells where it listens in its log and \
             at GET /admin/doctor), {}",
            finding.seen
        );
    }
    finding
}

fn reach(listen: SocketAddr) -> Finding {
    const ID: &str = "ports.operator";
    let advice = "Set admin.host to 127.0.0.1 and reach it through SSH (`ssh -L 3001:127.0.0.1:3001`) \
                  or a private network of its own.";
    if !listen.ip().is_loopback() {
        return Finding::warn(ID, format!("the operator face listens on {listen}"), advice);
    }
    let answering = addresses()
        .into_iter()
        .map(|ip| SocketAddr::new(ip, listen.port()))
        .find(|address| TcpStream::connect_timeout(address, PATIENCE).is_ok());
    match answering {
        Some(address) => Finding::fail(
            ID,
            format!("{address} answers, which others can reach"),
            "Something forwards the operator face's port (a proxy, a container's published port): \
             end that.",
        ),
        None => Finding::ok(ID, format!("the operator face is on {listen} only")),
    }
}

/// The addresses this machine speaks to others with. Nothing is sent for it.
fn addresses() -> Vec<IpAddr> {
    let towards = |from: &str, to: &str| -> Option<IpAddr> {
        let socket = UdpSocket::bind(from).ok()?;
        socket.connect(to).ok()?;
        let ip = socket.local_addr().ok()?.ip();
        (!ip.is_loopback() && !ip.is_unspecified()).then_some(ip)
    };
    // Addresses of documentation: routed like any other, and nobody's.
    [
        towards("0.0.0.0:0", "192.0.2.1:9"),
        towards("[::]:0", "[2001:db8::1]:9"),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Whether as many connections as are allowed can be open.
pub(super) fn open_files(config: &Config) -> Finding {
    const ID: &str = "limits.open_files";
    let faces = u64::try_from(config.limits.connections).unwrap_or(u64::MAX);
    let wanted = faces.saturating_mul(2).saturating_add(OTHER_FILES);
    let allowed = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let seen = format!("{allowed} files may be open, {wanted} could be");
    if allowed < wanted {
        return Finding::warn(
            ID,
            seen,
            "Set LimitNOFILE=65536 in the systemd unit (`ulimit -n`), or lower \
             limits.connections.",
        );
    }
    Finding::ok(ID, seen)
}
