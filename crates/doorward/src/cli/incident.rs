//! `doorward incident`

use clap::Subcommand;

use super::{InApp, Meant, OneUser, Repeat};

/// `doorward incident`
#[derive(Debug, Subcommand)]
#[command(
    after_help = "docs/incidents.md says when to use which, what happens, and how to see that it \
                        worked."
)]
pub(crate) enum IncidentCommand {
    /// I1: an app's secret is known to somebody; replace it, the old one is dead at once
    #[command(
        after_help = "Example:\n  doorward incident secret-exposed --app shop --reason 'found in \
                            a repository'"
    )]
    SecretExposed {
        #[command(flatten)]
        of: InApp,
        #[command(flatten)]
        repeat: Repeat,
        #[command(flatten)]
        meant: Meant,
    },
    /// I2: somebody else may be signed in as a user; end every session of it
    #[command(
        after_help = "Example:\n  doorward incident suspicious-sign-in ada@example.com --app \
                            shop --reason 'two countries in an hour'"
    )]
    SuspiciousSignIn {
        #[command(flatten)]
        user: OneUser,
        #[command(flatten)]
        meant: Meant,
    },
    /// I3: a consumer lost the public key; print it in every form
    #[command(after_help = "Example:\n  doorward incident public-key")]
    PublicKey,
    /// I4: an app must stop at once; switch it off
    #[command(after_help = "Example:\n  doorward incident stop-app --app shop --reason 'break-in'")]
    StopApp {
        #[command(flatten)]
        of: InApp,
        #[command(flatten)]
        meant: Meant,
    },
    /// I4, finer: end every session of an app; everybody signs in again
    #[command(
        after_help = "Example:\n  doorward incident end-all-sessions --app shop --reason \
                            'tokens leaked'"
    )]
    EndAllSessions {
        #[command(flatten)]
        of: InApp,
        #[command(flatten)]
        meant: Meant,
    },
}
