//! The end of a server: what is in flight finishes, nothing new begins.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::support::{App, Server};

/// A request whose head and half of whose body has been sent.
struct Half {
    stream: TcpStream,
    rest: Vec<u8>,
}

impl Half {
    fn send(server: &Server) -> Self {
        let app = App::of(&server.ready);
        let body = serde_json::json!({
            "app_id": app.id, "app_secret": app.secret, "email": "ada@example.com",
            "purpose": "LOGIN",
        })
        .to_string();
        let address = server.public.strip_prefix("http://").unwrap();
        let mut stream = TcpStream::connect(address).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        let head = format!(
            "POST /auth/send-otp HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
             content-length: {}\r\n\r\n",
            body.len()
        );
        let (first, rest) = body.as_bytes().split_at(body.len() / 2);
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(first).unwrap();
        stream.flush().unwrap();
        // The server reads on its own time.
        std::thread::sleep(Duration::from_millis(200));
        Self {
            stream,
            rest: rest.to_vec(),
        }
    }

    fn finish(mut self) -> String {
        self.stream.write_all(&self.rest).unwrap();
        let mut answer = String::new();
        self.stream.read_to_string(&mut answer).unwrap();
        answer
    }
}

#[test]
fn sigterm_lets_requests_in_flight_finish_and_takes_no_new_ones() {
    let dir = tempfile::tempdir().unwrap();
    let mut server = Server::dev(dir.path());
    let half = Half::send(&server);
    server.signal(Signal::TERM);
    let address = server.public.strip_prefix("http://").unwrap().to_owned();
    let began = Instant::now();
    while TcpStream::connect(&address).is_ok() {
        assert!(
            began.elapsed() < Duration::from_secs(5),
            "it still accepts connections"
        );
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(
        server.child.try_wait().unwrap().is_none(),
        "it waits for the request"
    );
    let answer = half.finish();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.contains("otp_request_id"), "{answer}");
    assert_eq!(
        server.exit_code(Duration::from_secs(10)),
        Some(0),
        "{}",
        server.log()
    );
    assert!(server.log().contains("stopped"), "{}", server.log());
}

#[test]
fn a_request_that_never_ends_is_cut_off_after_the_grace() {
    let dir = tempfile::tempdir().unwrap();
    let mut server = Server::dev_with(dir.path(), |command| {
        command.env("DOORWARD_SHUTDOWN_SECONDS", "1");
    });
    let _half = Half::send(&server);
    server.signal(Signal::TERM);
    let began = Instant::now();
    assert_eq!(server.exit_code(Duration::from_secs(10)), Some(0));
    assert!(
        began.elapsed() >= Duration::from_millis(900),
        "the grace was given"
    );
    assert!(
        server.log().contains("requests did not finish in time"),
        "{}",
        server.log()
    );
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let mut server = Server::dev(dir.path());
    let _half = Half::send(&server);
    server.signal(Signal::INT);
    std::thread::sleep(Duration::from_millis(300));
    assert!(
        server.child.try_wait().unwrap().is_none(),
        "it waits for the request"
    );
    server.signal(Signal::INT);
    assert_eq!(server.exit_code(Duration::from_secs(3)), Some(1));
    // What was durable is there, and the next start works.
    Server::dev(dir.path()).stop();
}
