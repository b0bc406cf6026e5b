//! `doorward delivery`

use std::path::PathBuf;

use clap::Subcommand;

use super::{Against, ChannelName, InApp};

/// `doorward delivery`
#[derive(Debug, Subcommand)]
#[command(
    after_help = "An app without providers of its own uses the deployment's sender, which the \
                        configuration names (DOORWARD_SMTP_…, DOORWARD_SMS_…)."
)]
pub(crate) enum DeliveryCommand {
    /// Show who carries an app's messages; never a secret
    #[command(after_help = "Example:\n  doorward delivery show --app shop")]
    Show {
        #[command(flatten)]
        of: InApp,
    },
    /// Set who carries an app's messages of one channel, from a JSON file
    #[command(
        after_help = "The file holds what the operator API takes: a list of providers, in order. A \
                            provider without `secret` keeps the one before.\n\n  \
                            [{ \"id\": \"main\", \"kind\": \"smtp\", \"host\": \"mail.example.com\", \
                            \"tls\": \"starttls\",\n     \"username\": \"shop\", \"secret\": \"…\", \
                            \"from_address\": \"no-reply@example.com\" }]\n\nExample:\n  \
                            doorward delivery set email --file mail.json --app shop"
    )]
    Set {
        /// The channel
        channel: ChannelName,
        /// The file; - for standard input
        #[arg(long, value_name = "FILE")]
        file: PathBuf,
        /// Only if the providers still have this version; 0: only where the app has none yet
        #[arg(long, value_name = "VERSION")]
        if_version: Option<i64>,
        #[command(flatten)]
        of: InApp,
    },
    /// Delete an app's providers of one channel, and their secrets
    #[command(after_help = "Example:\n  doorward delivery reset sms --app shop")]
    Reset {
        /// The channel
        channel: ChannelName,
        #[command(flatten)]
        against: Against,
        #[command(flatten)]
        of: InApp,
    },
    /// Show codes by SMS against the budgets, and the alarms
    #[command(
        after_help = "Budgets are settings of the app:\n  doorward app update shop --set \
                            sms.per_day=1000 --set 'sms.countries=[\"+91\"]'\n\nExample:\n  \
                            doorward delivery usage --app shop"
    )]
    Usage {
        #[command(flatten)]
        of: InApp,
    },
    /// Send a test message through each provider, and say which step failed
    #[command(after_help = "Example:\n  doorward delivery test ada@example.com --app shop")]
    Test {
        /// An e-mail address, or a phone number such as +919876543210
        to: String,
        #[command(flatten)]
        of: InApp,
    },
}
