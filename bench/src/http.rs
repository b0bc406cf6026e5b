//! As much of an HTTP/1.1 client as the load needs: one connection, kept alive.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::Result;

/// One connection.
pub(crate) struct Client {
    stream: BufReader<TcpStream>,
    request: Vec<u8>,
    line: String,
}

/// An answer.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// A text field of the body, found without parsing all of it: the tool shares the machine with
    /// what it measures. No value looked for contains an escape.
    pub(crate) fn text(&self, field: &str) -> Result<String> {
        let body = String::from_utf8_lossy(&self.body);
        let marker = format!("\"{field}\":\"");
        body.split_once(&marker)
            .and_then(|(_, rest)| rest.split_once('"'))
            .map(|(value, _)| value.to_owned())
            .ok_or_else(|| format!("no `{field}` in an answer with status {}", self.status))
    }

    /// How often a text occurs in the body.
    pub(crate) fn count(&self, text: &str) -> usize {
        String::from_utf8_lossy(&self.body).matches(text).count()
    }

    /// This answer, if it is a good one.
    pub(crate) fn ok(self, what: &str) -> Result<Self> {
        if matches!(self.status, 200 | 201) {
            return Ok(self);
        }
        let body = String::from_utf8_lossy(&self.body);
        Err(format!("{what}: {} {body}", self.status))
    }
}

impl Client {
    /// Connects.
    pub(crate) fn connect(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect_timeout(&address, Duration::from_secs(5))
            .map_err(|error| format!("connect: {error}"))?;
        stream
            .set_nodelay(true)
            .and_then(|()| stream.set_read_timeout(Some(Duration::from_secs(30))))
            .map_err(|error| format!("connect: {error}"))?;
        Ok(Self {
            stream: BufReader::new(stream),
            request: Vec::new(),
            line: String::new(),
        })
    }

    /// Sends a request and reads its answer. `headers` are whole lines ending in CR LF.
    pub(crate) fn send(
        &mut self,
        method: &str,
        path: &str,
        headers: &str,
        body: &str,
    ) -> Result<Answer> {
        self.request.clear();
        let _ = write!(
            self.request,
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\n{headers}"
        );
        if method == "POST" {
            let _ = write!(
                self.request,
                "Content-Type: application/json\r\nContent-Length: {}\r\n",
                body.len()
            );
        }
        let _ = write!(self.request, "\r\n{body}");
        self.stream
            .get_mut()
            .write_all(&self.request)
            .map_err(|error| format!("{method} {path}: {error}"))?;
        self.answer()
            .map_err(|error| format!("{method} {path}: {error}"))
    }

    /// `GET` without anything.
    pub(crate) fn get(&mut self, path: &str) -> Result<Answer> {
        self.send("GET", path, "", "")
    }

    /// `POST` of a JSON body.
    pub(crate) fn post(&mut self, path: &str, body: &str) -> Result<Answer> {
        self.send("POST", path, "", body)
    }

    fn answer(&mut self) -> Result<Answer> {
        let status = self
            .line()?
            .split(' ')
            .nth(1)
            .and_then(|code| code.parse().ok());
        let status = status.ok_or("no HTTP answer")?;
        let mut length = 0;
        loop {
            let line = self.line()?;
            if line.is_empty() {
                break;
            }
            let (name, value) = line.split_once(':').unwrap_or((line, ""));
            if name.eq_ignore_ascii_case("content-length") {
                length = value
                    .trim()
                    .parse()
                    .map_err(|_| "content-length".to_owned())?;
            } else if name.eq_ignore_ascii_case("transfer-encoding") {
                return Err("a chunked answer".to_owned());
            }
        }
        let mut body = vec![0; length];
        self.stream
            .read_exact(&mut body)
            .map_err(|error| error.to_string())?;
        Ok(Answer { status, body })
    }

    fn line(&mut self) -> Result<&str> {
        self.line.clear();
        match self.stream.read_line(&mut self.line) {
            Ok(0) => Err("the connection was closed".to_owned()),
            Ok(_) => Ok(self.line.trim_end()),
            Err(error) => Err(error.to_string()),
        }
    }
}
