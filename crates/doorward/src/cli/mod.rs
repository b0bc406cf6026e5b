//! The command line: what can be asked, and nothing of how it is done.

mod admin_key;
mod app;
mod audit;
mod backup;
mod config;
mod db;
mod delivery;
mod incident;
mod key;
mod license;
mod limit;
mod meant;
mod org;
#[cfg(test)]
mod parity;
mod repeat;
mod role;
mod server;
mod session;
mod stats;
mod template;
mod user;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub(crate) use admin_key::AdminKeyCommand;
pub(crate) use app::AppCommand;
pub(crate) use audit::{AuditCommand, Question};
pub(crate) use backup::{BackupArgs, RestoreArgs};
pub(crate) use config::{ConfigCommand, ReferenceForm};
pub(crate) use db::{DbCommand, TwoDatabases};
pub(crate) use delivery::DeliveryCommand;
pub(crate) use incident::IncidentCommand;
pub(crate) use key::{KeyCommand, PublicForm};
pub(crate) use license::{LicenseCommand, LicenseKeyCommand, OneLicense};
pub(crate) use limit::{LimitCommand, LimitSubject};
pub(crate) use meant::Meant;
pub(crate) use org::{OneOrg, OrgCommand};
pub(crate) use repeat::{Against, AgainstTag, Paging, Repeat};
pub(crate) use role::{RoleCommand, Whose};
pub(crate) use server::{DevArgs, ServeArgs};
pub(crate) use session::SessionCommand;
pub(crate) use stats::StatsArgs;
pub(crate) use template::{ChannelName, OneTemplate, TemplateCommand, WordsArgs};
pub(crate) use user::{OneUser, UserCommand, UserStatusName};

/// Self-hosted authentication for many apps.
#[derive(Parser)]
#[command(
    name = "doorward",
    version,
    disable_help_subcommand = true,
    propagate_version = true,
    max_term_width = 100,
    after_help = "Exit codes: 0 done; 1 refused or failed; 2 the command line or the configuration \
                  is wrong.\n\nExamples:\n  \
                  doorward dev                                   try everything on this machine\n  \
                  doorward serve --config /etc/doorward.toml     run in production\n  \
                  doorward app create --name 'My shop' --slug shop\n  \
                  doorward config check                          what holds, and what is wrong"
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Heading of the options that every command takes.
const EVERYWHERE: &str = "Options of every command";

/// What every command takes. A database URL may hold a password, hence without `Debug`.
#[derive(Args)]
pub(crate) struct Global {
    /// Print the result (and errors, on stderr) as JSON
    #[arg(long, global = true, help_heading = EVERYWHERE)]
    pub(crate) json: bool,
    /// The TOML file with the settings [env: DOORWARD_CONFIG]
    #[arg(long, global = true, help_heading = EVERYWHERE, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Directory of an embedded deployment: its database and master key [env: DOORWARD_DATA_DIR]
    #[arg(long, global = true, help_heading = EVERYWHERE, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// The database, instead of the configured one (a password on the command line can be seen by
    /// others: prefer DOORWARD_DATABASE_URL)
    #[arg(long, global = true, help_heading = EVERYWHERE, value_name = "URL")]
    pub(crate) database_url: Option<String>,
}

/// The app that something belongs to.
#[derive(Debug, Args)]
pub(crate) struct InApp {
    /// The app: its id or slug
    #[arg(long, value_name = "APP")]
    pub(crate) app: String,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run everything on this machine, to try it and to develop against it
    Dev(DevArgs),
    /// Run in production
    Serve(Box<ServeArgs>),
    /// Apps: the customers of this platform
    #[command(subcommand)]
    App(AppCommand),
    /// Organizations of an app and their members (tenants in the API)
    #[command(subcommand)]
    Org(OrgCommand),
    /// Roles: what they permit, and who has them
    #[command(subcommand)]
    Role(RoleCommand),
    /// Users of an app
    #[command(subcommand)]
    User(Box<UserCommand>),
    /// Sessions of users: on which devices they are signed in
    #[command(subcommand)]
    Session(SessionCommand),
    /// What to do at once when something happened
    #[command(subcommand)]
    Incident(IncidentCommand),
    /// Licences of an app: keys, devices, entitlements
    #[command(subcommand)]
    License(Box<LicenseCommand>),
    /// What an app's messages say
    #[command(subcommand)]
    Template(TemplateCommand),
    /// Who carries an app's messages: mail servers and SMS providers
    #[command(subcommand)]
    Delivery(DeliveryCommand),
    /// Limits of an app: how they stand, and who is let in again
    #[command(subcommand)]
    Limit(LimitCommand),
    /// Keys to the operator API
    #[command(subcommand)]
    AdminKey(AdminKeyCommand),
    /// The keys that sign tokens
    #[command(subcommand)]
    Key(KeyCommand),
    /// The audit log: who did what, when, from where
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Statistics of an app, day by day
    Stats(StatsArgs),
    /// Bring the database's schema up to date
    #[command(after_help = "Examples:\n  doorward migrate --status\n  doorward migrate")]
    Migrate {
        /// Change nothing, tell what is applied and what is missing
        #[arg(long)]
        status: bool,
    },
    /// Write a checked copy of an embedded database, while servers use it
    Backup(BackupArgs),
    /// Put a backup in the place of an embedded database, with the servers stopped
    Restore(RestoreArgs),
    /// Whole databases: from one engine to the other
    #[command(subcommand)]
    Db(DbCommand),
    /// Ask a running server whether it is well (exit code 0) or not (1)
    #[command(
        after_help = "Examples:\n  doorward health\n  doorward health --url http://10.0.0.7:3000\n\n\
                            In a container image:\n  HEALTHCHECK CMD [\"doorward\", \"health\"]"
    )]
    Health {
        /// Where the server is; by default the configured port on this machine
        #[arg(long)]
        url: Option<String>,
    },
    /// Examine a deployment from inside; each finding says what to do (exit code 1: something failed)
    #[command(
        after_help = "Looks at keys, secrets, queues, maintenance, clocks and the schema, and at \
                            this machine: files, ports, disk, certificates. Ports are those of the \
                            configuration; a running node examines itself, with its own, at GET \
                            /admin/doctor.\n\nExamples:\n  doorward doctor\n  \
                            doorward doctor --json --config /etc/doorward.toml"
    )]
    Doctor {
        /// Also read every page of an embedded database
        #[arg(long)]
        integrity: bool,
    },
    /// Remove what is dead: expired codes, ended sessions, old limits
    #[command(subcommand)]
    Maintenance(MaintenanceCommand),
    /// Alarms about text messages, and who is told of them
    #[command(subcommand)]
    Alarm(AlarmCommand),
    /// Print the OpenAPI 3.1 document of a face
    #[command(after_help = "Example:\n  doorward openapi --face public > openapi.json")]
    Openapi {
        /// Which one
        #[arg(long)]
        face: FaceName,
    },
    /// Settings: check, show, explain
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Explain a command
    #[command(after_help = "Example:\n  doorward help app create")]
    Help {
        /// Print the reference of all commands in Markdown
        #[arg(long, hide = true)]
        markdown: bool,
        /// Which command, e.g. `app create`
        command: Vec<String>,
    },
}

/// `doorward alarm`
#[derive(Debug, Subcommand)]
pub(crate) enum AlarmCommand {
    /// Send a test alarm to whom the configuration names, and say which step failed
    #[command(
        after_help = "Alarms go to DOORWARD_ALARM_WEBHOOK_URL and DOORWARD_ALARM_EMAIL. An app's \
                            alarms are shown by `doorward delivery usage`.\n\nExample:\n  doorward alarm test"
    )]
    Test,
}

/// `doorward maintenance`
#[derive(Debug, Subcommand)]
pub(crate) enum MaintenanceCommand {
    /// Do it now, even if a server did it recently
    #[command(after_help = "Example:\n  doorward maintenance run")]
    Run,
    /// Show when it ran and what it removed
    #[command(after_help = "Example:\n  doorward maintenance status --json")]
    Status,
}

/// The faces that have an OpenAPI document.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum FaceName {
    /// What apps call
    Public,
    /// What operators call
    Operator,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_shows_an_example() {
        fn without(command: &clap::Command, path: &str, found: &mut Vec<String>) {
            let mut leaf = true;
            for inner in command.get_subcommands() {
                leaf = false;
                without(inner, &format!("{path} {}", inner.get_name()), found);
            }
            let mut command = command.clone();
            if leaf
                && !command
                    .render_long_help()
                    .to_string()
                    .contains(&format!("  {path}"))
            {
                found.push(path.to_owned());
            }
        }
        let mut found = Vec::new();
        let mut root = Cli::command();
        root.build();
        without(&root, "doorward", &mut found);
        assert!(found.is_empty(), "{found:#?}");
    }
}
