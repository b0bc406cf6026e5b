//! `doorward backup` and `doorward restore`

use std::path::PathBuf;

use clap::Args;

/// `doorward backup`
#[derive(Debug, Args)]
#[command(
    after_help = "The master key is not in the backup, and the backup is of no use without it: \
                        keep the key elsewhere, once. PostgreSQL is backed up by its own tools \
                        (docs/operations/backup.md).\n\nExample:\n  \
                        doorward backup --to /var/backups/doorward-$(date +%F).db"
)]
pub(crate) struct BackupArgs {
    /// The file to write; it must not exist
    #[arg(long, value_name = "FILE")]
    pub(crate) to: PathBuf,
}

/// `doorward restore`
#[derive(Debug, Args)]
#[command(
    after_help = "A restored database has forgotten what happened since: sessions ended and \
                        secrets replaced after the backup are alive again, and clients that \
                        refreshed since are signed out as thieves would be. With --end-sessions \
                        everybody signs in again instead.\n\nExamples:\n  \
                        doorward restore --from /var/backups/doorward-2026-11-22.db --end-sessions\n  \
                        doorward restore --already-restored --end-sessions    after pg_restore"
)]
pub(crate) struct RestoreArgs {
    /// The backup
    #[arg(
        long,
        value_name = "FILE",
        required_unless_present = "already_restored"
    )]
    pub(crate) from: Option<PathBuf>,
    /// What the backup's SHA-256 must be, as `doorward backup` told it
    #[arg(long, value_name = "HEX", requires = "from")]
    pub(crate) sha256: Option<String>,
    /// Take the place of a database that exists; that one is kept beside it under another name
    #[arg(long, requires = "from")]
    pub(crate) replace: bool,
    /// End every session of every app
    #[arg(long)]
    pub(crate) end_sessions: bool,
    /// The database was restored by other tools (pg_restore): only note it, and end the sessions
    #[arg(long, conflicts_with = "from")]
    pub(crate) already_restored: bool,
}
