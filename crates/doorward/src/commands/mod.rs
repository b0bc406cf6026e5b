//! What each command does: opens the deployment, calls one use case, prints its result.

mod admin_key;
mod alarm;
mod app;
mod atomic_file;
mod audit;
mod backup;
mod config;
mod connect;
mod db;
mod delivery;
mod delivery_usage;
mod doctor;
mod expiry;
mod exposed_password;
mod find;
mod health;
mod help;
mod incident;
mod key;
mod license;
mod limit;
mod maintenance;
mod meant;
mod migrate;
mod org;
mod pages;
mod progress;
mod restore;
mod role;
mod session;
mod settings;
mod stats;
mod template;
mod user;

pub(crate) use config::judge;

use std::process::ExitCode;
use std::time::Instant;

use clap::error::ErrorKind;

use crate::Outcome;
use crate::cli::{AlarmCommand, Cli, Command, FaceName, Global};
use crate::failure::Failure;
use crate::{logging, output, serve};

/// Runs the command. Servers bring their own runtime and log.
pub(crate) fn run(cli: Cli, started: Instant) -> Outcome<ExitCode> {
    let Cli { global, command } = cli;
    if let Some(url) = &global.database_url {
        let better = "DOORWARD_DATABASE_URL or DOORWARD_DATABASE_URL_FILE";
        exposed_password::warn("--database-url", url, better, global.json);
    }
    match command {
        Command::Dev(args) => serve::dev(&global, &args, started),
        Command::Serve(args) => serve::serve(&global, &args, started),
        Command::Config(command) => config::run(&global, &command),
        Command::Openapi { face } => openapi(face).map(done),
        Command::Help { markdown, command } => help::run(markdown, &command).map(done),
        Command::Doctor { integrity } => quietly(doctor::run(&global, integrity)),
        Command::Db(command) => quietly(db::run(&global, command)),
        other => quietly(beside_servers(&global, other)).map(done),
    }
}

/// Runs a command that is no server.
fn quietly<T>(command: impl Future<Output = Outcome<T>>) -> Outcome<T> {
    logging::start_quiet();
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::failed("RUNTIME", error.to_string()))?
        .block_on(command)
}

const fn done((): ()) -> ExitCode {
    ExitCode::SUCCESS
}

async fn beside_servers(global: &Global, command: Command) -> Outcome {
    match command {
        Command::App(command) => app::run(global, command).await,
        Command::Org(command) => org::run(global, command).await,
        Command::Role(command) => role::run(global, command).await,
        Command::User(command) => user::run(global, *command).await,
        Command::Session(command) => session::run(global, command).await,
        Command::Incident(command) => incident::run(global, command).await,
        Command::AdminKey(command) => admin_key::run(global, command).await,
        Command::Key(command) => key::run(global, command).await,
        Command::Audit(command) => audit::run(global, command).await,
        Command::Limit(command) => limit::run(global, command).await,
        Command::Stats(args) => stats::run(global, args).await,
        Command::License(command) => license::run(global, *command).await,
        Command::Backup(args) => backup::run(global, &args),
        Command::Restore(args) => restore::run(global, &args).await,
        Command::Template(command) => template::run(global, command).await,
        Command::Delivery(command) => delivery::run(global, command).await,
        Command::Migrate { status } => migrate::run(global, status).await,
        Command::Health { url } => health::run(global, url).await,
        Command::Alarm(AlarmCommand::Test) => alarm::test(global).await,
        Command::Maintenance(command) => maintenance::run(global, &command).await,
        Command::Dev(_)
        | Command::Serve(_)
        | Command::Config(_)
        | Command::Db(_)
        | Command::Doctor { .. }
        | Command::Openapi { .. }
        | Command::Help { .. } => Ok(()),
    }
}

fn openapi(face: FaceName) -> Outcome {
    output::text_out(&match face {
        FaceName::Public => doorward_http::openapi_public(),
        FaceName::Operator => doorward_http::openapi_operator(),
    })
}

/// A command line that clap does not accept, or a request for help or the version.
pub(crate) fn usage(error: &clap::Error) -> ExitCode {
    let asked_for = matches!(
        error.kind(),
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
    );
    let json = std::env::args_os().any(|argument| argument == "--json");
    if json && !asked_for {
        let text = error.to_string();
        let message = text.trim_start_matches("error: ").trim_end();
        let failure = Failure::usage(message);
        output::failure(true, &failure);
        return failure.exit_code();
    }
    // Nothing can be done when the terminal is gone.
    drop(error.print());
    if asked_for {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(2)
    }
}
