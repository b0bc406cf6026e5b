//! `doorward config`

use clap::{Args, Subcommand};

use super::ServeArgs;

/// `doorward config`
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Tell which values hold, where they are from, and everything that is wrong; exit code 1 when
    /// `doorward serve` would refuse to start
    #[command(
        after_help = "Example:\n  doorward config check --connect --config /etc/doorward.toml"
    )]
    Check(Box<CheckArgs>),
    /// Show the values that hold, without judging them
    #[command(after_help = "Example:\n  doorward config show --config /etc/doorward.toml")]
    Show(Box<ServeArgs>),
    /// Explain every setting
    #[command(after_help = "Example:\n  doorward config reference --toml > doorward.toml")]
    Reference(ReferenceArgs),
}

/// What is checked.
#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    #[command(flatten)]
    pub(crate) serve: ServeArgs,
    /// Also connect to the database, the mail server and the other senders. Changes and sends
    /// nothing
    #[arg(long)]
    pub(crate) connect: bool,
}

/// Which form of the reference.
#[derive(Debug, Args)]
#[group(multiple = false)]
pub(crate) struct ReferenceArgs {
    /// As a page of Markdown
    #[arg(long)]
    markdown: bool,
    /// As a TOML file in which everything is commented out
    #[arg(long)]
    toml: bool,
}

/// Which form of the reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ReferenceForm {
    /// For the terminal.
    Text,
    /// A page.
    Markdown,
    /// A file.
    Toml,
}

impl ReferenceArgs {
    pub(crate) const fn form(&self) -> ReferenceForm {
        match (self.markdown, self.toml) {
            (true, _) => ReferenceForm::Markdown,
            (_, true) => ReferenceForm::Toml,
            _ => ReferenceForm::Text,
        }
    }
}
