//! `cargo xtask test`: every test of every crate.
//!
//! What a machine lacks is left out and named at the end; `--require-all` makes that an error.

mod summary;

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use crate::postgres::{Durability, Server};
use crate::{Result, build, interop, postgres, workspace};
use summary::Summary;

/// Arguments of `test`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Leave out the tests on PostgreSQL
    #[arg(long, conflicts_with = "require_all")]
    no_postgres: bool,
    /// Leave out the tests against other people's programs (Python, Node)
    #[arg(long, conflicts_with = "require_all")]
    no_interop: bool,
    /// Fail when anything the tests need is missing
    #[arg(long)]
    require_all: bool,
    /// Arguments for `cargo test`, e.g. a filter
    #[arg(last = true)]
    cargo_args: Vec<String>,
}

/// Something that could not be had, and what to do about it.
struct Missing {
    what: &'static str,
    advice: String,
}

/// The surroundings of the tests, alive for as long as they run.
struct Surroundings {
    variables: Vec<(&'static str, PathBuf)>,
    missing: Vec<Missing>,
    server: Option<Server>,
}

/// Runs the tests.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let target = workspace::target_dir()?;
    let binary = match build(&args.cargo_args) {
        Ok(binary) => binary,
        Err(message) => {
            // Whoever reads the last line must not take silence for success.
            eprintln!("error: {message}");
            println!("0 passed, 1 failed");
            return Ok(ExitCode::FAILURE);
        }
    };
    let mut surroundings = prepare(args, &target);
    surroundings
        .variables
        .push(("DOORWARD_TEST_BINARY", binary));
    if args.require_all && !surroundings.missing.is_empty() {
        report(&surroundings.missing, None);
        return Err("something the tests need is missing, and --require-all was given".into());
    }

    let skipped_list = target.join("doorward-tests-skipped.txt");
    let _ = std::fs::remove_file(&skipped_list);
    let mut command = workspace::cargo();
    command
        .args(["test", "--workspace", "--no-fail-fast"])
        .args(&args.cargo_args);
    command.envs(
        surroundings
            .variables
            .iter()
            .map(|(name, value)| (name, value)),
    );
    command.env("DOORWARD_TEST_SKIPPED_LIST", &skipped_list);
    match &surroundings.server {
        Some(server) => command.env("DOORWARD_TEST_POSTGRES_URL", server.url()),
        None if args.no_postgres => command.env_remove("DOORWARD_TEST_POSTGRES_URL"),
        None => &mut command,
    };
    if args.require_all {
        command
            .env("DOORWARD_REQUIRE_POSTGRES", "1")
            .env("DOORWARD_REQUIRE_FAULTS", "1")
            .env("DOORWARD_REQUIRE_INTEROP", "1");
    }
    let mut summary = stream(&mut command)?;
    summary.take_skipped(&std::fs::read_to_string(&skipped_list).unwrap_or_default());
    for Missing { what, .. } in &surroundings.missing {
        summary.take_missing(what);
    }
    drop(surroundings.server);

    println!();
    for name in &summary.failed_names {
        println!("failed: {name}");
    }
    if summary.process_failed && summary.failed == 0 {
        println!("the build or a test process failed: counted as one failure");
    }
    report(&surroundings.missing, Some(&summary));
    println!("{}", summary.line());
    Ok(if summary.is_success() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Compiles tests and binary as one build, so that nothing is compiled twice, and gives the binary.
fn build(cargo_args: &[String]) -> Result<PathBuf> {
    let ours: Vec<&String> = cargo_args.iter().take_while(|arg| *arg != "--").collect();
    let mut command = workspace::cargo();
    command.args(["test", "--workspace", "--no-run"]).args(ours);
    let [built] = build::binaries(&mut command, ["doorward"])?;
    built.map_or_else(build::doorward, Ok)
}

fn prepare(args: &Args, target: &Path) -> Surroundings {
    let mut found = Surroundings {
        variables: Vec::new(),
        missing: Vec::new(),
        server: None,
    };
    if args.no_postgres {
        found.missing.push(Missing {
            what: "PostgreSQL",
            advice: "--no-postgres was given".into(),
        });
    } else if let Some(url) = workspace::env("DOORWARD_TEST_POSTGRES_URL") {
        eprintln!("using the PostgreSQL of DOORWARD_TEST_POSTGRES_URL");
        found
            .variables
            .push(("DOORWARD_TEST_POSTGRES_URL", url.into()));
    } else if postgres::find_programs().is_none() {
        found.missing.push(Missing {
            what: "PostgreSQL",
            advice: "install postgresql".into(),
        });
    } else {
        match Server::start(Durability::Pretended) {
            Ok(server) => found.server = Some(server),
            Err(advice) => found.missing.push(Missing {
                what: "PostgreSQL",
                advice,
            }),
        }
    }

    let for_administrators = [PathBuf::from("/usr/sbin")];
    for (what, program, advice) in [
        ("HAProxy", "haproxy", "install haproxy"),
        ("Patroni", "patroni", "install patroni"),
        ("etcd", "etcd", "install etcd-server"),
    ] {
        if workspace::find_program(program, &for_administrators).is_none() {
            found.missing.push(Missing {
                what,
                advice: advice.into(),
            });
        }
    }
    if workspace::find_program("curl", &[]).is_none() {
        found.missing.push(Missing {
            what: "curl",
            advice: "install curl".into(),
        });
    }
    if args.no_interop {
        found.missing.push(Missing {
            what: "Python",
            advice: "--no-interop was given".into(),
        });
        found.missing.push(Missing {
            what: "Node",
            advice: "--no-interop was given".into(),
        });
        return found;
    }
    match interop::python(target) {
        Ok(python) => found.variables.push(("DOORWARD_TEST_PYTHON", python)),
        Err(error) => found.missing.push(Missing {
            what: "Python",
            advice: format!("install python3 with venv: {error}"),
        }),
    }
    match interop::node() {
        Ok((node, modules)) => {
            found.variables.push(("DOORWARD_TEST_NODE", node));
            found
                .variables
                .push(("DOORWARD_TEST_NODE_MODULES", modules));
        }
        Err(error) => found.missing.push(Missing {
            what: "Node",
            advice: format!("install nodejs and npm: {error}"),
        }),
    }
    found
}

/// Runs cargo, passing its output on and counting what it says.
fn stream(command: &mut Command) -> Result<Summary> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("cargo: {error}"))?;
    let mut summary = Summary::default();
    let mut out = std::io::stdout();
    if let Some(stdout) = child.stdout.take() {
        let mut reader = BufReader::new(stdout);
        let mut line = Vec::new();
        // Bytes, not text: a test may print anything.
        while reader
            .read_until(b'\n', &mut line)
            .map_err(|error| format!("cargo: {error}"))?
            > 0
        {
            let _ = out.write_all(&line).and_then(|()| out.flush());
            summary.read(&String::from_utf8_lossy(&line));
            line.clear();
        }
    }
    let status = child.wait().map_err(|error| format!("cargo: {error}"))?;
    summary.process_failed = !status.success();
    Ok(summary)
}

fn report(missing: &[Missing], summary: Option<&Summary>) {
    for Missing { what, advice } in missing {
        let tests = match summary.map(|summary| summary.skipped_for(what)) {
            Some(count) if count > 0 => format!("; {count} tests"),
            _ => String::new(),
        };
        println!("not run: {what} ({advice}{tests})");
    }
}
