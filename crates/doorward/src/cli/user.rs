//! `doorward user`

use clap::{Args, Subcommand, ValueEnum};

use super::{Against, InApp, Meant, Paging, Repeat};

/// A user of an app.
#[derive(Debug, Args)]
pub(crate) struct OneUser {
    /// The user's id, e-mail address or phone number
    pub(crate) user: String,
    #[command(flatten)]
    pub(crate) of: InApp,
}

/// How a user stands.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum UserStatusName {
    /// May sign in
    Active,
    /// Switched off
    Deactivated,
    /// Deleted, not yet erased or erased
    Deleted,
}

/// `doorward user`
#[derive(Debug, Subcommand)]
#[command(
    after_help = "Wherever a USER is asked for, its id, e-mail address or phone number will do."
)]
pub(crate) enum UserCommand {
    /// List users, newest first
    #[command(
        after_help = "Examples:\n  doorward user list --app shop\n  doorward user list --app \
                            shop --status deleted --limit 500"
    )]
    List {
        #[command(flatten)]
        of: InApp,
        /// Only those who stand so
        #[arg(long)]
        status: Option<UserStatusName>,
        #[command(flatten)]
        page: Paging,
    },
    /// Find users by how their e-mail address or phone number begins
    #[command(
        after_help = "Examples:\n  doorward user search ada@ --app shop\n  doorward user search \
                            +4915 --app shop"
    )]
    Search {
        /// The beginning of an e-mail address, or + and the first digits of a number
        prefix: String,
        #[command(flatten)]
        of: InApp,
        #[command(flatten)]
        page: Paging,
    },
    /// Show one user
    #[command(after_help = "Example:\n  doorward user show ada@example.com --app shop")]
    Show(OneUser),
    /// Create a user, also where nobody can sign up
    #[command(
        after_help = "Example:\n  doorward user create --email ada@example.com --verified --app \
                            shop"
    )]
    Create {
        /// E-mail address
        #[arg(long)]
        email: Option<String>,
        /// Phone number, such as +919876543210
        #[arg(long)]
        phone: Option<String>,
        /// You vouch that the user holds them; otherwise the first sign-in proves it
        #[arg(long)]
        verified: bool,
        #[command(flatten)]
        repeat: Repeat,
        #[command(flatten)]
        of: InApp,
    },
    /// Change a user's addresses
    #[command(
        after_help = "Examples:\n  doorward user update ada@example.com --email ada@new.example \
                            --app shop\n  doorward user update ada@example.com --no-phone --app \
                            shop"
    )]
    Update {
        #[command(flatten)]
        user: OneUser,
        /// A new e-mail address
        #[arg(long)]
        email: Option<String>,
        /// Take the e-mail address away
        #[arg(long, conflicts_with = "email")]
        no_email: bool,
        /// A new phone number
        #[arg(long)]
        phone: Option<String>,
        /// Take the phone number away
        #[arg(long, conflicts_with = "phone")]
        no_phone: bool,
        /// You vouch that the user holds what is new
        #[arg(long)]
        verified: bool,
        #[command(flatten)]
        against: Against,
    },
    /// Switch a user off; its sessions end at once
    #[command(
        after_help = "Example:\n  doorward user deactivate ada@example.com --app shop --reason 'left the team'"
    )]
    Deactivate {
        #[command(flatten)]
        user: OneUser,
        /// Why, for the audit
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
        /// Do it although an organization is left without an owner; needs a reason
        #[arg(long)]
        without_owner: bool,
    },
    /// Switch a user on again
    #[command(after_help = "Example:\n  doorward user reactivate ada@example.com --app shop")]
    Reactivate {
        #[command(flatten)]
        user: OneUser,
        /// Why, for the audit
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
    },
    /// Delete a user; for 30 days it can be restored, then it is erased
    #[command(
        after_help = "Example:\n  doorward user delete ada@example.com --app shop --reason \
                            'asked for it' --yes"
    )]
    Delete {
        #[command(flatten)]
        user: OneUser,
        #[command(flatten)]
        meant: Meant,
        /// Do it although an organization is left without an owner
        #[arg(long)]
        without_owner: bool,
    },
    /// Restore a deleted user
    #[command(after_help = "Example:\n  doorward user restore ada@example.com --app shop")]
    Restore {
        #[command(flatten)]
        user: OneUser,
        /// Why, for the audit
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
    },
    /// Erase everything personal about a user, at once and for good
    #[command(
        after_help = "Export first what the person asked for. The audit keeps the user's id.\n\n\
                            Example:\n  doorward user erase ada@example.com --app shop --reason \
                            'Art. 17' --yes"
    )]
    Erase {
        #[command(flatten)]
        user: OneUser,
        #[command(flatten)]
        meant: Meant,
        /// Do it although an organization is left without an owner
        #[arg(long)]
        without_owner: bool,
    },
    /// Print all that is held about a user, as JSON
    #[command(
        after_help = "Example:\n  doorward user export ada@example.com --app shop > ada.json"
    )]
    Export(OneUser),
    /// List the organizations a user belongs to, its roles there and what they permit
    #[command(
        after_help = "In the order in which the user joined them: where nothing else is asked \
                            for, the first one goes into the token.\n\nExample:\n  \
                            doorward user orgs ada@example.com --app shop"
    )]
    Orgs {
        #[command(flatten)]
        user: OneUser,
        #[command(flatten)]
        page: Paging,
    },
}
