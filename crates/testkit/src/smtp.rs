//! The mail server of PyPI's `aiosmtpd`, in a process of its own.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test that finds something else than it expects has failed; the reader of its output \
              shall see what did not run"
)]

use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::Value;

/// The interpreter that has `aiosmtpd`, or `None` after saying that the test is skipped.
///
/// # Panics
/// When there is none and `DOORWARD_REQUIRE_INTEROP=1`.
#[must_use]
pub fn python() -> Option<std::ffi::OsString> {
    let python = std::env::var_os("DOORWARD_TEST_PYTHON").filter(|python| {
        let import = Command::new(python)
            .args(["-c", "import aiosmtpd"])
            .output();
        import.is_ok_and(|output| output.status.success())
    });
    if python.is_none() {
        let required = std::env::var_os("DOORWARD_REQUIRE_INTEROP").is_some_and(|v| v == "1");
        assert!(
            !required,
            "no aiosmtpd: DOORWARD_TEST_PYTHON must name a Python that has it"
        );
        println!("skipped: no aiosmtpd");
        crate::skip::note("Python");
    }
    python
}

/// A running mail server. Ends with its value.
pub struct MailServer {
    child: Child,
    /// Where it listens on 127.0.0.1.
    pub port: u16,
    lines: Receiver<Value>,
}

impl MailServer {
    /// Starts it; `server.py` says what it may be told.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn start(python: &std::ffi::OsStr, arguments: &[&str]) -> Self {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/src/smtp/server.py");
        let mut child = Command::new(python)
            .arg(script)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("Python starts");
        let lines = read_lines(child.stdout.take().unwrap());
        let first = lines
            .recv_timeout(Duration::from_secs(30))
            .expect("the server starts");
        let port = first["port"].as_u64().unwrap().try_into().unwrap();
        Self { child, port, lines }
    }

    /// The next message it took.
    ///
    /// # Panics
    /// When none arrives.
    #[must_use]
    pub fn received(&self) -> Mail {
        Mail(
            self.lines
                .recv_timeout(Duration::from_secs(30))
                .expect("a message arrives"),
        )
    }

    /// That it took no message which has not been asked for. To be called after a failed attempt.
    ///
    /// # Panics
    /// When it took one.
    pub fn assert_nothing_received(&self) {
        let more = self.lines.recv_timeout(Duration::from_millis(200));
        assert!(more.is_err(), "the server took {more:?}");
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        // Its standard input closes with it; kill only makes that certain.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read_lines(output: ChildStdout) -> Receiver<Value> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            let Ok(value) = serde_json::from_str(&line) else {
                break;
            };
            if sender.send(value).is_err() {
                break;
            }
        }
    });
    receiver
}

/// A message, as Python's own e-mail package understands it.
#[derive(Debug)]
pub struct Mail(
    /// What `server.py` says of it.
    pub Value,
);

impl Mail {
    /// All headers of this name.
    #[must_use]
    pub fn headers(&self, name: &str) -> Vec<&str> {
        let all = self.0["headers"].as_array().unwrap();
        all.iter()
            .filter(|header| header[0].as_str().unwrap().eq_ignore_ascii_case(name))
            .map(|header| header[1].as_str().unwrap())
            .collect()
    }

    /// The one header of this name.
    ///
    /// # Panics
    /// When there is none, or more than one.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        let all = self.headers(name);
        assert_eq!(all.len(), 1, "{name}: {all:?}");
        all[0]
    }

    /// The names of all headers, in lower case and in order.
    #[must_use]
    pub fn header_names(&self) -> Vec<String> {
        let all = self.0["headers"].as_array().unwrap();
        all.iter()
            .map(|header| header[0].as_str().unwrap().to_lowercase())
            .collect()
    }

    /// The part of this content type.
    #[must_use]
    pub fn part(&self, content_type: &str) -> &str {
        self.0["parts"][content_type].as_str().unwrap_or_default()
    }
}
