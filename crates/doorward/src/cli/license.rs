//! `doorward license`

use clap::{Args, Subcommand};

use super::{Against, InApp, Meant, Paging, Repeat};

/// A licence of an app.
#[derive(Debug, Args)]
pub(crate) struct OneLicense {
    /// The licence's id, or its key (which others can see on a command line)
    #[arg(value_name = "LICENSE")]
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) of: InApp,
}

/// `doorward license`
#[derive(Debug, Subcommand)]
#[command(
    after_help = "Wherever a LICENSE is asked for, its id or its key will do. A change of a \
                        user's licence is in the user's token from its next refresh on."
)]
pub(crate) enum LicenseCommand {
    /// Generate licences and print their keys
    #[command(
        after_help = "Examples:\n  doorward license generate --app shop --label 'Order 7' \
                            --max-activations 3 --expires 365d\n  \
                            doorward license generate --app shop --count 100 --json\n  \
                            doorward license generate --app shop --user ada@example.com \
                            --entitlement export=true --entitlement seats=20"
    )]
    Generate {
        /// A name for people, e.g. an order number
        #[arg(long)]
        label: Option<String>,
        /// Whom it is sold to
        #[arg(long)]
        issued_to: Option<String>,
        /// Device slots
        #[arg(long, value_name = "N", default_value_t = 1)]
        max_activations: i64,
        /// The user in whose tokens its entitlements shall ride; then it gets no key
        #[arg(long)]
        user: Option<String>,
        /// The organization it belongs to
        #[arg(long, value_name = "ORG")]
        tenant: Option<String>,
        /// Its end: 90d, 12h or a time
        #[arg(long, value_name = "WHEN")]
        expires: Option<String>,
        /// A feature or a number, e.g. export=true or seats=20; can be repeated
        #[arg(long, value_name = "NAME=VALUE")]
        entitlement: Vec<String>,
        /// Anything to keep with it: a JSON object
        #[arg(long, value_name = "JSON")]
        metadata: Option<String>,
        /// A key as well, although it is a user's
        #[arg(long, requires = "user")]
        with_key: bool,
        /// So many with the same terms (1 to 500)
        #[arg(long, value_name = "N")]
        count: Option<u32>,
        #[command(flatten)]
        repeat: Repeat,
        #[command(flatten)]
        of: InApp,
    },
    /// List or search the licences of an app, newest first
    #[command(
        after_help = "Examples:\n  doorward license list --app shop --state full\n  \
                            doorward license list --app shop --label-prefix 'Order'\n  \
                            doorward license list --app shop --user ada@example.com --json"
    )]
    List {
        /// Only this user's
        #[arg(long)]
        user: Option<String>,
        /// Only this organization's
        #[arg(long, value_name = "ORG")]
        tenant: Option<String>,
        /// Only what was issued to exactly this
        #[arg(long)]
        issued_to: Option<String>,
        /// Only what has a label that begins so
        #[arg(long, value_name = "TEXT")]
        label_prefix: Option<String>,
        /// Only what stands so: issued, active, full, expired, suspended, revoked
        #[arg(long)]
        state: Option<String>,
        /// Only keys that end so
        #[arg(long, value_name = "LAST 4")]
        key_hint: Option<String>,
        #[command(flatten)]
        page: Paging,
        #[command(flatten)]
        of: InApp,
    },
    /// Show one licence and the devices that hold its slots
    #[command(after_help = "Example:\n  doorward license show LICENSE --app shop")]
    Show(OneLicense),
    /// Change the terms of a licence, or renew it; what is not named stays
    #[command(
        after_help = "Examples:\n  doorward license update LICENSE --app shop --expires 365d\n  \
                            doorward license update LICENSE --app shop --expires never\n  \
                            doorward license update LICENSE --app shop --max-activations 5 \
                            --entitlement seats=50 --entitlement beta=null"
    )]
    Update {
        #[command(flatten)]
        license: OneLicense,
        /// A name for people; empty for none
        #[arg(long)]
        label: Option<String>,
        /// Whom it is sold to; empty for nobody
        #[arg(long)]
        issued_to: Option<String>,
        /// Its end: 90d, 12h, a time, or never
        #[arg(long, value_name = "WHEN")]
        expires: Option<String>,
        /// Device slots: not fewer than are in use
        #[arg(long, value_name = "N")]
        max_activations: Option<i64>,
        /// A feature or a number; null removes it; can be repeated
        #[arg(long, value_name = "NAME=VALUE")]
        entitlement: Vec<String>,
        /// A JSON object to merge into the metadata; null removes a name
        #[arg(long, value_name = "JSON")]
        metadata: Option<String>,
        #[command(flatten)]
        against: Against,
    },
    /// Take a licence out of use until it is resumed
    #[command(
        after_help = "Example:\n  doorward license suspend LICENSE --app shop --reason 'not paid'"
    )]
    Suspend {
        #[command(flatten)]
        license: OneLicense,
        /// Why; kept in the audit log
        #[arg(long)]
        reason: Option<String>,
    },
    /// Take a suspended licence into use again
    #[command(after_help = "Example:\n  doorward license resume LICENSE --app shop")]
    Resume(OneLicense),
    /// End a licence for good
    #[command(
        after_help = "Example:\n  doorward license revoke LICENSE --app shop --reason refunded --yes"
    )]
    Revoke {
        #[command(flatten)]
        license: OneLicense,
        #[command(flatten)]
        meant: Meant,
    },
    /// Take a slot from a device; it is free at once
    #[command(
        after_help = "Example:\n  doorward license deactivate LICENSE --app shop --device DEVICE"
    )]
    Deactivate {
        #[command(flatten)]
        license: OneLicense,
        /// The device's activation id, as `show` lists it
        #[arg(long)]
        device: String,
    },
    /// Release a lost device as the holder of the licence would: its slot cools off first
    #[command(
        after_help = "Example:\n  doorward license release LICENSE --app shop --device DEVICE"
    )]
    Release {
        #[command(flatten)]
        license: OneLicense,
        /// The device's activation id, as `show` lists it
        #[arg(long)]
        device: String,
    },
    /// Show the key of a licence again; the act is in the audit log
    #[command(
        after_help = "Example:\n  doorward license reveal LICENSE --app shop --reason 'lost mail'"
    )]
    Reveal {
        #[command(flatten)]
        license: OneLicense,
        /// Why; kept in the audit log
        #[arg(long)]
        reason: String,
    },
    /// The key that signs the app's licence files
    #[command(subcommand)]
    Key(LicenseKeyCommand),
}

/// `doorward license key`
#[derive(Debug, Subcommand)]
pub(crate) enum LicenseKeyCommand {
    /// Print the public keys, to be built into the app's programs
    #[command(after_help = "Examples:\n  doorward license key show --app shop\n  \
                            doorward license key show --app shop --jwks > license-keys.json")]
    Show {
        /// The keys as JWKS and nothing else
        #[arg(long)]
        jwks: bool,
        #[command(flatten)]
        of: InApp,
    },
    /// Sign new licence files with a new key; the former public keys stay published
    #[command(
        after_help = "Example:\n  doorward license key rotate --app shop --reason yearly --yes"
    )]
    Rotate {
        #[command(flatten)]
        of: InApp,
        #[command(flatten)]
        meant: Meant,
    },
}
