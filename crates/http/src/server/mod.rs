//! The accept loop: bounded in connections, in header size and in time, and able to stop gracefully.
//!
//! `axum::serve` has no header time-out, no idle time-out and no limit of connections, so the loop
//! is ours, over the same hyper.

mod activity;
mod connection;
mod framing;

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use crate::share::Shares;

/// Bounds of the accept loop.
#[derive(Debug, Clone)]
pub struct ServeOptions {
    /// Time for the whole header of a request, from its first byte (from the connection for the
    /// first request).
    pub header_timeout: Duration,
    /// Time a connection may be without any request.
    pub idle_timeout: Duration,
    /// Longest header of a request, in bytes (at least 8 KiB).
    pub max_header_bytes: usize,
    /// Most connections at once; one more is told 503 and closed. No peer address gets the last
    /// eighth of them.
    pub max_connections: usize,
    /// Time that requests in flight get to finish when the server stops.
    pub drain_timeout: Duration,
}

impl Default for ServeOptions {
    fn default() -> Self {
        Self {
            header_timeout: Duration::from_secs(10),
            // Longer than the 60 s of the usual load balancers, so that they close first.
            idle_timeout: Duration::from_secs(75),
            max_header_bytes: 16 * 1024,
            max_connections: 4_096,
            drain_timeout: Duration::from_secs(15),
        }
    }
}

/// How serving ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drained {
    /// Connections cut off because their requests did not finish in time.
    pub cut_off: usize,
}

/// Serves until `shutdown` resolves; then stops accepting, lets requests in flight finish, and
/// returns when they have or when `drain_timeout` is over.
///
/// # Errors
/// When the listener itself cannot be used any more.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    options: ServeOptions,
    shutdown: impl Future<Output = ()>,
) -> io::Result<Drained> {
    let max = options.max_connections.clamp(1, Semaphore::MAX_PERMITS);
    let places = Arc::new(Semaphore::new(max));
    let shares = Shares::of(max);
    let (stop, stopping) = watch::channel(false);
    let mut connections = JoinSet::new();
    let builder = Arc::new(connection::builder(&options));
    tokio::pin!(shutdown);
    loop {
        tokio::select! {
            biased;
            () = &mut shutdown => break,
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => match (
                    Arc::clone(&places).try_acquire_owned(),
                    shares.take(peer.ip()),
                ) {
                    (Ok(place), Some(share)) => {
                        let connection = connection::run(
                            stream, peer, Arc::clone(&builder), router.clone(),
                            options.clone(), stopping.clone(),
                        );
                        connections.spawn(async move {
                            connection.await;
                            drop((place, share));
                        });
                    }
                    _ => turn_away(&stream),
                },
                Err(error) => after_accept_error(&error).await?,
            },
        }
    }
    drop(listener);
    stop.send_replace(true);
    let drained = async { while connections.join_next().await.is_some() {} };
    // A connection that is still there after the time-out is dropped with the set.
    let _in_time = tokio::time::timeout(options.drain_timeout, drained).await;
    Ok(Drained {
        cut_off: connections.len(),
    })
}

/// Too many connections. Best effort: the socket's buffer is empty, so this does not block.
fn turn_away(stream: &TcpStream) {
    metrics::counter!("doorward_connections_refused_total").increment(1);
    const BUSY: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\n\
        content-length: 0\r\nconnection: close\r\n\r\n";
    if let Err(error) = stream.try_write(BUSY) {
        tracing::debug!(%error, "could not turn a connection away politely");
    }
}

/// A failed accept concerns one connection (it is gone) or all (out of descriptors: wait for some).
async fn after_accept_error(error: &io::Error) -> io::Result<()> {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, InvalidInput};
    match error.kind() {
        ConnectionAborted | ConnectionRefused | ConnectionReset => Ok(()),
        InvalidInput => Err(io::Error::new(error.kind(), error.to_string())),
        _ => {
            tracing::error!(%error, "cannot accept connections; trying again");
            tokio::time::sleep(Duration::from_millis(100)).await;
            Ok(())
        }
    }
}
