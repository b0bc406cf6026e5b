//! Files that appear under their name whole, and never in the place of another, whoever else does the same at
//! this moment.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use doorward_domain::OsRandom;
use doorward_domain::ids::uuid_v4;
use doorward_store::sqlite;
use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;

/// The same name with something behind it.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// A name beside a file that nobody else has: of two who work on one file, each has its own.
fn of_its_own(path: &Path, suffix: &str) -> PathBuf {
    let id = uuid_v4(&OsRandom).simple();
    beside(path, &format!("{suffix}-{id}"))
}

/// A file that is being made, under a name of its own. It is locked while somebody works at it: so what
/// a killed command left can be told from what another one is making.
pub(super) struct Unfinished {
    pub(super) path: PathBuf,
    pub(super) file: File,
}

impl Unfinished {
    /// Makes it, empty, and for its owner only from the first byte on.
    ///
    /// # Errors
    /// The directory is not there, or not to be written to.
    pub(super) fn new(path: &Path, suffix: &str) -> io::Result<Self> {
        loop {
            let path = of_its_own(path, suffix);
            let file = fs::OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(&path)?;
            match file.lock() {
                // Before it was locked, it looked to somebody like a remainder.
                Ok(()) if file.metadata()?.nlink() == 0 => {}
                // Where there are no locks, nothing counts as a remainder.
                _ => return Ok(Self { path, file }),
            }
        }
    }
}

/// Removes what killed commands left in the directory of a file, and tells its names. What cannot be
/// looked at or removed stays: it is in nobody's way.
pub(super) fn remove_remainders(path: &Path, suffix: &str) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(directory(path)) else {
        return Vec::new();
    };
    let files = entries
        .flatten()
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file()))
        .map(|entry| entry.path());
    let mut removed: Vec<_> = files
        .filter(|file| is_of_its_own(file, suffix) && remove_if_free(file).is_ok())
        .collect();
    removed.sort();
    removed
}

/// Whether [`of_its_own`] made the name.
fn is_of_its_own(path: &Path, suffix: &str) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    name.and_then(|name| name.rsplit_once(&format!("{suffix}-")))
        .is_some_and(|(before, id)| {
            let hexadecimal = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
            !before.is_empty() && id.len() == 32 && id.bytes().all(hexadecimal)
        })
}

fn remove_if_free(file: &Path) -> io::Result<()> {
    let held = fs::OpenOptions::new().write(true).open(file)?;
    held.try_lock()?;
    let [log, index] = sqlite::companions(file);
    for companion in [log, index, beside(file, "-journal")] {
        drop(fs::remove_file(companion));
    }
    fs::remove_file(file)
}

/// Gives a file another name, which nobody has: never in the place of another file, however late that
/// one came.
///
/// # Errors
/// [`io::ErrorKind::AlreadyExists`] when somebody has the name.
pub(super) fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        // Not every file system can; but then two names for one file do as well.
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {
            fs::hard_link(from, to)?;
            fs::remove_file(from)
        }
        other => Ok(other?),
    }
}

/// A new name is there after a power failure only when its directory was flushed.
pub(super) fn flush_directory(path: &Path) -> io::Result<()> {
    File::open(directory(path))?.sync_all()
}

fn directory(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_somebody_has_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let (mine, theirs) = (dir.path().join("mine"), dir.path().join("theirs"));
        fs::write(&mine, "mine").unwrap();
        fs::write(&theirs, "theirs").unwrap();
        let refused = rename_new(&mine, &theirs).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read_to_string(&theirs).unwrap(), "theirs");
        assert_eq!(fs::read_to_string(&mine).unwrap(), "mine");
        fs::remove_file(&theirs).unwrap();
        rename_new(&mine, &theirs).unwrap();
        assert_eq!(fs::read_to_string(&theirs).unwrap(), "mine");
        assert!(!mine.exists());
        assert_ne!(of_its_own(&mine, ".x"), of_its_own(&mine, ".x"));
    }

    #[test]
    fn remainders_go_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        let id = "0123456789abcdef0123456789abcdef";
        let stays = [
            "a.db".to_owned(),
            "a.db.partial".to_owned(),
            format!("a.db.partial-{}", id.to_uppercase()),
            format!("a.db.partial-{id}0"),
            format!("a.db.restoring-{id}"),
            format!(".partial-{id}"),
        ];
        for name in &stays {
            fs::write(at(name), "x").unwrap();
        }
        // A name alone does not make a directory or a link a remainder.
        fs::create_dir(at(&format!("d.partial-{id}"))).unwrap();
        std::os::unix::fs::symlink(at("a.db"), at(&format!("l.partial-{id}"))).unwrap();
        let held = Unfinished::new(&at("b.db"), ".partial").unwrap();
        let left = at(&format!("a.db.partial-{id}"));
        for suffix in ["", "-wal", "-shm", "-journal"] {
            fs::write(beside(&left, suffix), "x").unwrap();
        }

        // Whichever file of the directory is made next.
        assert_eq!(remove_remainders(&at("c.db"), ".partial"), [left]);
        let there = fs::read_dir(dir.path()).unwrap().count();
        assert_eq!(
            there,
            stays.len() + 3,
            "nothing else is gone, and its companions are"
        );
        assert!(held.path.exists());
        let path = held.path.clone();
        drop(held);
        assert_eq!(remove_remainders(&at("c.db"), ".partial"), [path]);
        assert_eq!(
            remove_remainders(Path::new("/nowhere/c.db"), ".partial"),
            [""; 0].map(PathBuf::from)
        );
    }
}
