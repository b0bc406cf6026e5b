//! The option that lets a creating command be repeated.

use clap::Args;

/// Taken by every command that creates something.
#[derive(Debug, Args)]
pub(crate) struct Repeat {
    /// Makes the command safe to repeat: for 24 hours the same command with the same key prints the
    /// same result and creates nothing more
    #[arg(long, value_name = "KEY")]
    pub(crate) idempotency_key: Option<String>,
}
