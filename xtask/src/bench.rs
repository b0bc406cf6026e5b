//! `cargo xtask bench` and `cargo xtask scale`: build everything with optimisation and let `bench/`
//! measure it.

use std::ffi::OsString;
use std::process::{Command, ExitCode};

use crate::postgres::{self, Durability, Server};
use crate::{Result, build, workspace};

/// Arguments of `bench`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Measure SQLite only
    #[arg(long)]
    no_postgres: bool,
    /// Arguments for the measuring program, e.g. `--seconds 10`
    #[arg(last = true)]
    rest: Vec<OsString>,
}

/// Runs it.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    measure(args, &[])
}

/// Compares an empty deployment with a full one.
pub(crate) fn scale(args: &Args) -> Result<ExitCode> {
    measure(args, &["--scale"])
}

fn measure(args: &Args, mode: &[&str]) -> Result<ExitCode> {
    // One build of both, so that what they share is compiled once and alike.
    let mut command = workspace::cargo();
    command.args([
        "build",
        "--release",
        "--package",
        "doorward",
        "--package",
        "doorward-bench",
    ]);
    let [server, bench] = build::binaries(&mut command, ["doorward", "doorward-bench"])?;
    let server = server.ok_or("cargo built no `doorward` binary")?;
    let bench = bench.ok_or("cargo built no `doorward-bench` binary")?;

    let database = if args.no_postgres {
        None
    } else if postgres::find_programs().is_none() {
        println!("not measured: PostgreSQL (install postgresql)");
        None
    } else {
        Some(Server::start(Durability::Real)?)
    };
    let mut command = Command::new(bench);
    command
        .arg("--binary")
        .arg(server)
        .arg("--out")
        .arg(workspace::root().join("bench"));
    command.args(mode).args(&args.rest);
    if let Some(database) = &database {
        command.env("DOORWARD_BENCH_POSTGRES_URL", database.url());
    }
    let status = command
        .status()
        .map_err(|error| format!("doorward-bench: {error}"))?;
    Ok(if status.success() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
