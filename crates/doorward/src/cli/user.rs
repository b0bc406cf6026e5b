//! `doorward user`

use clap::Subcommand;

use super::InApp;

/// `doorward user`
#[derive(Debug, Subcommand)]
pub(crate) enum UserCommand {
    /// List the organizations a user belongs to, its roles there and what they permit
    #[command(
        after_help = "In the order in which the user joined them: where nothing else is asked \
                            for, the first one goes into the token.\n\nExample:\n  \
                            doorward user orgs ada@example.com --app shop"
    )]
    Orgs {
        /// The user's id, e-mail address or phone number
        user: String,
        #[command(flatten)]
        of: InApp,
    },
}
