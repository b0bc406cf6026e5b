//! The machine's half of an examination: files, ports, disk, limits, certificates, settings.

mod deadline;
mod files;
mod machine;
pub(crate) mod ports;
mod recent;
mod tls;

use std::net::SocketAddr;
use std::path::PathBuf;

use doorward_service::doctor::{Finding, Severity};

use crate::config::sections::Database;
use crate::config::{Loaded, safety};

pub(crate) use recent::Recent;

/// What is known of the machine without asking it.
pub(crate) struct Local {
    loaded: Loaded,
    /// Where the faces of this process listen; `None` for a command beside the servers.
    listening: Option<Listening>,
}

/// Where the faces listen.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Listening {
    pub(crate) operator: SocketAddr,
}

impl Local {
    /// From the settings.
    pub(crate) const fn new(loaded: Loaded, listening: Option<Listening>) -> Self {
        Self { loaded, listening }
    }

    /// Looks at everything. Takes a few seconds at most, when something does not answer.
    pub(crate) fn examine(&self) -> Vec<Finding> {
        let config = &self.loaded.config;
        let mut findings = vec![self.settings()];
        findings.push(files::secrets(self.loaded.values.readable_by_all()));
        if let Some(path) = self.database_file() {
            findings.extend(files::database(&path));
        }
        // A command beside the servers asks who is at the ports (`ports::beside`).
        if let Some(listening) = self.listening {
            findings.push(machine::operator_port(listening.operator, None));
            findings.push(machine::open_files(config));
        }
        findings.extend(tls::public(config));
        findings.extend(tls::database(config));
        findings
    }

    /// Whoever opens the embedded database closes its files to others: what was seen before stays told,
    /// but there is nothing to run any more.
    pub(crate) fn mended(&self, findings: &mut [Finding]) {
        let Some(path) = self.database_file() else {
            return;
        };
        for finding in findings {
            if finding.id == files::PERMISSIONS && files::permissions(&path).advice.is_none() {
                let Some(_) = finding.advice.take() else {
                    continue;
                };
                finding.severity = Severity::Warn;
                finding
                    .seen
                    .push_str("; this command has closed it to them");
                finding.advice = Some(
                    "Find out what opens it (a copy, a tool of deployment, the umask). What others have \
                     read meanwhile they know."
                        .to_owned(),
                );
            }
        }
    }

    fn database_file(&self) -> Option<PathBuf> {
        match &self.loaded.config.database {
            Some(Database::Sqlite(options)) => Some(options.path.clone()),
            _ => None,
        }
    }

    /// What `doorward serve` says of the settings.
    fn settings(&self) -> Finding {
        const ID: &str = "settings";
        let verdict = safety::judge(&self.loaded.config, &self.loaded.values);
        let problems = self.loaded.problems.iter();
        let refusals = verdict.refusals.iter().map(|refusal| &refusal.problem);
        let against: Vec<_> = problems.chain(refusals).map(ToString::to_string).collect();
        let worries: Vec<_> = verdict.warnings.iter().map(ToString::to_string).collect();
        let advice = "`doorward config check` tells where each setting is from; \
                      docs/reference/configuration.md explains them.";
        if !against.is_empty() {
            let seen = format!("`doorward serve` would refuse: {}", against.join(" "));
            Finding::warn(ID, seen, advice)
        } else if !worries.is_empty() {
            Finding::warn(ID, worries.join(" "), advice)
        } else {
            Finding::ok(ID, "`doorward serve` has nothing to say against them")
        }
    }
}
