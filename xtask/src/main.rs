//! Tasks of the workspace: `cargo xtask <task>`.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "this is a command line tool for people at a terminal; it has no log"
)]

mod bench;
mod build;
mod deps;
mod faults;
mod generate;
mod interop;
mod package;
mod postgres;
mod test;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// What a task returns: `Err` is a sentence for the person at the terminal.
type Result<T = ()> = std::result::Result<T, String>;

#[derive(Parser)]
#[command(
    name = "cargo xtask",
    about = "Tasks of the workspace",
    disable_help_subcommand = true
)]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Runs every test of every crate, with its own private PostgreSQL
    Test(test::Args),
    /// Checks that crates use each other only in the agreed direction
    CheckDeps,
    /// Writes the reference pages that are made from the code (or, with --check, compares them)
    Generate(generate::Args),
    /// Measures the server on both engines and writes bench/report.md
    Bench(bench::Args),
    /// Breaks what surrounds running servers, and judges by the clients' own record
    Faults(faults::Args),
    /// Builds the directory and archive of a release, with bill of materials and checksums
    Package(package::Args),
    /// Compares an empty deployment with one of millions of users on both engines, and writes
    /// bench/scale.md (takes 15 to 30 minutes and 15 GB in the temporary directory)
    Scale(bench::Args),
    /// Runs a command with a private PostgreSQL at hand, e.g. `-- cargo test -p doorward-store`
    WithPostgres(postgres::Args),
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().task {
        Task::Test(args) => test::run(&args),
        Task::CheckDeps => deps::run(),
        Task::Generate(args) => generate::run(&args),
        Task::Bench(args) => bench::run(&args),
        Task::Faults(args) => faults::run(&args),
        Task::Package(args) => package::run(&args),
        Task::Scale(args) => bench::scale(&args),
        Task::WithPostgres(args) => postgres::run(&args),
    };
    match outcome {
        Ok(code) => code,
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::FAILURE
        }
    }
}
