//! `doorward org`

use clap::{Args, Subcommand};

use super::{Against, InApp, Paging, Repeat};

/// An organization of an app.
#[derive(Debug, Args)]
pub(crate) struct OneOrg {
    /// The organization's id, as `list` shows it
    #[arg(value_name = "ORG")]
    pub(crate) id: String,
    #[command(flatten)]
    pub(crate) of: InApp,
}

/// `doorward org`
#[derive(Debug, Subcommand)]
#[command(
    after_help = "An organization is what the API calls a tenant: its id is `tenant_id`. \
                        Wherever a USER is asked for, its id, e-mail address or phone number will \
                        do. What changes is in a user's token from its next refresh on."
)]
pub(crate) enum OrgCommand {
    /// Create an organization and print its id
    #[command(
        after_help = "Examples:\n  doorward org create --name 'Acme Ltd' --app shop\n  \
                            doorward org create --name 'Acme Ltd' --owner ada@example.com --app \
                            shop --json"
    )]
    Create {
        /// Name for people; two organizations may have the same
        #[arg(long)]
        name: String,
        /// Its first owner
        #[arg(long, value_name = "USER")]
        owner: Option<String>,
        #[command(flatten)]
        repeat: Repeat,
        #[command(flatten)]
        of: InApp,
    },
    /// List the organizations of an app, archived ones among them
    #[command(after_help = "Example:\n  doorward org list --app shop")]
    List {
        #[command(flatten)]
        of: InApp,
        #[command(flatten)]
        page: Paging,
    },
    /// Show one organization
    #[command(after_help = "Example:\n  doorward org show ORG --app shop")]
    Show(OneOrg),
    /// Rename an organization
    #[command(after_help = "Example:\n  doorward org rename ORG --name 'Acme plc' --app shop")]
    Rename {
        #[command(flatten)]
        org: OneOrg,
        /// The new name
        #[arg(long)]
        name: String,
        #[command(flatten)]
        against: Against,
    },
    /// Put an organization out of use: it goes into no token, and nobody joins it
    #[command(after_help = "Example:\n  doorward org archive ORG --app shop")]
    Archive(OneOrg),
    /// Take an archived organization into use again, with the members it had
    #[command(after_help = "Example:\n  doorward org restore ORG --app shop")]
    Restore(OneOrg),
    /// List the members of an organization and their roles
    #[command(after_help = "Example:\n  doorward org members ORG --app shop")]
    Members(OneOrg),
    /// Make a user a member, by giving it a role
    #[command(
        after_help = "Example:\n  doorward org add-member ORG --user ada@example.com --role \
                            admin --app shop"
    )]
    AddMember {
        #[command(flatten)]
        org: OneOrg,
        /// Who
        #[arg(long)]
        user: String,
        /// With which role: owner, admin, staff, viewer, or one the app defines
        #[arg(long)]
        role: String,
        #[command(flatten)]
        repeat: Repeat,
    },
    /// Remove a member with all its roles
    #[command(
        after_help = "Examples:\n  doorward org remove-member ORG --user ada@example.com --app \
                            shop\n\nThe last owner cannot be removed: make somebody else one, or \
                            archive the organization."
    )]
    RemoveMember {
        #[command(flatten)]
        org: OneOrg,
        /// Who
        #[arg(long)]
        user: String,
    },
}
