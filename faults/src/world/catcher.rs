//! The clients' mailbox: an HTTP endpoint that Doorward hands its mail to (`email_webhook`).

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::Result;

/// Codes by address. An address is used for one code only, so none can be mistaken for another.
#[derive(Default)]
struct Mailbox {
    codes: Mutex<HashMap<String, String>>,
    arrived: Condvar,
}

/// A running catcher; its threads end with the process.
#[derive(Clone)]
pub(crate) struct Catcher {
    pub(crate) address: SocketAddr,
    mailbox: Arc<Mailbox>,
}

impl Catcher {
    pub(crate) fn start() -> Result<Self> {
        let failed = |error: std::io::Error| format!("mail catcher: {error}");
        let listener = TcpListener::bind(("127.0.0.1", 0)).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let mailbox = Arc::new(Mailbox::default());
        let kept = Arc::clone(&mailbox);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let mailbox = Arc::clone(&kept);
                std::thread::spawn(move || serve(stream, &mailbox));
            }
        });
        Ok(Self { address, mailbox })
    }

    /// Takes the code that was sent to an address, waiting for it.
    pub(crate) fn take(&self, to: &str, within: Duration) -> Option<String> {
        let deadline = Instant::now() + within;
        let lock = self.mailbox.codes.lock();
        let mut codes = lock.unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(code) = codes.remove(to) {
                return Some(code);
            }
            let left = deadline.checked_duration_since(Instant::now())?;
            let waited = self.mailbox.arrived.wait_timeout(codes, left);
            codes = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// Requests of one connection, until it ends or says something that is no request.
fn serve(stream: TcpStream, mailbox: &Mailbox) {
    let mut stream = BufReader::new(stream);
    while let Some(body) = request(&mut stream) {
        let message: Value = serde_json::from_slice(&body).unwrap_or_default();
        let text = |member| message.get(member).and_then(Value::as_str);
        if let (Some(to), Some(code)) = (text("to"), text("code")) {
            let lock = mailbox.codes.lock();
            let mut codes = lock.unwrap_or_else(PoisonError::into_inner);
            codes.insert(to.to_owned(), code.to_owned());
            mailbox.arrived.notify_all();
        }
        let answered = stream
            .get_mut()
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        if answered.is_err() {
            return;
        }
    }
}

fn request(stream: &mut BufReader<TcpStream>) -> Option<Vec<u8>> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let line = line.trim_end();
        if line.is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    Some(body)
}
