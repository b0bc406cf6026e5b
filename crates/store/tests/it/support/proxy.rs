//! A TCP proxy before PostgreSQL that counts round trips.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// The proxy; ends with the runtime.
pub(crate) struct Proxy {
    port: u16,
    trips: Arc<AtomicU64>,
    loses: Arc<AtomicBool>,
}

impl Proxy {
    /// Before a server on this machine.
    pub(crate) async fn before(server: (String, u16)) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let trips = Arc::new(AtomicU64::new(0));
        let counter = trips.clone();
        let loses = Arc::new(AtomicBool::new(false));
        let losing = loses.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(server.clone())
                    .await
                    .expect("the server answers");
                tokio::spawn(relay(client, server, counter.clone(), losing.clone()));
            }
        });
        Self { port, trips, loses }
    }

    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    /// How often the client spoke again after the server had answered.
    pub(crate) fn round_trips(&self) -> u64 {
        self.trips.load(Ordering::SeqCst)
    }

    /// The next answer does not arrive: instead the client is told what a pooler says that lost the
    /// server.
    pub(crate) fn lose_the_server(&self) {
        self.loses.store(true, Ordering::SeqCst);
    }
}

/// As PgBouncer says it.
const LOST: &[u8] = b"SFATAL\0VFATAL\0C08P01\0Mserver conn crashed?\0\0";

async fn relay(
    mut client: TcpStream,
    mut server: TcpStream,
    trips: Arc<AtomicU64>,
    loses: Arc<AtomicBool>,
) {
    let (mut up, mut down) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    let mut answered = true;
    loop {
        tokio::select! {
            read = client.read(&mut up) => {
                let Ok(length @ 1..) = read else { return };
                if std::mem::take(&mut answered) {
                    trips.fetch_add(1, Ordering::SeqCst);
                }
                if server.write_all(&up[..length]).await.is_err() { return }
            }
            read = server.read(&mut down) => {
                let Ok(length @ 1..) = read else { return };
                answered = true;
                if loses.swap(false, Ordering::SeqCst) {
                    // It does meanwhile what it was asked for.
                    tokio::time::sleep(Duration::from_millis(300)).await;
                    let length = u32::try_from(LOST.len() + 4).expect("short").to_be_bytes();
                    let told = [b"E".as_slice(), &length, LOST].concat();
                    let _ = client.write_all(&told).await;
                    return;
                }
                if client.write_all(&down[..length]).await.is_err() { return }
            }
        }
    }
}
