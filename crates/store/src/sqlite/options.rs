//! How the embedded engine is set up.

use std::path::PathBuf;
use std::time::Duration;

use crate::error::StoreError;

/// Settings of the embedded engine.
#[derive(Debug, Clone)]
pub struct Options {
    /// The database file. Created, readable by its owner only, when it does not exist.
    pub path: PathBuf,
    /// How long to wait for another process that is writing, before an attempt counts as failed.
    pub busy_timeout: Duration,
    /// How often a transaction is tried again after that.
    pub busy_retries: u32,
    /// Threads that read.
    pub readers: usize,
    /// Jobs that may wait, for the writer and for the readers each, before the answer is
    /// [`StoreError::Busy`].
    pub queue: usize,
    /// Jobs in one commit, at most.
    pub batch: usize,
    /// Page cache of the writer, in KiB.
    pub writer_cache_kib: u32,
    /// Page cache of each reader, in KiB.
    pub reader_cache_kib: u32,
    /// The size the file may grow to, in bytes; beyond it writes are refused as on a full disk.
    pub max_bytes: Option<u64>,
}

impl Options {
    /// The defaults, for a file.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        Self {
            path: path.into(),
            busy_timeout: Duration::from_secs(2),
            busy_retries: 2,
            readers: cores.clamp(2, 8),
            queue: 1024,
            batch: 64,
            writer_cache_kib: 4096,
            reader_cache_kib: 2048,
            max_bytes: None,
        }
    }

    /// From `sqlite:PATH`, `sqlite:///ABSOLUTE/PATH` or `sqlite://RELATIVE/PATH`.
    ///
    /// # Errors
    /// [`StoreError::Internal`] when the URL has another scheme, no path, or parameters.
    pub fn parse(url: &str) -> Result<Self, StoreError> {
        let invalid = |why: &str| StoreError::Internal(format!("the database URL {why}"));
        let rest = url
            .strip_prefix("sqlite:")
            .ok_or_else(|| invalid("does not begin with \"sqlite:\""))?;
        let path = rest.strip_prefix("//").unwrap_or(rest);
        if path.contains(['?', '#']) {
            return Err(invalid("of SQLite takes no parameters"));
        }
        if path.is_empty() || path == ":memory:" {
            return Err(invalid(
                "names no file (databases in memory are not durable)",
            ));
        }
        Ok(Self::file(path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_name_a_file() {
        let path = |url| Options::parse(url).map(|options| options.path).ok();
        assert_eq!(path("sqlite:a/b.db"), Some("a/b.db".into()));
        assert_eq!(path("sqlite://a/b.db"), Some("a/b.db".into()));
        assert_eq!(path("sqlite:///a/b.db"), Some("/a/b.db".into()));
        for wrong in [
            "sqlite:",
            "sqlite::memory:",
            "sqlite:a?mode=ro",
            "postgres://h/d",
            "a.db",
        ] {
            assert_eq!(path(wrong), None, "{wrong}");
        }
    }
}
