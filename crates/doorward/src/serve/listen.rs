//! The two ports, taken before anything else is touched.

use std::io;
use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpSocket};

use crate::Outcome;
use crate::config::Config;
use crate::failure::Failure;

/// Connections that may wait to be accepted.
const BACKLOG: u32 = 1_024;

/// How somebody chooses another port, for the message.
#[derive(Debug, Clone, Copy)]
pub(super) enum Named {
    /// By settings: `doorward serve`.
    BySettings,
    /// By flags: `doorward dev`.
    ByFlags,
}

/// Both ports, taken but not yet open: nobody can connect before there is somebody to answer.
pub(super) struct Ports {
    pub(super) public: Port,
    pub(super) operator: Port,
}

impl Ports {
    /// Takes both ports.
    pub(super) fn take(config: &Config, named: Named) -> Outcome<Self> {
        let (public_flag, operator_flag) = match named {
            Named::BySettings => (
                "--port (DOORWARD_PORT)",
                "--admin-port (DOORWARD_ADMIN_PORT)",
            ),
            Named::ByFlags => ("--port", "--admin-port"),
        };
        Ok(Self {
            public: Port::take("public", config.server.listen, public_flag)?,
            operator: Port::take("operator", config.admin.listen, operator_flag)?,
        })
    }
}

/// One port.
pub(super) struct Port {
    face: &'static str,
    flag: &'static str,
    /// Where it really is: a port 0 has become a free one.
    pub(super) address: SocketAddr,
    socket: TcpSocket,
}

impl Port {
    fn take(face: &'static str, wanted: SocketAddr, flag: &'static str) -> Outcome<Self> {
        let take = || {
            let socket = if wanted.is_ipv4() {
                TcpSocket::new_v4()
            } else {
                TcpSocket::new_v6()
            }?;
            // Without it a restart has to wait until the connections of its predecessor are
            // forgotten. Another program that listens is found all the same.
            socket.set_reuseaddr(true)?;
            socket.bind(wanted)?;
            Ok((socket.local_addr()?, socket))
        };
        match take() {
            Ok((address, socket)) => Ok(Self {
                face,
                flag,
                address,
                socket,
            }),
            Err(error) => Err(failure(face, wanted, flag, &error)),
        }
    }

    /// Opens it.
    pub(super) fn open(self) -> Outcome<TcpListener> {
        let Self {
            face,
            flag,
            address,
            socket,
        } = self;
        socket
            .listen(BACKLOG)
            .map_err(|error| failure(face, address, flag, &error))
    }
}

fn failure(face: &str, address: SocketAddr, flag: &str, error: &io::Error) -> Failure {
    let (ip, port) = (address.ip(), address.port());
    let why = match error.kind() {
        io::ErrorKind::AddrInUse => format!(
            "Port {port} on {ip} is in use by another program (another doorward, perhaps): stop \
             it, or choose another port with {flag}."
        ),
        io::ErrorKind::PermissionDenied => format!(
            "Port {port} on {ip} needs rights this process does not have: choose one above 1023 \
             with {flag}."
        ),
        io::ErrorKind::AddrNotAvailable => {
            format!("This machine has no address {ip}: choose one it has, or 127.0.0.1.")
        }
        _ => format!("Cannot listen on {address}: {error}."),
    };
    Failure::failed("LISTEN", format!("The {face} face does not start. {why}"))
}
