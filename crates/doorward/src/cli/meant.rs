//! What a dangerous command asks for.

use clap::Args;

/// That it is meant.
#[derive(Debug, Args)]
pub(crate) struct Meant {
    /// Why; it goes to the audit and stays there (no e-mail address or phone number)
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,
    /// Do not ask for the name once more
    #[arg(long)]
    pub(crate) yes: bool,
}
