//! Whether the configured ports are free, ours, or somebody else's.

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use doorward_service::doctor::Finding;
use serde_json::Value;

use super::machine;
use crate::config::Config;

/// Longest wait for whoever holds a port.
const PATIENCE: Duration = Duration::from_secs(2);
/// Longest answer that is read: `/health` is shorter.
const LONGEST: usize = 64 * 1024;

/// A face and the setting that says where it listens.
#[derive(Clone, Copy)]
pub(crate) struct Face {
    /// The finding's name.
    pub(crate) id: &'static str,
    setting: &'static str,
}

/// Both.
pub(crate) const PUBLIC: Face = Face {
    id: "ports.public",
    setting: "DOORWARD_PORT",
};
pub(crate) const OPERATOR: Face = Face {
    id: "ports.operator",
    setting: "DOORWARD_ADMIN_PORT",
};

/// Who is at a port.
enum Holder {
    Nobody,
    Doorward,
    Another,
    /// Nobody answers, and we could not listen there either.
    Refused(std::io::Error),
}

/// Both ports, as a command beside the servers sees them.
pub(crate) async fn beside(config: &Config) -> [Finding; 2] {
    let public = look(PUBLIC, config.server.listen).await;
    let operator = look(OPERATOR, config.admin.listen).await;
    let operator = match operator.advice {
        Some(_) => operator,
        None => machine::operator_port(config.admin.listen, Some(&operator.seen)),
    };
    [public, operator]
}

/// One port.
pub(crate) async fn look(face: Face, listen: SocketAddr) -> Finding {
    let Face { id, setting } = face;
    let host = match id {
        "ports.public" => "DOORWARD_HOST",
        _ => "DOORWARD_ADMIN_HOST",
    };
    match holder(listen).await {
        Holder::Nobody => Finding::ok(id, format!("{listen} is free: no server runs there now")),
        Holder::Doorward => Finding::ok(id, format!("a Doorward answers at {listen}")),
        Holder::Another => Finding::fail(
            id,
            format!("{listen} is held by something that is not Doorward"),
            format!(
                "Find it (`ss -ltnp 'sport = :{}'`) and stop it, or set {setting} to a free port.",
                listen.port()
            ),
        ),
        Holder::Refused(error) => {
            let advice = match error.kind() {
                ErrorKind::PermissionDenied => format!(
                    "Set {setting} to 1024 or more, or give the server's user the right \
                     (AmbientCapabilities=CAP_NET_BIND_SERVICE in the systemd unit). The right counts \
                     for the user who runs this command."
                ),
                ErrorKind::AddrNotAvailable => {
                    format!("Set {host} to an address of this machine (`ip address` lists them).")
                }
                _ => format!(
                    "Find who holds it (`ss -ltnp 'sport = :{}'`) and stop it, or set {setting} to a \
                     free port.",
                    listen.port()
                ),
            };
            Finding::fail(
                id,
                format!("nobody can listen on {listen}: {error}"),
                advice,
            )
        }
    }
}

async fn holder(listen: SocketAddr) -> Holder {
    // Port 0 is whatever is free.
    if listen.port() == 0 {
        return Holder::Nobody;
    }
    let connect = tokio::net::TcpStream::connect(reached(listen));
    let connected = tokio::time::timeout(PATIENCE, connect).await;
    let answers = connected.is_ok_and(|connected| connected.is_ok());
    if answers {
        return match is_doorward(reached(listen)).await {
            true => Holder::Doorward,
            false => Holder::Another,
        };
    }
    match bind(listen) {
        Ok(()) => Holder::Nobody,
        Err(error) => Holder::Refused(error),
    }
}

/// As a server does it, which may listen where connections of the last one still end.
fn bind(listen: SocketAddr) -> std::io::Result<()> {
    let socket = match listen {
        SocketAddr::V4(_) => tokio::net::TcpSocket::new_v4(),
        SocketAddr::V6(_) => tokio::net::TcpSocket::new_v6(),
    }?;
    socket.set_reuseaddr(true)?;
    socket.bind(listen)?;
    socket.listen(1).map(drop)
}

/// Whether `/health` is answered as Doorward does: 200 or 503, and a `status` of its two words.
async fn is_doorward(address: SocketAddr) -> bool {
    let ask = async {
        let client = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(PATIENCE)
            .build()?;
        let mut answer = client
            .get(format!("http://{address}/health"))
            .send()
            .await?;
        let status = answer.status().as_u16();
        let mut body = Vec::new();
        while let Some(piece) = answer.chunk().await? {
            body.extend_from_slice(&piece);
            if body.len() > LONGEST {
                break;
            }
        }
        let body: Value = serde_json::from_slice(&body).unwrap_or_default();
        let word = body.get("status").and_then(Value::as_str);
        Ok::<_, reqwest::Error>(matches!(
            (status, word),
            (200, Some("ok")) | (503, Some("unavailable"))
        ))
    };
    ask.await.unwrap_or(false)
}

/// The address to ask, for the address a server listens on.
pub(crate) fn reached(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}
