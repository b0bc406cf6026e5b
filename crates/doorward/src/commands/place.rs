//! Putting a file in its place, whoever else does the same at this moment.

use std::io;
use std::path::{Path, PathBuf};

use doorward_domain::OsRandom;
use doorward_domain::ids::uuid_v4;
use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;

/// The same name with something behind it.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// A name beside a file that nobody else has: of two who work on one file, each has its own.
pub(super) fn of_its_own(path: &Path, suffix: &str) -> PathBuf {
    let id = uuid_v4(&OsRandom).simple();
    beside(path, &format!("{suffix}-{id}"))
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
            std::fs::hard_link(from, to)?;
            std::fs::remove_file(from)
        }
        other => Ok(other?),
    }
}

/// A new name is there after a power failure only when its directory was flushed.
pub(super) fn flush_directory(path: &Path) -> io::Result<()> {
    let parent = match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    std::fs::File::open(parent)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_somebody_has_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let (mine, theirs) = (dir.path().join("mine"), dir.path().join("theirs"));
        std::fs::write(&mine, "mine").unwrap();
        std::fs::write(&theirs, "theirs").unwrap();
        let refused = rename_new(&mine, &theirs).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(std::fs::read_to_string(&theirs).unwrap(), "theirs");
        assert_eq!(std::fs::read_to_string(&mine).unwrap(), "mine");
        std::fs::remove_file(&theirs).unwrap();
        rename_new(&mine, &theirs).unwrap();
        assert_eq!(std::fs::read_to_string(&theirs).unwrap(), "mine");
        assert!(!mine.exists());
        assert_ne!(of_its_own(&mine, ".x"), of_its_own(&mine, ".x"));
    }
}
