//! The log, on stderr.

mod lines;

use std::io::{self, Write};

use lines::Lines;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::FmtSpan;

use crate::config::sections::{Format, Log};

static LINES: Lines<Stderr> = Lines::to(Stderr);

/// Whatever stderr is; nothing of it is held.
struct Stderr;

impl Write for Stderr {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        io::stderr().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

/// Starts the log of a server: as configured, with panics in it.
pub(crate) fn start(log: &Log) {
    install(&log.level, log.format);
    let flusher = std::thread::Builder::new().name("log".to_owned());
    drop(flusher.spawn(|| LINES.keep_flushing()));
    std::panic::set_hook(Box::new(|panic| {
        let payload = panic.payload();
        let text = payload
            .downcast_ref::<&str>()
            .copied()
            .or_else(|| payload.downcast_ref::<String>().map(String::as_str));
        let location = panic.location().map(ToString::to_string);
        tracing::error!(
            location,
            "panic: {}",
            text.unwrap_or("a value that is no text")
        );
    }));
}

/// Starts the log of a command: only what somebody at a terminal should know. Each attempt to reach the
/// database is not: the last one is the command's answer.
pub(crate) fn start_quiet() {
    install("warn,doorward_store::postgres=error", Format::Pretty);
}

/// Writes what of the log still waits: to be called before the process ends.
pub(crate) fn finish() {
    LINES.flush();
}

fn install(level: &str, format: Format) {
    let filter = EnvFilter::try_new(level).unwrap_or_else(|_| EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(&LINES)
        .with_span_events(FmtSpan::NONE);
    // Fails only when there is a log already.
    let installed = match format {
        Format::Json => builder
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .try_init(),
        Format::Pretty => builder
            .with_ansi(io::IsTerminal::is_terminal(&io::stderr()))
            .try_init(),
    };
    drop(installed);
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    /// Tells the test below that it is the process that ends.
    const ENDS: &str = "DOORWARD_TEST_LOG_ENDS";

    /// Runs a test of this file again in a process of its own; gives the messages it logged.
    fn messages_of(test: &str, end: &str) -> Vec<String> {
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "--nocapture", test])
            .env(ENDS, end)
            .stdout(Stdio::null())
            .output()
            .unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        let lines = text.lines().filter_map(|line| {
            let line: serde_json::Value = serde_json::from_str(line).ok()?;
            Some(line["message"].as_str()?.to_owned())
        });
        lines.collect()
    }

    /// The lines that waited, and why: whatever comes after a panic, even the end of the process.
    #[test]
    #[expect(
        clippy::disallowed_methods,
        reason = "tells this test that it runs itself; no setting"
    )]
    fn the_last_lines_of_a_process_are_not_lost() {
        let Ok(end) = std::env::var(ENDS) else {
            let of = |end| {
                messages_of(
                    "logging::tests::the_last_lines_of_a_process_are_not_lost",
                    end,
                )
            };
            assert_eq!(of("panic"), ["waits", "panic: that is all"]);
            assert_eq!(of("finish"), ["waits", "waits too"]);
            return;
        };
        start(&Log {
            format: Format::Json,
            level: "info".to_owned(),
        });
        tracing::info!("waits");
        match end.as_str() {
            "panic" => {
                let panicked = std::thread::spawn(|| panic!("that is all")).join();
                assert!(panicked.is_err());
            }
            _ => {
                tracing::info!("waits too");
                finish();
            }
        }
        std::process::abort();
    }
}
