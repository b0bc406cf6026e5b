//! Measures a `doorward` in its own process, on each engine, as a ratio to one bare RSA-2048
//! signature measured in the same run: `cargo xtask bench`.
//!
//! Wall times on shared machines vary several-fold from run to run. CPU time varies less, and the
//! ratio to a primitive measured in alternation with the load varies least.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "this is a command line tool for people at a terminal; it has no log"
)]

mod fill;
mod http;
mod load;
mod primitive;
mod process;
mod report;
mod scale;
mod scenario;
mod server;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;

/// `Err` is a sentence for the person at the terminal.
type Result<T = ()> = std::result::Result<T, String>;

#[derive(Parser)]
#[command(name = "doorward-bench", about = "Measures a running doorward")]
struct Args {
    /// The binary to measure
    #[arg(long)]
    binary: PathBuf,
    /// A durable PostgreSQL whose database is empty; without it only SQLite is measured
    #[arg(long, env = "DOORWARD_BENCH_POSTGRES_URL", hide_env_values = true)]
    postgres_url: Option<String>,
    /// Passes; each alternates the signature with every operation
    #[arg(long, default_value_t = 5)]
    passes: usize,
    /// Seconds of load per operation and pass
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
    /// Connections at the same time
    #[arg(long, default_value_t = 32)]
    concurrency: usize,
    /// Where the reports go
    #[arg(long)]
    out: PathBuf,
    /// Compare an empty deployment with a full one, operation by operation
    #[arg(long)]
    scale: bool,
    /// Of the full one: apps beside the one that is measured
    #[arg(long, default_value_t = 10_000, requires = "scale")]
    apps: u64,
    /// Of the full one: users of each other app
    #[arg(long, default_value_t = 100, requires = "scale")]
    users_each: u64,
    /// Of the full one: users of the app that is measured
    #[arg(long, default_value_t = 1_000_000, requires = "scale")]
    users: u64,
    /// Of the full one: sessions of each user
    #[arg(long, default_value_t = 3, requires = "scale")]
    sessions_each: u64,
}

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result {
    let plan = scenario::Plan {
        binary: &args.binary,
        passes: args.passes.max(1),
        span: Duration::from_secs_f64(args.seconds.clamp(0.2, 600.0)),
        concurrency: args.concurrency.clamp(1, 1_000),
    };
    if args.scale {
        let amount = fill::Amount {
            apps: args.apps,
            people_each: args.users_each,
            people: args.users,
            sessions_each: args.sessions_each,
        };
        return scale::run(&plan, amount, args.postgres_url.as_deref(), &args.out);
    }
    let mut results = vec![scenario::measure(&plan, "SQLite", None)?];
    if let Some(url) = &args.postgres_url {
        results.push(scenario::measure(&plan, "PostgreSQL", Some(url))?);
    }
    report::publish(&plan, &results, &args.out)
}
