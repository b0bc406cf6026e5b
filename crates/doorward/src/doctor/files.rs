//! Files and the disk they are on.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use doorward_service::doctor::Finding;
use doorward_store::sqlite;
use rustix::fs::{StatVfsMountFlags, statvfs};

const MIB: u64 = 1 << 20;
/// Below this much free space the next hours may bring a full disk.
const SCARCE: u64 = 1_024 * MIB;
/// Below this much it is as good as full.
const NONE_LEFT: u64 = 100 * MIB;
/// A write-ahead log that has grown so far is not brought into the database any more.
const LONG_LOG: u64 = 256 * MIB;

/// Files with secrets in them.
pub(super) fn secrets(readable: &[(String, PathBuf)]) -> Finding {
    const ID: &str = "files.secrets";
    let paths: Vec<_> = readable
        .iter()
        .map(|(_, path)| path.display().to_string())
        .collect();
    if paths.is_empty() {
        return Finding::ok(ID, "files with secrets are readable by their owner only");
    }
    Finding::fail(
        ID,
        format!(
            "others on this machine can read or change {}",
            paths.join(", ")
        ),
        format!("Run `chmod 600 {}` as their owner.", paths.join(" ")),
    )
}

/// The embedded database's files and their disk.
pub(super) fn database(path: &Path) -> Vec<Finding> {
    vec![permissions(path), log(path), disk(path)]
}

/// The finding about who can open the database.
pub(super) const PERMISSIONS: &str = "files.database";

pub(super) fn permissions(path: &Path) -> Finding {
    const ID: &str = PERMISSIONS;
    let [log, index] = sqlite::companions(path);
    let open: Vec<_> = [path.to_owned(), log, index]
        .into_iter()
        .filter(|path| {
            let mode = fs::metadata(path).map_or(0, |found| found.permissions().mode());
            mode & 0o077 != 0
        })
        .map(|path| path.display().to_string())
        .collect();
    if open.is_empty() {
        return Finding::ok(ID, "the database is readable by its owner only");
    }
    Finding::fail(
        ID,
        format!("others on this machine can open {}", open.join(", ")),
        format!("Run `chmod 600 {}` as their owner.", open.join(" ")),
    )
}

fn log(path: &Path) -> Finding {
    const ID: &str = "database.log";
    let [log, _] = sqlite::companions(path);
    let size = fs::metadata(&log).map_or(0, |found| found.len());
    let seen = format!("the write-ahead log has {} MiB", size / MIB);
    if size > LONG_LOG {
        return Finding::warn(
            ID,
            seen,
            "Something reads the database without end: a backup that hangs, a forgotten sqlite3 \
             shell. `fuser FILE` names the processes.",
        );
    }
    Finding::ok(ID, seen)
}

fn disk(path: &Path) -> Finding {
    const ID: &str = "disk";
    let directory = match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    let shown = directory.display();
    let found = match statvfs(directory) {
        Ok(found) => found,
        Err(error) => {
            return Finding::fail(
                ID,
                format!("{shown}: {error}"),
                "The directory must be there, and readable by the server's user.",
            );
        }
    };
    if found.f_flag.contains(StatVfsMountFlags::RDONLY) {
        return Finding::fail(
            ID,
            format!("the disk of {shown} is read-only"),
            "Look at the kernel's log (`dmesg`) for why, and mount it for writing.",
        );
    }
    let free = found.f_bavail.saturating_mul(found.f_frsize);
    let all = found.f_blocks.saturating_mul(found.f_frsize).max(1);
    let seen = format!("{} MiB free of {} MiB at {shown}", free / MIB, all / MIB);
    let advice = "Make room, or move the data directory: without room nobody signs in. Nothing \
                  that was answered is lost by it.";
    if free < NONE_LEFT {
        Finding::fail(ID, seen, advice)
    } else if free < SCARCE {
        Finding::warn(ID, seen, advice)
    } else {
        Finding::ok(ID, seen)
    }
}
