//! `doorward app`

use clap::Subcommand;

use super::{Against, Meant, Paging, Repeat};

/// `doorward app`
#[derive(Debug, Subcommand)]
#[command(
    after_help = "Wherever an APP is asked for, its id or its slug will do. Changes take \
                        effect on running servers within a second."
)]
pub(crate) enum AppCommand {
    /// Create an app and print its credentials; the secret is shown this once
    #[command(
        after_help = "Examples:\n  doorward app create --name 'My shop' --slug shop\n  \
                            doorward app create --name T --slug t --set otp_seconds=120 --json"
    )]
    Create {
        /// Name for people
        #[arg(long)]
        name: String,
        /// URL-safe name, unique on the platform; one audience of its tokens
        #[arg(long)]
        slug: String,
        /// A setting that differs from its default, e.g. limits.otp_per_contact.max=5; can be
        /// repeated
        #[arg(long, value_name = "KEY=VALUE")]
        set: Vec<String>,
        /// Print the credentials as lines of an environment file
        #[arg(long, conflicts_with = "json")]
        env: bool,
        #[command(flatten)]
        repeat: Repeat,
    },
    /// List the apps, in the order in which they were made
    #[command(after_help = "Example:\n  doorward app list")]
    List {
        #[command(flatten)]
        page: Paging,
    },
    /// Show one app and its settings
    #[command(after_help = "Example:\n  doorward app show shop")]
    Show {
        /// Its id or slug
        app: String,
    },
    /// Change an app's name or settings
    #[command(
        after_help = "Examples:\n  doorward app update shop --name 'Our shop'\n  \
                            doorward app update shop --set otp_seconds=120 --set sign_up=false\n  \
                            doorward app update shop --set otp_seconds=null     back to the default"
    )]
    Update {
        /// Its id or slug
        app: String,
        /// A new name
        #[arg(long)]
        name: Option<String>,
        /// A setting, e.g. otp_seconds=120; null restores its default; can be repeated
        #[arg(long, value_name = "KEY=VALUE")]
        set: Vec<String>,
        #[command(flatten)]
        against: Against,
    },
    /// Switch an app off: it signs nobody in and its API answers as for a wrong secret
    #[command(
        after_help = "Example:\n  doorward app deactivate shop --reason 'contract ended' --yes"
    )]
    Deactivate {
        /// Its id or slug
        app: String,
        #[command(flatten)]
        meant: Meant,
    },
    /// Switch an app on again
    #[command(after_help = "Example:\n  doorward app reactivate shop")]
    Reactivate {
        /// Its id or slug
        app: String,
    },
    /// Replace an app's secret and print the new one, shown this once
    #[command(
        after_help = "Examples:\n  doorward app rotate-secret shop --reason yearly --yes\n  \
                            doorward app rotate-secret shop --overlap-minutes 30 --reason yearly\n\n\
                            The old secret is dead at once, unless an overlap is chosen."
    )]
    RotateSecret {
        /// Its id or slug
        app: String,
        /// How long the old secret is still accepted; without this it is dead at once
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(i64).range(1..=10_080))]
        overlap_minutes: Option<i64>,
        #[command(flatten)]
        repeat: Repeat,
        #[command(flatten)]
        meant: Meant,
    },
}
