//! `doorward restore`

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest;
use doorward_domain::time::iso;
use doorward_domain::{Clock as _, SystemClock};
use doorward_service::restored::{self, Restored};
use doorward_store::sqlite;
use serde::Serialize;

use super::atomic_file::{Unfinished, beside, flush_directory, remove_remainders, rename_new};
use super::backup::{embedded, failed, load, master_key_place, removed};
use super::progress::{Progress, Unit};
use crate::Outcome;
use crate::cli::{Global, RestoreArgs};
use crate::config::Loaded;
use crate::config::sections::Database;
use crate::deployment::{self, Missing};
use crate::failure::Failure;
use crate::output::{self, labels};

/// What half a restored database is called.
const RESTORING: &str = ".restoring";

/// Runs it.
pub(super) async fn run(global: &Global, args: &RestoreArgs) -> Outcome {
    let Some(from) = &args.from else {
        return already_restored(global, args.end_sessions).await;
    };
    let loaded = load(global)?;
    let options = embedded(
        &loaded,
        "PostgreSQL is restored by its own tools (pg_restore); then run `doorward restore \
         --already-restored`. See docs/operations/backup.md.",
    )?;
    let target = options.path.as_path();
    ensure_free(target, args.replace)?;
    let remainders = remove_remainders(target, RESTORING);
    let unfinished = Unfinished::new(target, RESTORING)
        .map_err(|error| failed(format!("{}: {error}", target.display())))?;
    let restoring = unfinished.path.as_path();
    let progress = Progress::new(global.json, Unit::Bytes);
    let done = prepare(&loaded, from, &unfinished, args, &progress).await;
    drop(progress);
    let (schema, rows, sha256, apps) = match done {
        Ok(done) => done,
        Err(failure) => {
            remove(restoring);
            return Err(failure);
        }
    };
    let former = put(restoring, target, args.replace).inspect_err(|_| remove(restoring))?;
    output::report(
        global.json,
        &Report {
            database: target.to_owned(),
            from: from.clone(),
            sha256,
            schema,
            rows,
            former,
            remainders,
            sessions_ended_in_apps: args.end_sessions.then_some(apps),
            master_key: master_key_place(&loaded),
        },
    )
}

/// Only the note, and the sessions.
async fn already_restored(global: &Global, end_sessions: bool) -> Outcome {
    let core = deployment::open(global).await?;
    let operator = deployment::operator(&core);
    let note = Restored {
        from: "the database's own tools".to_owned(),
        sha256: None,
        end_sessions,
    };
    let apps = restored::record(&core, &operator, note).await;
    core.store.close().await;
    let sessions_ended_in_apps = end_sessions.then_some(apps?);
    output::report(
        global.json,
        &Noted {
            sessions_ended_in_apps,
        },
    )
}

/// Whether somebody has it open who does not only look, as another one of these commands does.
fn stays_in_use(database: &Path) -> Outcome<bool> {
    // Two who look at the same moment are in each other's way: not in step the next time.
    let apart = u64::from(std::process::id() % 97);
    for pause in [20, 80, 200, 400] {
        if !sqlite::is_in_use(database)? {
            return Ok(false);
        }
        std::thread::sleep(Duration::from_millis(pause + apart));
    }
    Ok(sqlite::is_in_use(database)?)
}

/// Nobody's data is overwritten, least of all under a running server.
fn ensure_free(target: &Path, replace: bool) -> Outcome {
    let path = target.display();
    if !target.exists() {
        // SQLite would read what is in the log of another database into the restored one.
        let stray = sqlite::companions(target)
            .into_iter()
            .find(|file| file.exists());
        return match stray {
            None => Ok(()),
            Some(stray) => Err(failed(format!(
                "There is no database at {path}, but its log is there still ({}): it would be mixed \
                 into the backup. Move it away first, with its companions.",
                stray.display()
            ))),
        };
    }
    if !replace {
        return Err(failed(format!(
            "There is a database at {path} already. With --replace the backup takes its place; \
             the present one is kept beside it."
        )));
    }
    if stays_in_use(target)? {
        return Err(failed(format!(
            "{path} is in use: stop the servers (and other commands) on it first."
        )));
    }
    Ok(())
}

/// Copies the backup beside its place, and proves there that it is whole, that the schema is known,
/// and that the master key opens it.
async fn prepare(
    loaded: &Loaded,
    from: &Path,
    unfinished: &Unfinished,
    args: &RestoreArgs,
    progress: &Progress,
) -> Outcome<(i64, u64, String, u64)> {
    let restoring = unfinished.path.as_path();
    let size = fs::metadata(from).map_or(0, |found| found.len());
    progress.begin("copying ", size, 0);
    let sha256 = copy(from, &unfinished.file, progress)
        .map_err(|error| failed(format!("Cannot copy {}: {error}", from.display())))?;
    if let Some(wanted) = &args.sha256
        && !wanted.eq_ignore_ascii_case(&sha256)
    {
        return Err(failed(format!(
            "{} is not the backup that was asked for: its SHA-256 is {sha256}.",
            from.display()
        )));
    }
    // Nobody knows how far it is, but it is not over.
    progress.begin("checking", size, 0);
    let examined = sqlite::examine(restoring)?;
    let mut config = loaded.config.clone();
    config.database = Some(Database::Sqlite(sqlite::Options::file(restoring)));
    let store = deployment::open_store(&config, Missing::Refuse).await?;
    let work = async {
        let schema = store.migrate().await?.current;
        let issuer = config.server.issuer();
        let core = deployment::core(&config, store.clone(), issuer, Arc::new(SystemClock)).await?;
        let operator = deployment::operator(&core);
        let note = Restored {
            from: from.display().to_string(),
            sha256: Some(sha256.clone()),
            end_sessions: args.end_sessions,
        };
        let apps = restored::record(&core, &operator, note).await?;
        Ok::<_, Failure>((schema, apps))
    };
    let done = work.await;
    store.close().await;
    let (schema, apps) = done?;
    // Brings the log into the file: only the file changes its name.
    if sqlite::is_in_use(restoring)? {
        return Err(failed(format!("{} is in use.", restoring.display())));
    }
    Ok((schema, examined.rows, sha256, apps))
}

/// Puts what was prepared in its place, and gives the database that is there another name. Of two who
/// do this at the same time neither takes the other's away.
fn put(restoring: &Path, target: &Path, replace: bool) -> Outcome<Option<PathBuf>> {
    // Who did not ask for it replaces nothing that came meanwhile either.
    let former = match replace && target.exists() {
        false => None,
        true => Some(set_aside(target)?),
    };
    let renamed = rename_new(restoring, target).and_then(|()| flush_directory(target));
    renamed.map_err(|error| {
        let kept = former.as_ref().map_or_else(String::new, |former| {
            format!(" The former database is {}.", former.display())
        });
        failed(match error.kind() {
            io::ErrorKind::AlreadyExists => format!(
                "Somebody else has put a database at {} at this moment; it is theirs.{kept}",
                target.display()
            ),
            _ => format!("{}: {error}.{kept}", target.display()),
        })
    })?;
    Ok(former)
}

/// Gives the present database another name.
fn set_aside(target: &Path) -> Outcome<PathBuf> {
    // Again: the preparation took its time. It also brings the log into the file.
    if stays_in_use(target)? {
        return Err(failed(format!("{} is in use.", target.display())));
    }
    let now = iso(SystemClock.now()).replace(':', "-");
    let former = beside(target, &format!(".before-restore-{now}"));
    rename_new(target, &former)
        .map_err(|error| failed(format!("{}: {error}", target.display())))?;
    Ok(former)
}

fn remove(database: &Path) {
    for path in sqlite::companions(database) {
        drop(fs::remove_file(path));
    }
    drop(fs::remove_file(database));
}

/// Copies; gives the SHA-256.
fn copy(from: &Path, mut target: &fs::File, progress: &Progress) -> io::Result<String> {
    let digest = read_all(from, progress, |bytes| target.write_all(bytes))?;
    target.sync_all()?;
    Ok(digest)
}

/// The SHA-256 of a file, in hexadecimal.
pub(super) fn sha256(path: &Path, progress: &Progress) -> io::Result<String> {
    read_all(path, progress, |_| Ok(()))
}

fn read_all(
    path: &Path,
    progress: &Progress,
    mut each: impl FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<String> {
    let mut done: u64 = 0;
    let mut file = fs::File::open(path)?;
    let mut context = digest::Context::new(&digest::SHA256);
    let mut buffer = vec![0; 1 << 20];
    loop {
        let read = file.read(&mut buffer)?;
        let bytes = buffer.get(..read).unwrap_or_default();
        if bytes.is_empty() {
            let digest = context.finish();
            return Ok(digest
                .as_ref()
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect());
        }
        context.update(bytes);
        each(bytes)?;
        done = done.saturating_add(bytes.len() as u64);
        progress.at(done);
    }
}

#[derive(Serialize)]
struct Report {
    database: PathBuf,
    from: PathBuf,
    sha256: String,
    schema: i64,
    rows: u64,
    /// Where the database is that was there before.
    former: Option<PathBuf>,
    /// What killed restores had left beside the database, and is removed.
    remainders: Vec<PathBuf>,
    sessions_ended_in_apps: Option<u64>,
    master_key: String,
}

impl output::Report for Report {
    fn human(&self) -> String {
        let mut text = labels(&[
            ("database", self.database.display().to_string()),
            ("from", self.from.display().to_string()),
            ("sha256", self.sha256.clone()),
            ("schema", self.schema.to_string()),
            ("rows", self.rows.to_string()),
            (
                "master key",
                format!("{}; it opens this database", self.master_key),
            ),
        ]);
        text.push_str(&removed(&self.remainders));
        if let Some(former) = &self.former {
            let former = former.display();
            text.push_str(&format!(
                "\nThe former database is {former}. Remove it when all is well.\n"
            ));
        }
        text.push('\n');
        text.push_str(told(self.sessions_ended_in_apps.is_some()));
        text
    }
}

#[derive(Serialize)]
struct Noted {
    sessions_ended_in_apps: Option<u64>,
}

impl output::Report for Noted {
    fn human(&self) -> String {
        format!(
            "It is noted in the audit log. {}",
            told(self.sessions_ended_in_apps.is_some())
        )
    }
}

const fn told(sessions_ended: bool) -> &'static str {
    if sessions_ended {
        "Every session is ended: everybody signs in again. App secrets and admin keys are those of \
         the backup: replace again what was replaced since.\n"
    } else {
        "Sessions, app secrets and admin keys are those of the backup: what was ended or replaced \
         since is alive again. Clients that refreshed since are signed out (TOKEN_REUSE).\n"
    }
}
