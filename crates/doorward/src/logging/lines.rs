//! Lines of the log on their way to stderr. What can wait waits up to [`DELAY`], so that a busy server
//! does not make a system call for each request.

use std::io::{self, Write as _};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tracing::{Level, Metadata};
use tracing_subscriber::fmt::MakeWriter;

/// How long a line may wait.
const DELAY: Duration = Duration::from_millis(50);

/// More than that, in bytes, does not wait.
const MOST: usize = 64 * 1024;

/// What waits.
pub(super) struct Lines {
    waiting: Mutex<Vec<u8>>,
    some: Condvar,
}

impl Lines {
    pub(super) const fn new() -> Self {
        Self {
            waiting: Mutex::new(Vec::new()),
            some: Condvar::new(),
        }
    }

    /// What waits; a panic of whoever held it leaves whole lines.
    fn waiting(&self) -> MutexGuard<'_, Vec<u8>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes what waits.
    pub(super) fn flush(&self) {
        write_out(&mut self.waiting());
    }

    /// Writes again and again what has waited long enough, for ever.
    pub(super) fn keep_flushing(&self) -> ! {
        loop {
            let waiting = self
                .some
                .wait_while(self.waiting(), |waiting| waiting.is_empty());
            drop(waiting);
            std::thread::sleep(DELAY);
            self.flush();
        }
    }

    fn add(&self, line: &[u8], at_once: bool) {
        let mut waiting = self.waiting();
        let first = waiting.is_empty();
        waiting.extend_from_slice(line);
        if at_once || waiting.len() > MOST {
            write_out(&mut waiting);
        } else if first {
            self.some.notify_one();
        }
    }
}

/// There is nowhere to complain about a log that cannot be written.
fn write_out(waiting: &mut Vec<u8>) {
    if !waiting.is_empty() {
        drop(io::stderr().lock().write_all(waiting));
        waiting.clear();
    }
}

/// Takes a line of the log.
pub(super) struct Line {
    lines: &'static Lines,
    at_once: bool,
}

impl io::Write for Line {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.lines.add(line, self.at_once);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for &'static Lines {
    type Writer = Line;

    fn make_writer(&self) -> Line {
        Line {
            lines: self,
            at_once: true,
        }
    }

    fn make_writer_for(&self, metadata: &Metadata<'_>) -> Line {
        Line {
            lines: self,
            at_once: is_urgent(metadata),
        }
    }
}

/// Warnings and errors may be the last that a process says, but for the access log's: of the requests
/// that are turned away there may be thousands a second, and one system call for each is not for them.
fn is_urgent(metadata: &Metadata<'_>) -> bool {
    let level = *metadata.level();
    level == Level::ERROR || level == Level::WARN && metadata.target() != "doorward::access"
}
