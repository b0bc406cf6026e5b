//! Finding PostgreSQL on this machine.

use std::fs;
use std::path::PathBuf;

use crate::workspace;

/// Where the server programs are.
pub(crate) struct Programs {
    pub(super) initdb: PathBuf,
    pub(super) postgres: PathBuf,
}

/// Looks for the newest server programs: in `PATH`, and where packages put them outside of it.
pub(crate) fn find_programs() -> Option<Programs> {
    let mut folders: Vec<PathBuf> = Vec::new();
    for parent in [
        "/usr/lib/postgresql",
        "/usr/pgsql",
        "/opt/homebrew/opt",
        "/usr/local/opt",
    ] {
        let Ok(entries) = fs::read_dir(parent) else {
            continue;
        };
        folders.extend(entries.flatten().map(|entry| entry.path().join("bin")));
    }
    folders.push("/Applications/Postgres.app/Contents/Versions/latest/bin".into());
    folders.push("/usr/libexec/postgresql".into());
    let version = |folder: &PathBuf| {
        let digits = folder
            .to_string_lossy()
            .chars()
            .filter(char::is_ascii_digit)
            .collect::<String>();
        digits.parse::<u64>().unwrap_or(0)
    };
    folders.sort_by_key(|folder| std::cmp::Reverse(version(folder)));
    let initdb = workspace::find_program("initdb", &folders)?;
    // Both from one installation.
    let beside = fs::canonicalize(&initdb).ok()?.with_file_name("postgres");
    let postgres = if beside.is_file() {
        beside
    } else {
        workspace::find_program("postgres", &folders)?
    };
    Some(Programs { initdb, postgres })
}
