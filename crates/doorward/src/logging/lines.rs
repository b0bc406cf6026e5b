//! Lines of the log on their way to stderr. What can wait waits up to [`DELAY`], so that a busy server
//! does not make a system call for each request.
//!
//! Nothing is dropped and nothing grows without bound. Who reads slowly holds nobody up while less than
//! [`MOST`] waits; then whoever has a line waits too, with that line, until there is room.

use std::io::{self, Write};
use std::mem;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tracing::{Level, Metadata};
use tracing_subscriber::fmt::MakeWriter;

/// How long a line may wait.
const DELAY: Duration = Duration::from_millis(50);

/// More than that, in bytes, does not wait.
const MOST: usize = 64 * 1024;

/// What waits, and where it goes.
pub(super) struct Lines<Out> {
    waiting: Mutex<Vec<u8>>,
    some: Condvar,
    /// Somebody flushes again and again; until then nothing waits.
    may_wait: AtomicBool,
    /// Held while lines are written, so that they come in order, and that others can go on adding. The
    /// bytes are those being written.
    out: Mutex<(Out, Vec<u8>)>,
}

/// Whoever panicked while holding it left whole lines.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<Out> Lines<Out> {
    pub(super) const fn to(out: Out) -> Self {
        Self {
            waiting: Mutex::new(Vec::new()),
            some: Condvar::new(),
            may_wait: AtomicBool::new(false),
            out: Mutex::new((out, Vec::new())),
        }
    }
}

impl<Out: Write> Lines<Out> {
    /// Writes what waits. Afterwards every line is written that was added before.
    pub(super) fn flush(&self) {
        let mut out = lock(&self.out);
        let (out, lines) = &mut *out;
        mem::swap(lines, &mut *lock(&self.waiting));
        if !lines.is_empty() {
            // There is nowhere to complain about a log that cannot be written.
            drop(out.write_all(lines));
            lines.clear();
        }
    }

    /// Writes again and again what has waited long enough, for ever.
    pub(super) fn keep_flushing(&self) -> ! {
        self.may_wait.store(true, Ordering::Release);
        loop {
            let waiting = self
                .some
                .wait_while(lock(&self.waiting), |waiting| waiting.is_empty());
            drop(waiting);
            std::thread::sleep(DELAY);
            self.flush();
        }
    }

    fn add(&self, line: &[u8], at_once: bool) {
        let mut waiting = lock(&self.waiting);
        let first = waiting.is_empty();
        waiting.extend_from_slice(line);
        let too_much = waiting.len() > MOST;
        drop(waiting);
        if at_once || too_much || !self.may_wait.load(Ordering::Acquire) {
            self.flush();
        } else if first {
            self.some.notify_one();
        }
    }
}

/// Takes a line of the log.
pub(super) struct Line<Out: 'static> {
    lines: &'static Lines<Out>,
    at_once: bool,
}

impl<Out: Write> Write for Line<Out> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.lines.add(line, self.at_once);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<Out: Write> MakeWriter<'_> for &'static Lines<Out> {
    type Writer = Line<Out>;

    fn make_writer(&self) -> Line<Out> {
        Line {
            lines: self,
            at_once: true,
        }
    }

    fn make_writer_for(&self, metadata: &Metadata<'_>) -> Line<Out> {
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

#[cfg(test)]
mod tests;
