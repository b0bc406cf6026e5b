//! `doorward alarm`

use std::sync::Arc;

use doorward_service::alarms::{self, AlarmTest};
use serde::Serialize;

use crate::Outcome;
use crate::cli::Global;
use crate::deployment::{self, Place};
use crate::failure::Failure;
use crate::output::{self, Report, table};
use crate::serve::senders;

/// Sends a test alarm.
pub(super) async fn test(global: &Global) -> Outcome {
    let core = deployment::open(global).await?;
    // What the configuration says of senders is of use here only.
    let config = Place::of(global)
        .or_default_data_dir()
        .load(Vec::new())
        .config;
    let destinations = senders::build(&config)
        .and_then(|mail| senders::alarms(&config, Arc::new(mail)))
        .map_err(|problem| Failure::configuration("The senders do not work:", &[problem]))?;
    core.messages.set_alarms(Arc::new(destinations));
    let results = alarms::test(&core, &deployment::operator(&core)).await;
    core.store.close().await;
    let results = results?;
    let failed = results.iter().any(|result| !result.accepted);
    output::report(global.json, &TestView { results })?;
    if failed {
        return Err(Failure::failed(
            "NOT_ACCEPTED",
            "Not everybody who is told of alarms could be told.",
        ));
    }
    Ok(())
}

#[derive(Serialize)]
struct TestView {
    results: Vec<AlarmTest>,
}

impl Report for TestView {
    fn human(&self) -> String {
        let rows: Vec<_> = self
            .results
            .iter()
            .map(|result| {
                let step = result.failed_step;
                [
                    result.destination.to_owned(),
                    if result.accepted {
                        "accepted"
                    } else {
                        "failed"
                    }
                    .to_owned(),
                    step.map_or_else(String::new, |step| step.as_str().to_owned()),
                    result.reason.clone().unwrap_or_default(),
                ]
            })
            .collect();
        table(["DESTINATION", "RESULT", "STEP", "REASON"], &rows)
    }
}
