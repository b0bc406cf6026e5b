//! `doorward migrate`

use doorward_store::MigrationStatus;
use serde::Serialize;

use crate::Outcome;
use crate::cli::Global;
use crate::deployment::{self, Missing, Place};
use crate::failure::Failure;
use crate::output::{self, Report};

/// Runs it.
pub(super) async fn run(global: &Global, only_status: bool) -> Outcome {
    let place = Place::of(global).or_default_data_dir();
    let loaded = place.load(Vec::new());
    if !loaded.problems.is_empty() {
        return Err(Failure::configuration(
            "The configuration is wrong.",
            &loaded.problems,
        ));
    }
    let missing = if only_status {
        Missing::Refuse
    } else {
        Missing::Create
    };
    let store = deployment::open_store(&loaded.config, missing).await?;
    let status = if only_status {
        store.migration_status().await
    } else {
        store.migrate().await
    }?;
    store.close().await;
    output::report(global.json, &Status::from(status))
}

#[derive(Serialize)]
struct Status {
    current: i64,
    latest: i64,
    applied_now: Vec<i64>,
    up_to_date: bool,
}

impl From<MigrationStatus> for Status {
    fn from(status: MigrationStatus) -> Self {
        Self {
            current: status.current,
            latest: status.latest,
            applied_now: status.applied_now,
            up_to_date: status.current == status.latest,
        }
    }
}

impl Report for Status {
    fn human(&self) -> String {
        let Self {
            current, latest, ..
        } = self;
        if !self.applied_now.is_empty() {
            let applied: Vec<_> = self.applied_now.iter().map(ToString::to_string).collect();
            format!(
                "Applied {}. The schema is at version {current}.\n",
                applied.join(", ")
            )
        } else if self.up_to_date {
            format!("The schema is at version {current}, nothing is missing.\n")
        } else {
            format!(
                "The schema is at version {current}, this program brings {latest}. Run `doorward migrate`.\n"
            )
        }
    }
}
