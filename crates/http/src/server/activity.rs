//! What a connection has been doing, as seen by its reads and its requests.
//!
//! hyper's own header time-out also closes idle keep-alive connections, so one number would have to
//! serve two purposes; and before the protocol is known, and on HTTP/2, there is none at all.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::framing::HeadScan;

/// No header is being read.
const NONE: u64 = u64::MAX;

/// Milliseconds count from `opened`.
#[derive(Debug)]
pub(super) struct Activity {
    opened: Instant,
    in_flight: AtomicUsize,
    idle_since: AtomicU64,
    header_since: AtomicU64,
    http2: AtomicBool,
    head: Mutex<HeadScan>,
}

impl Activity {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            opened: Instant::now(),
            in_flight: AtomicUsize::new(0),
            idle_since: AtomicU64::new(0),
            // The first header is due from the moment the connection stands.
            header_since: AtomicU64::new(0),
            http2: AtomicBool::new(false),
            head: Mutex::default(),
        })
    }

    fn now(&self) -> u64 {
        u64::try_from(self.opened.elapsed().as_millis()).unwrap_or(NONE - 1)
    }

    /// A request's header is complete.
    pub(super) fn request_begins(self: &Arc<Self>, http2: bool) -> InFlight {
        self.in_flight.fetch_add(1, Relaxed);
        self.header_since.store(NONE, Relaxed);
        self.http2.store(http2, Relaxed);
        InFlight(Arc::clone(self))
    }

    /// Whether the head that has just been read announced its body's length in two ways.
    pub(super) fn two_framings(&self) -> bool {
        self.head().take_two_framings()
    }

    fn head(&self) -> std::sync::MutexGuard<'_, HeadScan> {
        self.head.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn bytes_arrived(&self, bytes: &[u8]) {
        // Bytes while nothing is in flight begin a header; on HTTP/2 they may be housekeeping.
        if self.in_flight.load(Relaxed) == 0 && !self.http2.load(Relaxed) {
            self.head().read(bytes);
            let _other = self
                .header_since
                .compare_exchange(NONE, self.now(), Relaxed, Relaxed);
        }
    }

    /// When the connection has to be looked at next, and whether its time is over already.
    pub(super) fn deadline(&self, header: Duration, idle: Duration) -> Deadline {
        if self.in_flight.load(Relaxed) > 0 {
            return Deadline::LookAgain(Instant::now() + header.min(idle));
        }
        let idle_end = self.opened + Duration::from_millis(self.idle_since.load(Relaxed)) + idle;
        let end = match self.header_since.load(Relaxed) {
            NONE => idle_end,
            since => idle_end.min(self.opened + Duration::from_millis(since) + header),
        };
        let now = Instant::now();
        if end <= now {
            Deadline::Over
        } else {
            // A header may begin meanwhile, and its time is the shorter one.
            Deadline::LookAgain(end.min(now + header))
        }
    }
}

/// What [`Activity::deadline`] found.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Deadline {
    /// Nothing to do before this.
    LookAgain(Instant),
    /// The connection has had its time.
    Over,
}

/// A request in flight; dropping it ends it.
pub(super) struct InFlight(Arc<Activity>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.idle_since.store(self.0.now(), Relaxed);
        self.0.in_flight.fetch_sub(1, Relaxed);
    }
}

/// A stream whose reads are noticed.
pub(super) struct Watched {
    pub(super) stream: TcpStream,
    pub(super) activity: Arc<Activity>,
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if let Some(arrived) = buffer.filled().get(before..)
            && !arrived.is_empty()
        {
            self.activity.bytes_arrived(arrived);
        }
        read
    }
}

impl AsyncWrite for Watched {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, buffers)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
