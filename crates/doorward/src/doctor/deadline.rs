//! Asking somebody elsewhere, until a point in time, however slowly it speaks.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs as _};
use std::time::{Duration, Instant};

/// A point in time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deadline(Instant);

impl Deadline {
    pub(super) fn after(time: Duration) -> Self {
        Self(Instant::now() + time)
    }

    /// The earlier of the two.
    pub(super) fn or(self, other: Self) -> Self {
        Self(self.0.min(other.0))
    }

    /// What is left of it.
    fn left(self) -> io::Result<Duration> {
        let left = self.0.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(late());
        }
        Ok(left)
    }
}

fn late() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "it did not answer in time")
}

/// The addresses of a name. The system's resolver has its own patience, so it is asked by a thread that
/// may go on without us.
pub(super) fn addresses(host: &str, port: u16, until: Deadline) -> io::Result<Vec<SocketAddr>> {
    let (tell, told) = std::sync::mpsc::channel();
    let host = host.to_owned();
    std::thread::Builder::new().spawn(move || {
        let found = (host.as_str(), port).to_socket_addrs();
        // Nobody waits for it any more.
        drop(tell.send(found.map(Iterator::collect)));
    })?;
    told.recv_timeout(until.left()?).map_err(|_| late())?
}

/// A connection that lives until then, not for each word anew.
pub(super) struct Timed {
    stream: TcpStream,
    until: Deadline,
}

impl Timed {
    pub(super) fn connect(address: &SocketAddr, until: Deadline) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(address, until.left()?)?;
        Ok(Self { stream, until })
    }
}

/// What a socket's timeout is called differs between systems.
fn told(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => late(),
        _ => error,
    }
}

impl Read for Timed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.set_read_timeout(Some(self.until.left()?))?;
        self.stream.read(buffer).map_err(told)
    }
}

impl Write for Timed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.set_write_timeout(Some(self.until.left()?))?;
        self.stream.write(bytes).map_err(told)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}
