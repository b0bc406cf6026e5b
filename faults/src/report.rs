//! What came of it, for people and for programs.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use crate::Result;
use crate::load::run::Outcome;

/// What came of one scenario.
#[derive(Default)]
pub(crate) struct Finding {
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    /// What was done to the servers, in order.
    pub(crate) done: Vec<String>,
    /// What was measured besides, by name.
    measured: Vec<(String, String)>,
    /// Times that were measured, by name; the longest of each.
    slowest_of: BTreeMap<String, Duration>,
    pub(crate) operations: u64,
    pub(crate) acknowledged: u64,
    pub(crate) audited: usize,
    pub(crate) lost: Vec<String>,
    pub(crate) double: Vec<String>,
    /// Answers that the protocol does not allow, and bounds that did not hold.
    pub(crate) broken: Vec<String>,
    pub(crate) trouble: BTreeMap<String, u64>,
    pub(crate) longest_gap: Duration,
    pub(crate) slowest: Duration,
    pub(crate) took: Duration,
    /// Why it was not run.
    pub(crate) skipped: Option<String>,
}

impl Finding {
    /// Nothing yet.
    pub(crate) fn new(name: &'static str, title: &'static str) -> Self {
        Self {
            name,
            title,
            ..Self::default()
        }
    }

    /// One more thing that was done.
    pub(crate) fn did(&mut self, what: impl Into<String>) {
        let what = what.into();
        crate::say(&format!("  {what}"));
        self.done.push(what);
    }

    /// One more thing that was measured.
    pub(crate) fn measure(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.measured.push((name.into(), value.into()));
    }

    /// A time that was measured, of which the longest counts.
    pub(crate) fn slowest(&mut self, name: &str, took: Duration) {
        let slowest = self.slowest_of.entry(name.to_owned()).or_default();
        *slowest = took.max(*slowest);
    }

    /// Everything that was measured, as people read it.
    fn measurements(&self) -> BTreeMap<String, String> {
        let times = self.slowest_of.iter();
        times
            .map(|(name, took)| (name.clone(), format!("{} ms", took.as_millis())))
            .chain(self.measured.iter().cloned())
            .collect()
    }

    /// A bound that must hold.
    pub(crate) fn bound(&mut self, holds: bool, what: impl Into<String>) {
        if !holds {
            self.broken.push(what.into());
        }
    }

    /// Adds what the clients wrote down.
    pub(crate) fn take(&mut self, outcome: Outcome) {
        let entries = outcome.entries;
        self.operations += entries.operations;
        self.acknowledged += entries.acknowledged;
        self.audited += outcome.audited;
        self.lost.extend(entries.lost);
        self.double.extend(entries.double);
        self.broken.extend(entries.wrong);
        for (kind, count) in entries.trouble {
            *self.trouble.entry(kind).or_default() += count;
        }
        self.longest_gap = self.longest_gap.max(entries.longest_gap);
        self.slowest = self.slowest.max(entries.slowest);
    }

    pub(crate) fn is_good(&self) -> bool {
        self.lost.is_empty() && self.double.is_empty() && self.broken.is_empty()
    }

    fn verdict(&self) -> &'static str {
        match (&self.skipped, self.is_good()) {
            (Some(_), _) => "not run",
            (None, true) => "passed",
            (None, false) => "FAILED",
        }
    }
}

/// Prints it and writes `report.md` and `report.json`.
pub(crate) fn publish(findings: &[Finding], long: bool, out: Option<&Path>) -> Result {
    let page = page(findings, long);
    crate::say(&page);
    let Some(out) = out else { return Ok(()) };
    fs::create_dir_all(out).map_err(|error| format!("{}: {error}", out.display()))?;
    fs::write(out.join("report.md"), page).map_err(|error| format!("report.md: {error}"))?;
    let document = json!({
        "form": form(long),
        "scenarios": findings.iter().map(document).collect::<Vec<_>>(),
    });
    let mut text =
        serde_json::to_string_pretty(&document).map_err(|error| format!("report.json: {error}"))?;
    text.push('\n');
    fs::write(out.join("report.json"), text).map_err(|error| format!("report.json: {error}"))
}

const fn form(long: bool) -> &'static str {
    if long { "long" } else { "short" }
}

fn document(finding: &Finding) -> Value {
    json!({
        "name": finding.name,
        "title": finding.title,
        "verdict": finding.verdict(),
        "skipped": finding.skipped,
        "done": finding.done,
        "operations": finding.operations,
        "acknowledged": finding.acknowledged,
        "audit_events_found": finding.audited,
        "lost": finding.lost.len(),
        "double_use": finding.double.len(),
        "broken": finding.broken,
        "examples_lost": finding.lost.iter().take(5).collect::<Vec<_>>(),
        "examples_double_use": finding.double.iter().take(5).collect::<Vec<_>>(),
        "trouble": finding.trouble,
        "longest_gap_ms": millis(finding.longest_gap),
        "slowest_answer_ms": millis(finding.slowest),
        "measured": finding.measurements(),
        "seconds": finding.took.as_secs(),
    })
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn page(findings: &[Finding], long: bool) -> String {
    let mut out = String::from(
        "# Faults\n\n\
         Written by `cargo xtask faults`; `docs/operations/faults.md` says how to read it. Real \
         `doorward serve` processes, real PostgreSQL, HAProxy and Patroni, on one machine, a \
         debug build: nothing here says how fast Doorward is.\n\n",
    );
    let _ = writeln!(out, "Form: {}.\n", form(long));
    out.push_str(
        "| scenario | verdict | operations | acknowledged | lost | double use | longest gap (ms) \
         | slowest answer (ms) |\n|---|---|--:|--:|--:|--:|--:|--:|\n",
    );
    for finding in findings {
        let _ = writeln!(
            out,
            "| {} | {} | {} | {} | {} | {} | {} | {} |",
            finding.name,
            finding.verdict(),
            finding.operations,
            finding.acknowledged,
            finding.lost.len(),
            finding.double.len(),
            millis(finding.longest_gap),
            millis(finding.slowest)
        );
    }
    for finding in findings {
        section(&mut out, finding);
    }
    out
}

fn section(out: &mut String, finding: &Finding) {
    let _ = writeln!(out, "\n## {}: {}\n", finding.name, finding.title);
    if let Some(why) = &finding.skipped {
        let _ = writeln!(out, "Not run: {why}.");
        return;
    }
    for done in &finding.done {
        let _ = writeln!(out, "- {done}");
    }
    let _ = writeln!(
        out,
        "\n{} acknowledged changes were looked for in the audit log. It took {} s.",
        finding.audited,
        finding.took.as_secs()
    );
    let measured = finding.measurements();
    if !measured.is_empty() {
        out.push_str("\n| measured | |\n|---|--:|\n");
        for (name, value) in measured {
            let _ = writeln!(out, "| {name} | {value} |");
        }
    }
    if !finding.trouble.is_empty() {
        out.push_str("\n| a client met | times |\n|---|--:|\n");
        for (kind, count) in &finding.trouble {
            let _ = writeln!(out, "| {kind} | {count} |");
        }
    }
    for (what, list) in [
        ("Lost", &finding.lost),
        ("Double use", &finding.double),
        ("Broken", &finding.broken),
    ] {
        if !list.is_empty() {
            let _ = writeln!(out, "\n{what} ({}):\n", list.len());
            for entry in list.iter().take(10) {
                let _ = writeln!(out, "- {entry}");
            }
        }
    }
}
