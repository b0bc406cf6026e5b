//! `doorward doctor`

use std::process::ExitCode;

use doorward_service::doctor::{self, Finding, Severity};
use doorward_store::sqlite;
use serde::Serialize;

use crate::Outcome;
use crate::cli::Global;
use crate::config::sections::Database;
use crate::deployment::{self, Place};
use crate::doctor::{Local, ports};
use crate::failure::{self, Failure};
use crate::output;

/// Runs it. Exit code 0: nothing failed; 1: something did.
pub(super) async fn run(global: &Global, integrity: bool) -> Outcome<ExitCode> {
    let loaded = Place::of(global).or_default_data_dir().load(Vec::new());
    let mut findings = Vec::new();
    if integrity && let Some(Database::Sqlite(options)) = &loaded.config.database {
        findings.push(whole(options));
    }
    // Before it is opened, which mends the permissions of its files.
    let ports = ports::beside(&loaded.config).await;
    let master_key = super::backup::master_key_place(&loaded);
    let local = Local::new(loaded, None);
    let mut machine = local.examine();
    // A deployment that cannot be opened is what a doctor is called for.
    match deployment::open(global).await {
        Ok(core) => {
            let operator = deployment::operator(&core);
            findings.extend(doctor::examine(&core, &operator).await?);
            local.mended(&mut machine);
            core.store.close().await;
        }
        Err(failure) => findings.push(not_opened(&failure, &master_key)),
    }
    findings.extend(ports);
    findings.extend(machine);
    let worst = findings.iter().map(|finding| finding.severity).max();
    let severity = worst.unwrap_or(Severity::Ok);
    output::report(global.json, &Examination { severity, findings })?;
    Ok(ExitCode::from(u8::from(severity == Severity::Fail)))
}

/// Why the deployment cannot be opened, and what to do.
fn not_opened(failure: &Failure, master_key: &str) -> Finding {
    let id = match failure.code() {
        failure::MASTER_KEY => "keys.master",
        failure::DATABASE => "database.reach",
        _ => "deployment",
    };
    let mut advice = failure
        .advice()
        .unwrap_or("Mend what is named here; the rest was examined all the same.")
        .to_owned();
    if id == "keys.master" {
        advice.push_str(&format!(" The key of now is from: {master_key}."));
    }
    Finding::fail(id, failure.seen(), advice)
}

fn whole(options: &sqlite::Options) -> Finding {
    const ID: &str = "database.integrity";
    match sqlite::check(options) {
        Ok(None) => Finding::ok(ID, "every page and every reference is whole"),
        Ok(Some(problem)) => Finding::fail(
            ID,
            problem,
            "Stop the servers, keep a copy of the file, and restore the last good backup.",
        ),
        Err(error) => Finding::fail(
            ID,
            error.to_string(),
            "Is the path right, and the file ours?",
        ),
    }
}

#[derive(Serialize)]
struct Examination {
    severity: Severity,
    findings: Vec<Finding>,
}

impl output::Report for Examination {
    fn human(&self) -> String {
        let mut text = String::new();
        for finding in &self.findings {
            let Finding {
                id,
                severity,
                seen,
                advice,
            } = finding;
            text.push_str(&format!("{:4}  {id}: {seen}\n", severity.as_str()));
            if let Some(advice) = advice {
                text.push_str(&format!("      → {advice}\n"));
            }
        }
        let count = |wanted| {
            self.findings
                .iter()
                .filter(|found| found.severity == wanted)
                .count()
        };
        text.push_str(&format!(
            "\n{} looked at: {} failed, {} to look at.\n",
            self.findings.len(),
            count(Severity::Fail),
            count(Severity::Warn)
        ));
        text
    }
}
