//! `doorward db`

use std::process::ExitCode;

use doorward_store::copy::{self, CopyError, Phase, Place as Database, Progress, Report, Tell};
use doorward_store::{postgres, sqlite};
use serde::Serialize;

use super::{exposed_password, progress};
use crate::Outcome;
use crate::cli::{DbCommand, Global, TwoDatabases};
use crate::config::safety::Exception;
use crate::config::{Config, Environment, sections};
use crate::deployment::Place;
use crate::failure::Failure;
use crate::output::{self, table};

/// Runs it.
pub(super) async fn run(global: &Global, command: DbCommand) -> Outcome<ExitCode> {
    let (named, only_compare) = match command {
        DbCommand::Copy(named) => (named, false),
        DbCommand::Compare(named) => (named, true),
    };
    let (from, to) = places(global, &named)?;
    let tell = teller(global.json);
    let done = if only_compare {
        copy::compare(from, to, tell).await
    } else {
        copy::copy(from, to, tell).await
    };
    let report = done.map_err(|error| match error {
        CopyError::Refused(why) => Failure::failed("REFUSED", why),
        CopyError::Store(error) => error.into(),
    })?;
    let equal = report.equal;
    output::report(
        global.json,
        &Compared {
            report,
            only_compare,
        },
    )?;
    Ok(if equal {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(1)
    })
}

fn places(global: &Global, named: &TwoDatabases) -> Outcome<(Database, Database)> {
    let loaded = Place::of(global).or_default_data_dir().load(Vec::new());
    let config = loaded.config;
    let from = match &named.from {
        Some(url) => parse(&config, "--from", url, global.json)?,
        None => configured(&config).ok_or_else(|| {
            Failure::configuration(
                "There is no database to copy from: name it with --from.",
                &loaded.problems,
            )
        })?,
    };
    Ok((from, parse(&config, "--to", &named.to, global.json)?))
}

fn configured(config: &Config) -> Option<Database> {
    Some(match config.database.as_ref()? {
        sections::Database::Sqlite(options) => Database::Sqlite(options.clone()),
        sections::Database::Postgres(options) => reachable(config, options.as_ref().clone()),
    })
}

fn reachable(config: &Config, mut options: postgres::Options) -> Database {
    options.plaintext_allowed = config
        .server
        .allow_insecure
        .contains(&Exception::DatabaseTls);
    Database::Postgres(Box::new(options))
}

fn parse(config: &Config, flag: &str, text: &str, json: bool) -> Outcome<Database> {
    let wrong = |why: String| Failure::usage(format!("{flag}: {why}"));
    let url = if let Some(file) = text.strip_prefix('@') {
        std::fs::read_to_string(file)
            .map_err(|error| wrong(format!("cannot read {file}: {error}")))?
    } else if let Some(name) = text.strip_prefix("env:") {
        let environment = Environment::of_process();
        let value = environment.get(name).and_then(|value| value.to_str());
        let missing = || wrong(format!("the environment has no {name}"));
        value.ok_or_else(missing)?.to_owned()
    } else {
        exposed_password::warn(flag, text, "@FILE or env:NAME", json);
        text.to_owned()
    };
    let url = url.trim();
    if url.starts_with("sqlite:") {
        let options = sqlite::Options::parse(url).map_err(|error| wrong(error.to_string()))?;
        return Ok(Database::Sqlite(options));
    }
    let options = postgres::Options::parse(url).map_err(|error| wrong(error.to_string()))?;
    Ok(reachable(config, options))
}

/// A bar on stderr, where there is a terminal.
fn teller(json: bool) -> Tell {
    if json {
        return Box::new(|_| ());
    }
    let shown = progress::Progress::new(json, progress::Unit::Rows);
    let mut phase = None;
    Box::new(move |progress: Progress| {
        if phase != Some(progress.phase) {
            phase = Some(progress.phase);
            let name = match progress.phase {
                Phase::Copying => "copying  ",
                Phase::Comparing => "comparing",
            };
            shown.begin(name, progress.total, progress.done);
        }
        shown.at(progress.done);
        shown.says(progress.table);
    })
}

#[derive(Serialize)]
#[serde(transparent)]
struct Compared {
    report: Report,
    #[serde(skip)]
    only_compare: bool,
}

impl output::Report for Compared {
    fn human(&self) -> String {
        let Report { equal, rows, .. } = &self.report;
        let lines: Vec<_> = self
            .report
            .tables
            .iter()
            .map(|row| {
                let short: String = row.source_digest.chars().take(16).collect();
                let verdict = match row.differing {
                    0 if row.equal => "equal".to_owned(),
                    rows => format!("{rows} differ"),
                };
                [
                    row.table.clone(),
                    row.source_rows.to_string(),
                    row.target_rows.to_string(),
                    short,
                    verdict,
                ]
            })
            .collect();
        let mut text = table(
            ["TABLE", "SOURCE", "TARGET", "SHA-256 OF THE SOURCE", ""],
            &lines,
        );
        for difference in &self.report.differences {
            let kind = difference.kind.as_str();
            text.push_str(&format!(
                "{kind:8} {} {}\n",
                difference.table, difference.key
            ));
        }
        for ignored in &self.report.ignored {
            text.push_str(&format!("left alone: {ignored} is not Doorward's\n"));
        }
        text.push_str(&match (equal, self.only_compare) {
            (true, _) => format!("\nEqual: {rows} rows.\n"),
            (false, true) => "\nNot equal.\n".to_owned(),
            (false, false) => {
                "\nNot equal: the source was written to while the copy ran. Stop its \
                               servers, empty the target, and copy again. No program uses the \
                               target as it is.\n"
                    .to_owned()
            }
        });
        text
    }
}
