//! `doorward stats`

use clap::Args;

use super::InApp;

/// `doorward stats`
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  doorward stats --app shop\n  \
                  doorward stats --app shop --from 2026-01-01 --to 2026-01-31 --json")]
pub(crate) struct StatsArgs {
    #[command(flatten)]
    pub(crate) of: InApp,
    /// The first day (UTC); 30 days before the last if absent
    #[arg(long, value_name = "DAY")]
    pub(crate) from: Option<String>,
    /// The last day; today if absent. At most 92 days
    #[arg(long, value_name = "DAY")]
    pub(crate) to: Option<String>,
}
