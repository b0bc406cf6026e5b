//! The accept loop, over real sockets.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::routing::{get, post};
use doorward_http::{Drained, Peer, ServeOptions, serve};
use hyper::body::Frame;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::Interval;

/// Eight drops in four seconds.
struct Drip {
    beat: Interval,
    left: u8,
}

impl Drip {
    fn slowly() -> Self {
        let beat = tokio::time::interval(Duration::from_millis(500));
        Self { beat, left: 8 }
    }
}

impl hyper::body::Body for Drip {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        ready!(self.beat.poll_tick(cx));
        self.left -= 1;
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"drop ")))))
    }
}

struct Server {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    running: JoinHandle<std::io::Result<Drained>>,
}

impl Server {
    async fn start(options: ServeOptions) -> Self {
        let router = Router::new()
            .route("/", get(async || "hello"))
            .route(
                "/peer",
                get(async |axum::Extension(Peer(peer))| peer.ip().to_string()),
            )
            .route("/echo", post(async |body: String| body))
            .route(
                "/slow",
                get(async || tokio::time::sleep(Duration::from_millis(400)).await),
            )
            .route("/drip", get(async || Body::new(Drip::slowly())))
            .route(
                "/hang",
                get(async || tokio::time::sleep(Duration::from_secs(60)).await),
            );
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let running = tokio::spawn(serve(listener, router, options, async {
            stopped.await.unwrap();
        }));
        Self {
            address,
            stop: Some(stop),
            running,
        }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    async fn stop(mut self) -> Drained {
        self.stop.take().unwrap().send(()).unwrap();
        self.running.await.unwrap().unwrap()
    }
}

fn short() -> ServeOptions {
    ServeOptions {
        header_timeout: Duration::from_millis(300),
        idle_timeout: Duration::from_millis(900),
        ..ServeOptions::default()
    }
}

/// Everything until the server closes, and how long that took.
async fn until_closed(stream: &mut TcpStream) -> (String, Duration) {
    let (started, mut text) = (Instant::now(), Vec::new());
    let read = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut text)).await;
    let _reset_counts_as_closed = read.expect("the server should have closed the connection");
    (String::from_utf8(text).unwrap(), started.elapsed())
}

async fn answer(stream: &mut TcpStream) -> String {
    let mut buffer = vec![0; 4096];
    let length = stream.read(&mut buffer).await.unwrap();
    String::from_utf8(buffer[..length].to_vec()).unwrap()
}

#[tokio::test]
async fn serves_http1_and_cleartext_http2() {
    let server = Server::start(ServeOptions::default()).await;
    let one = reqwest::Client::builder().http1_only().build().unwrap();
    let two = reqwest::Client::builder()
        .http2_prior_knowledge()
        .build()
        .unwrap();
    for (client, version) in [
        (one, reqwest::Version::HTTP_11),
        (two, reqwest::Version::HTTP_2),
    ] {
        let response = client.get(server.url("/peer")).send().await.unwrap();
        assert_eq!(response.version(), version);
        assert_eq!(response.text().await.unwrap(), "127.0.0.1");
    }
}

#[tokio::test]
async fn slow_headers_are_cut_off() {
    let options = ServeOptions {
        idle_timeout: Duration::from_secs(75),
        ..short()
    };
    let server = Server::start(options).await;
    // A header that begins late, on a connection that was served before.
    let mut stream = server.connect().await;
    stream
        .write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .unwrap();
    assert!(answer(&mut stream).await.ends_with("hello"));
    tokio::time::sleep(Duration::from_millis(500)).await;
    stream.write_all(b"GET / HT").await.unwrap();
    let (_, took) = until_closed(&mut stream).await;
    assert!(took < Duration::from_secs(8), "{took:?}");
    // Says nothing; says half a request line; dribbles a byte at a time.
    for opening in ["", "GET / HT"] {
        let mut stream = server.connect().await;
        stream.write_all(opening.as_bytes()).await.unwrap();
        let (_, took) = until_closed(&mut stream).await;
        assert!(took >= Duration::from_millis(250), "{took:?}");
        assert!(took < Duration::from_secs(8), "{took:?}");
    }
    let (mut read, mut write) = server.connect().await.into_split();
    let started = Instant::now();
    let dribble = tokio::spawn(async move {
        for byte in
            "GET / HTTP/1.1\r\nx: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy".bytes()
        {
            if write.write_all(&[byte]).await.is_err() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    });
    let mut rest = Vec::new();
    let _closed = read.read_to_end(&mut rest).await;
    assert!(
        started.elapsed() < Duration::from_secs(6),
        "{:?}",
        started.elapsed()
    );
    dribble.abort();
}

#[tokio::test]
async fn idle_connections_are_closed_but_not_too_early() {
    let server = Server::start(short()).await;
    let mut stream = server.connect().await;
    for _ in 0..2 {
        // Longer than the header time-out, shorter than the idle one.
        stream
            .write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
            .await
            .unwrap();
        assert!(answer(&mut stream).await.ends_with("hello"));
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    let mut stream = server.connect().await;
    stream
        .write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .unwrap();
    assert!(answer(&mut stream).await.ends_with("hello"));
    let (_, took) = until_closed(&mut stream).await;
    assert!(took >= Duration::from_millis(800), "{took:?}");
}

#[tokio::test]
async fn pipelined_and_chunked_requests_are_answered_in_order() {
    let server = Server::start(ServeOptions::default()).await;
    let mut stream = server.connect().await;
    stream
        .write_all(
            b"POST /echo HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n\
              3\r\none\r\n0\r\n\r\n\
              POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\n\r\ntwo\
              GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
        )
        .await
        .unwrap();
    let (text, _) = until_closed(&mut stream).await;
    let at = |needle: &str| {
        text.find(needle)
            .unwrap_or_else(|| panic!("{needle} in {text}"))
    };
    assert!(at("one") < at("two") && at("two") < at("hello"));
}

#[tokio::test]
async fn two_lengths_are_refused() {
    let server = Server::start(ServeOptions::default()).await;
    for headers in [
        "content-length: 3\r\ncontent-length: 4\r\n",
        "content-length: 3\r\ntransfer-encoding: chunked, identity\r\n",
        "transfer-encoding: xchunked\r\n",
    ] {
        let mut stream = server.connect().await;
        let request = format!("POST /echo HTTP/1.1\r\nhost: x\r\n{headers}\r\nabc");
        stream.write_all(request.as_bytes()).await.unwrap();
        let (text, _) = until_closed(&mut stream).await;
        assert!(text.starts_with("HTTP/1.1 400"), "{headers}: {text}");
    }
}

/// Sends these bytes as they are, and gives everything until the server closes.
async fn raw(server: &Server, bytes: &str) -> String {
    let mut stream = server.connect().await;
    stream.write_all(bytes.as_bytes()).await.unwrap();
    until_closed(&mut stream).await.0
}

#[tokio::test]
async fn requests_that_can_be_read_in_two_ways_are_refused() {
    let server = Server::start(ServeOptions::default()).await;
    const CHUNKS: &str = "3\r\nabc\r\n0\r\n\r\n";
    // What follows must not be answered: nobody knows whether it is a request.
    const NEXT: &str = "GET / HTTP/1.1\r\nhost: x\r\n\r\n";
    for (head, body) in [
        ("", ""),
        ("host: x\r\nhost: x\r\n", ""),
        ("host: x\r\nHost: y\r\n", ""),
        ("host:\r\n", ""),
        ("host: user@x\r\n", ""),
        ("host: x, y\r\n", ""),
        (
            "host: x\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n",
            CHUNKS,
        ),
        (
            "host: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 18\r\n",
            CHUNKS,
        ),
        (
            "transfer-encoding: chunked\r\nhost: x\r\ncontent-length: 0\r\n",
            CHUNKS,
        ),
        ("host: x\r\ntransfer-encoding: gzip, chunked\r\n", CHUNKS),
        ("host: x\r\ntransfer-encoding: chunked, chunked\r\n", CHUNKS),
        (
            "host: x\r\ntransfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n",
            CHUNKS,
        ),
        ("host: x\r\ntransfer-encoding: identity\r\n", "abc"),
        ("host: x\r\ntransfer-encoding : chunked\r\n", CHUNKS),
    ] {
        let bytes = format!("POST /echo HTTP/1.1\r\n{head}\r\n{body}{NEXT}");
        let text = raw(&server, &bytes).await;
        assert!(text.starts_with("HTTP/1.1 400"), "{head:?}: {text:?}");
        assert_eq!(text.matches("HTTP/1.1").count(), 1, "{head:?}: {text:?}");
    }
    // Also on a connection that has been served before, and in an absolute form.
    let mut stream = server.connect().await;
    stream.write_all(NEXT.as_bytes()).await.unwrap();
    assert!(answer(&mut stream).await.ends_with("hello"));
    let second = format!(
        "POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n{CHUNKS}"
    );
    stream.write_all(second.as_bytes()).await.unwrap();
    let (text, _) = until_closed(&mut stream).await;
    assert!(text.starts_with("HTTP/1.1 400"), "{text}");
    let absolute = raw(&server, "GET http://x/ HTTP/1.1\r\n\r\n").await;
    assert!(absolute.starts_with("HTTP/1.1 400"), "{absolute}");
    // HTTP/1.0 knows no Host, which probes of load balancers make use of.
    let old = raw(&server, "GET / HTTP/1.0\r\n\r\n").await;
    assert!(old.ends_with("hello"), "{old}");
}

#[tokio::test]
async fn a_slow_answer_is_no_idle_connection() {
    let server = Server::start(short()).await;
    let request = "GET /drip HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    let text = raw(&server, request).await;
    assert_eq!(text.matches("drop ").count(), 8, "{text}");
}

#[tokio::test]
async fn an_http2_connection_has_32_streams() {
    const END_STREAM_AND_HEADERS: u8 = 0x5;
    let server = Server::start(ServeOptions::default()).await;
    let mut stream = server.connect().await;
    let frame = |kind: u8, flags: u8, id: u8, payload: &[u8]| {
        let length = u8::try_from(payload.len()).unwrap();
        [&[0, 0, length, kind, flags, 0, 0, 0, id], payload].concat()
    };
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    bytes.extend(frame(0x4, 0, 0, &[]));
    for n in 0..33 {
        // RFC 7541 appendix A: GET, http, a literal path, a literal authority.
        let fields = b"\x82\x86\x44\x05/hang\x41\x01x";
        bytes.extend(frame(0x1, END_STREAM_AND_HEADERS, 2 * n + 1, fields));
    }
    stream.write_all(&bytes).await.unwrap();
    let (mut announced, mut refused) = (None, None);
    while refused.is_none() {
        let mut head = [0; 9];
        stream.read_exact(&mut head).await.unwrap();
        let mut payload = vec![0; usize::from(u16::from_be_bytes([head[1], head[2]]))];
        stream.read_exact(&mut payload).await.unwrap();
        match head[3] {
            // SETTINGS: MAX_CONCURRENT_STREAMS is 0x3.
            0x4 => {
                announced = announced.or(payload
                    .chunks(6)
                    .find(|setting| setting[..2] == [0, 3])
                    .map(|setting| setting[5]));
            }
            // RST_STREAM
            0x3 => refused = Some((head[8], payload[3])),
            _ => {}
        }
    }
    const REFUSED_STREAM: u8 = 0x7;
    assert_eq!((announced, refused), (Some(32), Some((65, REFUSED_STREAM))));
}

#[tokio::test]
async fn huge_headers_are_refused() {
    let server = Server::start(ServeOptions::default()).await;
    let mut stream = server.connect().await;
    let request = format!(
        "GET / HTTP/1.1\r\nhost: x\r\nx: {}\r\n\r\n",
        "y".repeat(64 * 1024)
    );
    let _may_fail_when_refused_early = stream.write_all(request.as_bytes()).await;
    let (text, _) = until_closed(&mut stream).await;
    assert!(
        text.is_empty() || text.starts_with("HTTP/1.1 431"),
        "{text}"
    );
    let many = "x: y\r\n".repeat(65);
    let mut stream = server.connect().await;
    stream
        .write_all(format!("GET / HTTP/1.1\r\n{many}\r\n").as_bytes())
        .await
        .unwrap();
    assert!(answer(&mut stream).await.starts_with("HTTP/1.1 431"));
}

#[tokio::test]
async fn too_many_connections_are_turned_away() {
    let server = Server::start(ServeOptions {
        max_connections: 2,
        ..ServeOptions::default()
    })
    .await;
    let (mut one, two) = (server.connect().await, server.connect().await);
    one.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .unwrap();
    assert!(answer(&mut one).await.ends_with("hello"));
    let (text, _) = until_closed(&mut server.connect().await).await;
    assert!(text.starts_with("HTTP/1.1 503"), "{text}");
    drop(two);
    // Its place becomes free again.
    for attempt in 0.. {
        let mut stream = server.connect().await;
        let _ = stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
        let mut buffer = vec![0; 4096];
        let length = stream.read(&mut buffer).await.unwrap_or(0);
        if buffer[..length].starts_with(b"HTTP/1.1 200") {
            break;
        }
        assert!(attempt < 50, "the place never became free");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn shutdown_lets_requests_finish_and_accepts_no_more() {
    let server = Server::start(ServeOptions::default()).await;
    let (address, url) = (server.address, server.url("/slow"));
    let idle = server.connect().await;
    let in_flight = tokio::spawn(async move { reqwest::get(url).await.unwrap().status() });
    tokio::time::sleep(Duration::from_millis(150)).await;
    let drained = server.stop().await;
    assert_eq!(drained, Drained { cut_off: 0 });
    assert_eq!(in_flight.await.unwrap(), 200);
    assert!(TcpStream::connect(address).await.is_err());
    drop(idle);
}

#[tokio::test]
async fn shutdown_does_not_wait_for_ever() {
    let options = ServeOptions {
        drain_timeout: Duration::from_millis(200),
        ..short()
    };
    let server = Server::start(options).await;
    let url = server.url("/hang");
    let hanging = tokio::spawn(async move { reqwest::get(url).await });
    tokio::time::sleep(Duration::from_millis(150)).await;
    let started = Instant::now();
    assert_eq!(server.stop().await, Drained { cut_off: 1 });
    assert!(started.elapsed() < Duration::from_secs(5));
    assert!(hanging.await.unwrap().is_err());
}

/// A public face on a socket, over SQLite.
async fn face(
    options: doorward_http::ShellOptions,
) -> (SocketAddr, doorward_testkit::platform::Platform) {
    let database = doorward_testkit::database::TestDatabase::sqlite().await;
    let platform = doorward_testkit::platform::Platform::start(&database).await;
    let router = doorward_http::public_router(doorward_http::PublicFace {
        core: platform.core.clone(),
        health_secret: None,
        options,
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(serve(
        listener,
        router,
        ServeOptions::default(),
        std::future::pending(),
    ));
    (address, platform)
}

const SEND: &str = "POST /auth/send-otp HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n";

#[tokio::test]
async fn slow_bodies_are_cut_off() {
    let options = doorward_http::ShellOptions {
        request_timeout: Duration::from_millis(300),
        ..Default::default()
    };
    let (address, _platform) = face(options).await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream
        .write_all(format!("{SEND}content-length: 50\r\n\r\n{{\"app").as_bytes())
        .await
        .unwrap();
    let (text, took) = until_closed(&mut stream).await;
    assert!(
        text.starts_with("HTTP/1.1 503") && text.contains("SERVICE_UNAVAILABLE"),
        "{text}"
    );
    assert!(took < Duration::from_secs(5), "{took:?}");
}

#[tokio::test]
async fn large_bodies_are_refused_announced_or_not() {
    let (address, _platform) = face(doorward_http::ShellOptions {
        body_limit: 1_000,
        ..Default::default()
    })
    .await;
    // Announced: refused without waiting for any of it.
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream
        .write_all(format!("{SEND}content-length: 1001\r\n\r\n").as_bytes())
        .await
        .unwrap();
    assert!(answer(&mut stream).await.starts_with("HTTP/1.1 413"));
    // In chunks, without an end.
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream
        .write_all(format!("{SEND}transfer-encoding: chunked\r\n\r\n").as_bytes())
        .await
        .unwrap();
    let chunk = format!("100\r\n{}\r\n", " ".repeat(256));
    for _ in 0..4 {
        stream.write_all(chunk.as_bytes()).await.unwrap();
    }
    assert!(answer(&mut stream).await.starts_with("HTTP/1.1 413"));
    // A body that ends early is the client's fault.
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream
        .write_all(format!("{SEND}transfer-encoding: chunked\r\n\r\nzz\r\n").as_bytes())
        .await
        .unwrap();
    assert!(answer(&mut stream).await.starts_with("HTTP/1.1 400"));
}
