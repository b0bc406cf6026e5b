//! `doorward audit`

use clap::{Args, Subcommand};

/// Which events.
#[derive(Debug, Args)]
pub(crate) struct Question {
    /// Only this app's: its id or slug
    #[arg(long, value_name = "APP")]
    pub(crate) app: Option<String>,
    /// Only what this one did: admin_key:ID, user:ID, app:ID, cli, system, anonymous
    #[arg(long, value_name = "WHO")]
    pub(crate) actor: Option<String>,
    /// Only this action, e.g. app.updated
    #[arg(long)]
    pub(crate) action: Option<String>,
    /// Only what was done to this one, e.g. license:ID; user:ID together with --app (refreshes
    /// only with --action session.refreshed)
    #[arg(long, value_name = "WHAT")]
    pub(crate) target: Option<String>,
    /// Only success, or only refused
    #[arg(long)]
    pub(crate) outcome: Option<String>,
    /// Only events of this request
    #[arg(long, value_name = "ID")]
    pub(crate) request_id: Option<String>,
    /// Only events from then on: 24h, 7d (ago) or a time
    #[arg(long, value_name = "WHEN")]
    pub(crate) since: Option<String>,
    /// Only events before then: 1h (ago) or a time
    #[arg(long, value_name = "WHEN")]
    pub(crate) until: Option<String>,
}

/// `doorward audit`
#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    /// Show events, newest first
    #[command(
        after_help = "Examples:\n  doorward audit list --app shop --outcome refused --since 1h\n  \
                            doorward audit list --target user:ID --app shop --json\n  \
                            doorward audit list --follow              what happens from now on"
    )]
    List {
        #[command(flatten)]
        question: Question,
        /// At most so many
        #[arg(long, value_name = "N", default_value_t = 50,
            value_parser = clap::value_parser!(u32).range(1..=100_000))]
        limit: u32,
        /// Only events older than this one: `next_cursor` of the former page
        #[arg(long, value_name = "ID", conflicts_with = "follow")]
        cursor: Option<String>,
        /// Go on and show what happens, oldest first, until interrupted; with --json one event a
        /// line
        #[arg(long)]
        follow: bool,
    },
    /// Print every event as a line of JSON, newest first
    #[command(
        after_help = "Example:\n  doorward audit export --app shop --since 30d > audit.jsonl"
    )]
    Export(Question),
}
