//! `doorward session`

use clap::Subcommand;

use super::{InApp, OneUser, Paging};

/// `doorward session`
#[derive(Debug, Subcommand)]
pub(crate) enum SessionCommand {
    /// List a user's sessions, newest first, with their devices
    #[command(after_help = "Example:\n  doorward session list ada@example.com --app shop")]
    List {
        #[command(flatten)]
        user: OneUser,
        #[command(flatten)]
        page: Paging,
    },
    /// Show one session
    #[command(after_help = "Example:\n  doorward session show 0199… --app shop")]
    Show {
        /// The session's id: `sid` in tokens
        session: String,
        #[command(flatten)]
        of: InApp,
    },
    /// End one session, or every session of a user
    #[command(
        after_help = "Examples:\n  doorward session end 0199… --app shop\n  doorward session end \
                            --user ada@example.com --app shop --reason 'lost phone'"
    )]
    End {
        /// The session's id: `sid` in tokens
        #[arg(conflicts_with = "user")]
        session: Option<String>,
        /// Every session of this user
        #[arg(long)]
        user: Option<String>,
        #[command(flatten)]
        of: InApp,
        /// Why, for the audit
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
    },
}
