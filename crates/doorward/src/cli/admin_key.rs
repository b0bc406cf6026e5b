//! `doorward admin-key`

use clap::Subcommand;

use super::{Meant, Repeat};

/// `doorward admin-key`
#[derive(Debug, Subcommand)]
pub(crate) enum AdminKeyCommand {
    /// Make a key and print it; it is shown this once
    #[command(
        after_help = "Examples:\n  doorward admin-key create --name ci --scope apps:read \
                            --expires 90d\n  doorward admin-key create --name grafana --scope \
                            metrics:read --expires 2027-01-01T00:00:00Z --json"
    )]
    Create {
        /// Name for people
        #[arg(long)]
        name: String,
        /// What it may do, e.g. apps:write; can be repeated. Without one: everything
        #[arg(long, value_name = "SCOPE")]
        scope: Vec<String>,
        /// End of its life: 90d, 12h, 30m, or a time such as 2027-01-01T00:00:00Z. Without one: none
        #[arg(long, value_name = "WHEN")]
        expires: Option<String>,
        /// Why, for the audit
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
        #[command(flatten)]
        repeat: Repeat,
    },
    /// List all keys, never the keys themselves
    #[command(after_help = "Example:\n  doorward admin-key list")]
    List,
    /// Revoke a key; it is dead at once
    #[command(
        after_help = "Example:\n  doorward admin-key revoke 0199… --reason 'no longer used' --yes"
    )]
    Revoke {
        /// Its id, as `list` shows it
        id: String,
        #[command(flatten)]
        meant: Meant,
        /// Do it although no key is left that can manage keys, or none that can do everything
        #[arg(long)]
        even_the_last: bool,
    },
}
