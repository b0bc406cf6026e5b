//! `doorward db`

use clap::{Args, Subcommand};

/// `doorward db`
#[derive(Debug, Subcommand)]
pub(crate) enum DbCommand {
    /// Copy everything into an empty database, and compare the two; exit code 1 on any difference
    ///
    /// Stop the servers of the source first: what changes while the copy runs is a difference. A
    /// copy that was interrupted goes on when the same command is given again. Until both sides are
    /// equal no program uses the target. Nothing is taken from the source.
    #[command(
        after_help = "The master key is not in the database: give the servers of the copy \
                            the same one.\n\nExamples:\n  \
                            doorward db copy --from sqlite:doorward-data/doorward.db --to @postgres.url\n  \
                            doorward db copy --to sqlite:/var/backups/moved.db --config /etc/doorward.toml"
    )]
    Copy(TwoDatabases),
    /// Compare two databases row by row, changing nothing; exit code 1 on any difference
    #[command(after_help = "Example:\n  \
                            doorward db compare --from sqlite:a.db --to postgres://localhost/b")]
    Compare(TwoDatabases),
}

/// Where from and where to. A URL may hold a password, hence without `Debug` of its own.
#[derive(Args)]
pub(crate) struct TwoDatabases {
    /// The source: sqlite:PATH or postgres://…, or @FILE or env:NAME with that in it (everybody on the
    /// machine can see a password on the command line); by default the configured database
    #[arg(long, value_name = "URL")]
    pub(crate) from: Option<String>,
    /// The target: sqlite:PATH or postgres://…, or @FILE or env:NAME with that in it
    #[arg(long, value_name = "URL")]
    pub(crate) to: String,
}

impl std::fmt::Debug for TwoDatabases {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TwoDatabases")
    }
}
