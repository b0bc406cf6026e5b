//! `doorward backup`

use std::fs;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use doorward_store::sqlite;
use serde::Serialize;

use super::place::{flush_directory, of_its_own, rename_new};
use crate::Outcome;
use crate::cli::{BackupArgs, Global};
use crate::config::sections::Database;
use crate::config::{Loaded, registry};
use crate::deployment::Place;
use crate::failure::Failure;
use crate::output::{self, labels};

/// Runs it.
pub(super) fn run(global: &Global, args: &BackupArgs) -> Outcome {
    let loaded = load(global)?;
    let options = embedded(
        &loaded,
        "PostgreSQL is backed up by its own tools, e.g. `pg_dump --format=custom`: see \
         docs/operations/backup.md.",
    )?;
    if args.to.exists() {
        return Err(failed(format!(
            "{} exists. A backup never overwrites anything: name another file.",
            args.to.display()
        )));
    }
    let partial = of_its_own(&args.to, ".partial");
    let made = write(&options, &partial).and_then(|made| {
        // The name was free a moment ago; whoever has taken it since keeps it.
        rename_new(&partial, &args.to)
            .and_then(|()| flush_directory(&args.to))
            .map_err(|error| failed(format!("{}: {error}", args.to.display())))?;
        Ok(made)
    });
    let (examined, sha256, bytes) = made.inspect_err(|_| {
        // Half a backup is worse than none.
        drop(fs::remove_file(&partial));
    })?;
    output::report(
        global.json,
        &Backup {
            file: args.to.clone(),
            bytes,
            sha256,
            schema: examined.schema,
            rows: examined.rows,
            master_key: master_key_place(&loaded),
        },
    )
}

fn write(options: &sqlite::Options, partial: &Path) -> Outcome<(sqlite::Examined, String, u64)> {
    let unusable = |error: std::io::Error| failed(format!("{}: {error}", partial.display()));
    // For its owner only from the first byte on.
    fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(partial)
        .map_err(unusable)?;
    sqlite::backup(options, partial)?;
    let examined = sqlite::examine(partial)?;
    let sha256 = super::restore::sha256(partial).map_err(unusable)?;
    let bytes = fs::metadata(partial).map_err(unusable)?.len();
    Ok((examined, sha256, bytes))
}

pub(super) fn failed(message: String) -> Failure {
    Failure::failed("BACKUP", message)
}

/// The settings, which must be right.
pub(super) fn load(global: &Global) -> Outcome<Loaded> {
    let loaded = Place::of(global).or_default_data_dir().load(Vec::new());
    if loaded.problems.is_empty() {
        Ok(loaded)
    } else {
        Err(Failure::configuration(
            "The configuration is wrong.",
            &loaded.problems,
        ))
    }
}

/// The embedded database they name.
pub(super) fn embedded(loaded: &Loaded, otherwise: &str) -> Outcome<sqlite::Options> {
    match &loaded.config.database {
        Some(Database::Sqlite(options)) => Ok(options.clone()),
        Some(Database::Postgres(_)) => Err(failed(otherwise.to_owned())),
        None => Err(Failure::configuration(
            "There is no database here. Name the deployment: --data-dir DIR, --config FILE or \
             DOORWARD_DATABASE_URL.",
            &[],
        )),
    }
}

/// Where the master key is, which is not in the backup.
pub(super) fn master_key_place(loaded: &Loaded) -> String {
    match loaded.values.get(&registry::MASTER_KEY) {
        Some(value) => value.source.to_string(),
        None => "not configured here".to_owned(),
    }
}

#[derive(Serialize)]
struct Backup {
    file: PathBuf,
    bytes: u64,
    sha256: String,
    schema: i64,
    rows: u64,
    master_key: String,
}

impl output::Report for Backup {
    fn human(&self) -> String {
        labels(&[
            ("file", self.file.display().to_string()),
            ("bytes", self.bytes.to_string()),
            ("sha256", self.sha256.clone()),
            ("schema", self.schema.to_string()),
            ("rows", self.rows.to_string()),
            (
                "checked",
                "whole, and every reference leads somewhere".to_owned(),
            ),
        ]) + &format!(
            "\nThe master key is NOT in it, and without the key it is of no use. The key is here: \
             {}. Keep a copy of it in another place than the backups.\n",
            self.master_key
        )
    }
}
