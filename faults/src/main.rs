//! Breaks what surrounds running `doorward` processes, while clients keep a record of everything
//! they were told, and judges by that record: `cargo xtask faults`.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "this is a command line tool for people at a terminal; it has no log"
)]

mod http;
mod load;
mod record;
mod report;
mod scenario;
mod world;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;

use report::Finding;
use scenario::{Plan, SCENARIOS};

/// `Err` is a sentence for the person at the terminal.
type Result<T = ()> = std::result::Result<T, String>;

#[derive(Parser)]
#[command(
    name = "doorward-faults",
    about = "Breaks what surrounds a running doorward"
)]
struct Args {
    /// The binary to try
    #[arg(long)]
    binary: PathBuf,
    /// The binary of the release before, for the scenario `upgrade`
    #[arg(long)]
    previous: Option<PathBuf>,
    /// Everything, and longer
    #[arg(long)]
    long: bool,
    /// Only this scenario; can be repeated
    #[arg(long)]
    only: Vec<String>,
    /// Leave the directories with logs and databases, and say where they are
    #[arg(long)]
    keep: bool,
    /// Where report.md and report.json go
    #[arg(long)]
    out: Option<PathBuf>,
}

/// Exit code of a run in which something could not be tried at all.
const NOT_RUN: u8 = 3;

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(code) => code,
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<ExitCode> {
    let plan = Plan {
        binary: args.binary.clone(),
        previous: args.previous.clone(),
        long: args.long,
    };
    if args.keep {
        world::deployment::keep_scratch();
    }
    let known = |name: &String| SCENARIOS.iter().any(|scenario| scenario.name == name);
    if let Some(name) = args.only.iter().find(|name| !known(name)) {
        let names: Vec<_> = SCENARIOS.iter().map(|scenario| scenario.name).collect();
        return Err(format!(
            "no scenario {name}; there are {}",
            names.join(", ")
        ));
    }
    let mut findings = Vec::new();
    for scenario in SCENARIOS {
        let named = args.only.iter().any(|name| name == scenario.name);
        if !named && (scenario.must_fail || !args.only.is_empty()) {
            continue;
        }
        say(&format!("{}: {}", scenario.name, scenario.title));
        let began = Instant::now();
        let mut finding = Finding::new(scenario.name, scenario.title);
        match (scenario.lacks)(&plan) {
            Some(why) => finding.skipped = Some(why),
            None => {
                if let Err(error) = (scenario.run)(&plan, &mut finding) {
                    finding.broken.push(error);
                }
            }
        }
        finding.took = began.elapsed();
        findings.push(finding);
    }
    report::publish(&findings, args.long, args.out.as_deref())?;
    Ok(if findings.iter().any(|finding| !finding.is_good()) {
        ExitCode::FAILURE
    } else if findings.iter().any(|finding| finding.skipped.is_some()) {
        ExitCode::from(NOT_RUN)
    } else {
        ExitCode::SUCCESS
    })
}

fn say(text: &str) {
    println!("{text}");
}
