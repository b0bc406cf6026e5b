//! `doorward limit`

use clap::{Args, Subcommand};

use super::InApp;

/// Whose limits; without one: those of the app as a whole.
#[derive(Debug, Args)]
#[group(multiple = false)]
pub(crate) struct LimitSubject {
    /// An e-mail address or a phone number
    #[arg(long)]
    pub(crate) contact: Option<String>,
    /// A client's address; of IPv6 its /64
    #[arg(long, value_name = "IP")]
    pub(crate) address: Option<String>,
    /// A licence's id
    #[arg(long, value_name = "ID")]
    pub(crate) license: Option<String>,
}

/// `doorward limit`
#[derive(Debug, Subcommand)]
pub(crate) enum LimitCommand {
    /// Show how limits stand
    #[command(after_help = "Examples:\n  doorward limit show --app shop\n  \
                            doorward limit show --app shop --contact ada@example.com")]
    Show {
        #[command(flatten)]
        of: InApp,
        #[command(flatten)]
        subject: LimitSubject,
    },
    /// Change a limit of an app
    #[command(after_help = "Example, five codes in ten minutes:\n  \
                            doorward limit set otp_per_contact 5/600 --app shop")]
    Set {
        /// Its name, as `app show` lists it under limits
        name: String,
        /// At most so many in any so many seconds; null restores the default
        #[arg(value_name = "MAX/SECONDS")]
        rule: String,
        #[command(flatten)]
        of: InApp,
    },
    /// Let somebody who has locked himself out begin anew
    #[command(after_help = "Example:\n  doorward limit clear --app shop --contact ada@example.com")]
    Clear {
        #[command(flatten)]
        of: InApp,
        #[command(flatten)]
        subject: LimitSubject,
    },
}
