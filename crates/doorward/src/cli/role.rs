//! `doorward role`

use clap::{Args, Subcommand};

use super::{AgainstTag, InApp, Meant, Paging, Repeat};

/// `doorward role`
#[derive(Debug, Subcommand)]
#[command(
    after_help = "Every app has the roles owner, admin, staff and viewer. What a role \
                        permits is what you say with `define`; changes are in tokens from the \
                        next refresh on."
)]
pub(crate) enum RoleCommand {
    /// List the roles of an app and what they permit
    #[command(after_help = "Example:\n  doorward role list --app shop")]
    List {
        #[command(flatten)]
        of: InApp,
        #[command(flatten)]
        page: Paging,
    },
    /// Define a role of the app's own, or say what a built-in one permits; replaces what was said
    #[command(
        after_help = "Examples:\n  doorward role define viewer --permission orders:read --app shop\n  \
                            doorward role define clerk --description 'Packs and ships' \\\n      \
                            --permission orders:read --permission orders:ship --app shop"
    )]
    Define {
        /// The role
        role: String,
        /// For people
        #[arg(long, default_value = "", hide_default_value = true)]
        description: String,
        /// Something it permits, e.g. orders:read; can be repeated. Without one: nothing
        #[arg(long, value_name = "NAME")]
        permission: Vec<String>,
        #[command(flatten)]
        of: InApp,
        /// Why; needed where permissions are taken away, because whoever has the role loses them
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
        /// Do not ask for the name once more
        #[arg(long, requires = "reason")]
        yes: bool,
        #[command(flatten)]
        against: AgainstTag,
    },
    /// Delete a role of the app's own, or what was said of a built-in one
    #[command(
        after_help = "Refused while somebody has the role.\n\nExample:\n  doorward role delete clerk \
                            --app shop --reason 'tidying up' --yes"
    )]
    Delete {
        /// The role
        role: String,
        #[command(flatten)]
        of: InApp,
        #[command(flatten)]
        meant: Meant,
        #[command(flatten)]
        against: AgainstTag,
    },
    /// Give a user a role in an organization; makes it a member where it is none
    #[command(
        after_help = "Example:\n  doorward role assign admin --user ada@example.com --org ORG \
                            --app shop"
    )]
    Assign {
        /// The role
        role: String,
        #[command(flatten)]
        whose: Whose,
        #[command(flatten)]
        repeat: Repeat,
    },
    /// Take a role from a user; the membership ends with the last one
    #[command(
        after_help = "Examples:\n  doorward role revoke admin --user ada@example.com --org ORG \
                            --app shop\n  doorward role revoke --all --user ada@example.com --org \
                            ORG --app shop"
    )]
    Revoke {
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        whose: Whose,
    },
}

/// Which roles are taken.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Which {
    /// The role
    pub(crate) role: Option<String>,
    /// Every role the user has in the organization
    #[arg(long)]
    pub(crate) all: bool,
}

/// A user in an organization.
#[derive(Debug, Args)]
pub(crate) struct Whose {
    /// Whose: the user's id, e-mail address or phone number
    #[arg(long)]
    pub(crate) user: String,
    /// The organization's id, as `doorward org list` shows it
    #[arg(long)]
    pub(crate) org: String,
    #[command(flatten)]
    pub(crate) of: InApp,
}
