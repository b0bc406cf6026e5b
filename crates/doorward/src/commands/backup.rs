//! `doorward backup`

use std::fs;
use std::path::{Path, PathBuf};

use doorward_store::sqlite;
use serde::Serialize;

use super::atomic_file::{Unfinished, flush_directory, remove_remainders, rename_new};
use super::progress::{Progress, Unit};
use crate::Outcome;
use crate::cli::{BackupArgs, Global};
use crate::config::sections::Database;
use crate::config::{Loaded, registry};
use crate::deployment::Place;
use crate::failure::Failure;
use crate::output::{self, labels};

/// What half a backup is called.
const PARTIAL: &str = ".partial";

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
    // First, so that there is room.
    let remainders = remove_remainders(&args.to, PARTIAL);
    let partial = Unfinished::new(&args.to, PARTIAL)
        .map_err(|error| failed(format!("{}: {error}", args.to.display())))?;
    let made = write(&options, &partial.path, global.json).and_then(|made| {
        // The name was free a moment ago; whoever has taken it since keeps it.
        rename_new(&partial.path, &args.to)
            .and_then(|()| flush_directory(&args.to))
            .map_err(|error| failed(format!("{}: {error}", args.to.display())))?;
        Ok(made)
    });
    let (examined, sha256, bytes) = made.inspect_err(|_| {
        // Half a backup is worse than none.
        drop(fs::remove_file(&partial.path));
    })?;
    output::report(
        global.json,
        &Backup {
            file: args.to.clone(),
            bytes,
            sha256,
            schema: examined.schema,
            rows: examined.rows,
            remainders,
            master_key: master_key_place(&loaded),
        },
    )
}

fn write(
    options: &sqlite::Options,
    partial: &Path,
    json: bool,
) -> Outcome<(sqlite::Examined, String, u64)> {
    let unusable = |error: std::io::Error| failed(format!("{}: {error}", partial.display()));
    let size = |path: &Path| fs::metadata(path).map_or(0, |found| found.len());
    let progress = Progress::new(json, Unit::Bytes);
    // At most: pages of deleted rows are left out.
    progress.begin("writing ", size(&options.path), 0);
    progress.watching(partial, || sqlite::backup(options, partial))?;
    let bytes = fs::metadata(partial).map_err(unusable)?.len();
    // Nobody knows how far it is, but it is not over.
    progress.begin("checking", bytes, 0);
    let examined = sqlite::examine(partial)?;
    progress.begin("summing ", bytes, 0);
    let sha256 = super::restore::sha256(partial, &progress).map_err(unusable)?;
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

/// Tells of what is removed.
pub(super) fn removed(remainders: &[PathBuf]) -> String {
    remainders
        .iter()
        .map(|file| {
            format!(
                "\nRemoved {}, which a killed command had left.\n",
                file.display()
            )
        })
        .collect()
}

#[derive(Serialize)]
struct Backup {
    file: PathBuf,
    bytes: u64,
    sha256: String,
    schema: i64,
    rows: u64,
    /// What killed backups had left in the directory, and is removed.
    remainders: Vec<PathBuf>,
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
        ]) + &removed(&self.remainders)
            + &format!(
                "\nThe master key is NOT in it, and without the key it is of no use. The key is here: \
             {}. Keep a copy of it in another place than the backups.\n",
                self.master_key
            )
    }
}
