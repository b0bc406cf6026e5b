//! The two ports, taken before anything else is touched.

use std::io;
use std::net::SocketAddr;

use tokio::net::TcpListener;

use crate::Outcome;
use crate::config::Config;
use crate::failure::Failure;

/// How somebody chooses another port, for the message.
#[derive(Debug, Clone, Copy)]
pub(super) enum Named {
    /// By settings: `doorward serve`.
    BySettings,
    /// By flags: `doorward dev`.
    ByFlags,
}

/// Both listeners, and where they really listen (a port 0 has become a free one).
pub(super) struct Listeners {
    pub(super) public: SocketAddr,
    pub(super) operator: SocketAddr,
    pub(super) public_listener: TcpListener,
    pub(super) operator_listener: TcpListener,
}

impl Listeners {
    /// Takes both ports.
    pub(super) async fn bind(config: &Config, named: Named) -> Outcome<Self> {
        let (public_name, operator_name) = match named {
            Named::BySettings => (
                "--port (DOORWARD_PORT)",
                "--admin-port (DOORWARD_ADMIN_PORT)",
            ),
            Named::ByFlags => ("--port", "--admin-port"),
        };
        let (public, public_listener) = bind("public", config.server.listen, public_name).await?;
        let (operator, operator_listener) =
            bind("operator", config.admin.listen, operator_name).await?;
        Ok(Self {
            public,
            operator,
            public_listener,
            operator_listener,
        })
    }
}

async fn bind(face: &str, address: SocketAddr, choose: &str) -> Outcome<(SocketAddr, TcpListener)> {
    let failed = |error: io::Error| {
        let (ip, port) = (address.ip(), address.port());
        let why = match error.kind() {
            io::ErrorKind::AddrInUse => format!(
                "Port {port} on {ip} is in use by another program (another doorward, perhaps): \
                 stop it, or choose another port with {choose}."
            ),
            io::ErrorKind::PermissionDenied => format!(
                "Port {port} on {ip} needs rights this process does not have: choose one above \
                 1023 with {choose}."
            ),
            io::ErrorKind::AddrNotAvailable => {
                format!("This machine has no address {ip}: choose one it has, or 127.0.0.1.")
            }
            _ => format!("Cannot listen on {address}: {error}."),
        };
        Failure::failed("LISTEN", format!("The {face} face does not start. {why}"))
    };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok((address, listener))
}
