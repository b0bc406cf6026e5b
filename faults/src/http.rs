//! As much of an HTTP/1.1 client as the load needs: one connection, kept alive, and every way in
//! which an answer can fail to come told apart.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

/// The longest wait for an answer; the server's own bound is 30 s (`limits.request_seconds`).
pub(crate) const PATIENCE: Duration = Duration::from_secs(45);

/// One connection, made when it is needed.
pub(crate) struct Client {
    address: SocketAddr,
    stream: Option<BufReader<TcpStream>>,
    /// Sent as `X-Forwarded-For`: each client is an address of its own, as behind a real balancer.
    from: String,
    patience: Duration,
}

/// An answer.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) retry_after: Option<u64>,
    pub(crate) request_id: Option<String>,
    pub(crate) body: Value,
}

impl Answer {
    /// The stable code of a refusal, or "".
    pub(crate) fn code(&self) -> &str {
        self.text("error")
    }

    /// A text member, or "".
    pub(crate) fn text(&self, member: &str) -> &str {
        self.body
            .get(member)
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    /// Whether it is a 2xx.
    pub(crate) const fn is_good(&self) -> bool {
        self.status >= 200 && self.status < 300
    }
}

/// Why there is no answer: the request may or may not have been carried out.
#[derive(Debug, Clone)]
pub(crate) struct NoAnswer(pub(crate) String);

impl Client {
    /// To an address, in the name of client number `number`.
    pub(crate) fn new(address: SocketAddr, number: usize) -> Self {
        Self {
            address,
            stream: None,
            from: format!(
                "10.{}.{}.{}",
                number >> 16 & 255,
                number >> 8 & 255,
                number & 255
            ),
            patience: PATIENCE,
        }
    }

    /// The same, waiting for an answer no longer than this.
    pub(crate) const fn patient(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// `POST` of a JSON body.
    pub(crate) fn post(
        &mut self,
        path: &str,
        headers: &str,
        body: &Value,
    ) -> Result<Answer, NoAnswer> {
        self.send("POST", path, headers, &body.to_string())
    }

    /// `GET`. `headers` are whole lines ending in CR LF.
    pub(crate) fn get(&mut self, path: &str, headers: &str) -> Result<Answer, NoAnswer> {
        self.send("GET", path, headers, "")
    }

    /// Any request.
    pub(crate) fn send(
        &mut self,
        method: &str,
        path: &str,
        headers: &str,
        body: &str,
    ) -> Result<Answer, NoAnswer> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => self.connect()?,
        };
        let length = if method == "GET" {
            String::new()
        } else {
            format!(
                "Content-Type: application/json\r\nContent-Length: {}\r\n",
                body.len()
            )
        };
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: auth.example.com\r\nX-Forwarded-For: {}\r\n\
             {headers}{length}\r\n{body}",
            self.from
        );
        stream
            .get_mut()
            .write_all(request.as_bytes())
            .map_err(|error| NoAnswer(format!("sending failed: {}", error.kind())))?;
        let (answer, keep) = read(&mut stream)?;
        if keep {
            self.stream = Some(stream);
        }
        Ok(answer)
    }

    fn connect(&self) -> Result<BufReader<TcpStream>, NoAnswer> {
        let refused =
            |error: std::io::Error| NoAnswer(format!("connecting failed: {}", error.kind()));
        let stream =
            TcpStream::connect_timeout(&self.address, Duration::from_secs(5)).map_err(refused)?;
        stream.set_nodelay(true).map_err(refused)?;
        stream
            .set_read_timeout(Some(self.patience))
            .map_err(refused)?;
        Ok(BufReader::new(stream))
    }
}

/// An answer, and whether the connection lives on.
fn read(stream: &mut BufReader<TcpStream>) -> Result<(Answer, bool), NoAnswer> {
    let first = line(stream)?;
    let status = first
        .split(' ')
        .nth(1)
        .and_then(|code| code.parse().ok())
        .ok_or_else(|| NoAnswer("what came is no HTTP".to_owned()))?;
    let (mut length, mut retry_after, mut request_id) = (None, None, None);
    let mut keep = !first.starts_with("HTTP/1.0");
    loop {
        let line = line(stream)?;
        if line.is_empty() {
            break;
        }
        let (name, value) = line.split_once(':').unwrap_or((&line, ""));
        let value = value.trim();
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().ok(),
            "connection" => keep = !value.eq_ignore_ascii_case("close"),
            "retry-after" => retry_after = value.parse().ok(),
            "x-request-id" => request_id = Some(value.to_owned()),
            _ => {}
        }
    }
    let mut body = Vec::new();
    let received = match length {
        Some(length) => {
            body.resize(length, 0);
            stream.read_exact(&mut body)
        }
        // Of HTTP/1.0, up to the end of the connection.
        None if !keep => stream.read_to_end(&mut body).map(drop),
        None => Ok(()),
    };
    received.map_err(|error| NoAnswer(format!("the answer broke off: {}", error.kind())))?;
    let answer = Answer {
        status,
        retry_after,
        request_id,
        body: serde_json::from_slice(&body).unwrap_or_default(),
    };
    Ok((answer, keep))
}

fn line(stream: &mut BufReader<TcpStream>) -> Result<String, NoAnswer> {
    let mut line = String::new();
    match stream.read_line(&mut line) {
        Ok(0) => Err(NoAnswer("the connection was closed".to_owned())),
        Ok(_) => Ok(line.trim_end().to_owned()),
        Err(error) => Err(NoAnswer(format!("no answer came: {}", error.kind()))),
    }
}
