//! `doorward key`

use clap::{Args, Subcommand};

use super::Paging;

/// `doorward key`
#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// List signing keys and their states, newest first
    #[command(after_help = "Example:\n  doorward key list")]
    List {
        #[command(flatten)]
        page: Paging,
    },
    /// Begin to sign with the next key
    #[command(
        after_help = "Examples:\n  doorward key rotate                scheduled or out of \
                            caution: tokens in use stay good\n  doorward key rotate --retire-now --reason 'key leaked'\n\n\
                            With --retire-now every access token it signed is refused."
    )]
    Rotate {
        /// Take the former key out of the JWKS at once: every access token it signed is refused
        #[arg(long, requires = "reason")]
        retire_now: bool,
        /// Why; it goes to the audit and stays there (with --retire-now)
        #[arg(long, value_name = "TEXT", requires = "retire_now")]
        reason: Option<String>,
        /// Do not ask for the key's id once more (with --retire-now)
        #[arg(long, requires = "retire_now")]
        yes: bool,
    },
    /// Print the public key
    #[command(
        after_help = "Examples:\n  doorward key public              one line, for \
                            JWT_PUBLIC_KEY\n  doorward key public --pem > public.pem"
    )]
    Public(PublicArgs),
}

/// Which form of the public key.
#[derive(Debug, Args)]
#[group(multiple = false)]
pub(crate) struct PublicArgs {
    /// The active key as PEM in one line of base64 (JWT_PUBLIC_KEY); the default
    #[arg(long)]
    base64: bool,
    /// The active key as PEM
    #[arg(long)]
    pem: bool,
    /// All published keys as JWKS
    #[arg(long)]
    jwks: bool,
}

/// Which form of the public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PublicForm {
    /// One line of base64.
    Base64,
    /// PEM.
    Pem,
    /// The JWKS document.
    Jwks,
}

impl PublicArgs {
    pub(crate) const fn form(&self) -> PublicForm {
        match (self.pem, self.jwks) {
            (true, _) => PublicForm::Pem,
            (_, true) => PublicForm::Jwks,
            _ => PublicForm::Base64,
        }
    }
}
