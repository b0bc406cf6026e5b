//! The log, on stderr.

mod lines;

use lines::Lines;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::FmtSpan;

use crate::config::sections::{Format, Log};

static LINES: Lines = Lines::new();

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

/// Starts the log of a command: only what somebody at a terminal should know.
pub(crate) fn start_quiet() {
    install("warn", Format::Pretty);
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
            .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
            .try_init(),
    };
    drop(installed);
}
