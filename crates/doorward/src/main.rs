//! The doorward binary: command line, configuration, wiring, shutdown.

mod cli;
mod commands;
mod config;
mod deployment;
mod doctor;
mod failure;
mod logging;
mod output;
mod serve;

use std::process::ExitCode;
use std::time::Instant;

use clap::Parser as _;

use cli::Cli;
use failure::Failure;

fn main() -> ExitCode {
    let started = Instant::now();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return commands::usage(&error),
    };
    let json = cli.global.json;
    let outcome = commands::run(cli, started);
    logging::finish();
    match outcome {
        Ok(code) => code,
        Err(failure) => {
            output::failure(json, &failure);
            failure.exit_code()
        }
    }
}

/// What commands return.
type Outcome<T = ()> = Result<T, Failure>;
