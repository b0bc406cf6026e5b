//! Options that several commands take: to be repeated safely, to change what was read, to go on in a
//! list.

use clap::Args;

/// Taken by every command that creates something.
#[derive(Debug, Args)]
pub(crate) struct Repeat {
    /// Makes the command safe to repeat: for 24 hours the same command with the same key prints the
    /// same result and creates nothing more
    #[arg(long, value_name = "KEY")]
    pub(crate) idempotency_key: Option<String>,
}

/// Taken by every command that changes something with a version.
#[derive(Debug, Args)]
pub(crate) struct Against {
    /// Only if its version is still this one, as `show --json` prints it
    #[arg(long, value_name = "VERSION")]
    pub(crate) if_version: Option<i64>,
}

/// Taken by every command that changes a role, which has no version.
#[derive(Debug, Args)]
pub(crate) struct AgainstTag {
    /// Only if its `etag` is still this one, as `role list --json` prints it
    #[arg(long, value_name = "ETAG")]
    pub(crate) if_match: Option<String>,
}

/// Taken by every command that prints a list.
#[derive(Debug, Args)]
pub(crate) struct Paging {
    /// At most so many
    #[arg(long, default_value_t = 100, value_name = "N")]
    pub(crate) limit: u32,
    /// Go on where a former page of the same list ended: its `next_cursor`
    #[arg(long, value_name = "CURSOR")]
    pub(crate) cursor: Option<String>,
}
