//! `doorward maintenance run`

use doorward_service::maintenance::{self, Run};
use serde::Serialize;

use crate::Outcome;
use crate::cli::Global;
use crate::deployment;
use crate::output::{self, Report};

/// Runs it.
pub(super) async fn run(global: &Global) -> Outcome {
    let core = deployment::open(global).await?;
    let run = maintenance::run(&core, true).await?;
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
