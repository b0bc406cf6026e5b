//! `doorward maintenance`

use doorward_domain::time::iso;
use doorward_service::maintenance::{self, Run};
use serde::Serialize;

use crate::Outcome;
use crate::cli::{Global, MaintenanceCommand};
use crate::deployment;
use crate::output::{self, Report, labels};

/// Runs it.
pub(super) async fn run(global: &Global, command: &MaintenanceCommand) -> Outcome {
    match command {
        MaintenanceCommand::Run => now(global).await,
        MaintenanceCommand::Status => status(global).await,
    }
}

async fn status(global: &Global) -> Outcome {
    let core = deployment::open(global).await?;
    let standing = maintenance::standing(&core, &deployment::operator(&core)).await?;
    core.store.close().await;
    output::report(
        global.json,
        &Status {
            last_run_at: standing.last_run_at.map(iso),
            last_ok_at: standing.last_ok_at.map(iso),
            last_report: standing.last_report,
            interval_seconds: standing.interval_seconds,
        },
    )
}

async fn now(global: &Global) -> Outcome {
    let core = deployment::open(global).await?;
    let run = maintenance::run_as(&core, &deployment::operator(&core)).await?;
    core.store.close().await;
    output::report(
        global.json,
        &match run {
            Run::NotDue => Ran {
                ran: false,
                deleted: None,
            },
            Run::Done(purged) => Ran {
                ran: true,
                deleted: Some(purged.total()),
            },
        },
    )
}

#[derive(Serialize)]
struct Ran {
    ran: bool,
    deleted: Option<u64>,
}

impl Report for Ran {
    fn human(&self) -> String {
        match self.deleted {
            Some(rows) => format!("Removed {rows} dead rows.\n"),
            None => "A server is at it at this moment.\n".to_owned(),
        }
    }
}

#[derive(Serialize)]
struct Status {
    last_run_at: Option<String>,
    last_ok_at: Option<String>,
    last_report: Option<serde_json::Value>,
    interval_seconds: i64,
}

impl Report for Status {
    fn human(&self) -> String {
        let or_never = |at: &Option<String>| at.clone().unwrap_or_else(|| "never".to_owned());
        let report = self.last_report.as_ref();
        labels(&[
            ("last run", or_never(&self.last_run_at)),
            ("last good run", or_never(&self.last_ok_at)),
            (
                "removed",
                report.map_or_else(String::new, ToString::to_string),
            ),
            ("every", format!("{} s", self.interval_seconds)),
        ])
    }
}
