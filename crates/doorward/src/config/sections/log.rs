//! The log.

use tracing_subscriber::EnvFilter;

use crate::config::reader::Reader;
use crate::config::registry;

/// How a line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// One JSON object per line.
    Json,
    /// For people.
    Pretty,
}

/// `[log]`
#[derive(Debug, Clone)]
pub(crate) struct Log {
    /// How a line looks.
    pub(crate) format: Format,
    /// Which lines there are, in the directives of tracing-subscriber.
    pub(crate) level: String,
}

impl Log {
    pub(crate) fn read(reader: &mut Reader<'_>) -> Self {
        let format = match reader.choice(&registry::LOG_FORMAT) {
            "pretty" => Format::Pretty,
            _ => Format::Json,
        };
        let level = reader.text(&registry::LOG_LEVEL).unwrap_or_default();
        if EnvFilter::try_new(&level).is_err() || level.is_empty() {
            reader.problem(
                &registry::LOG_LEVEL,
                "must be error, warn, info, debug, trace or directives such as info,hyper=debug",
            );
        }
        Self { format, level }
    }
}
