//! The record of the time last seen, in a file.

use std::fs;
use std::path::PathBuf;

use doorward_verify::{LastSeen as _, LastSeenError, LastSeenFile, LicenseReason as R};
use uuid::Uuid;

use super::*;

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("last-seen")
    }

    fn record(&self) -> LastSeenFile {
        LastSeenFile::new(self.path(), APP, DEVICE, b"secret")
    }

    fn outcome(&self, now: i64) -> Option<R> {
        license_verifier()
            .verify(&good_file(), DEVICE, at(now), &mut self.record())
            .err()
    }
}

#[test]
fn survives_a_restart() {
    let folder = Folder::new();
    assert_eq!(folder.record().load().unwrap(), None);
    assert_eq!(folder.outcome(IAT + 1000), None);
    assert_eq!(folder.record().load().unwrap(), Some(at(IAT + 1000)));
    assert_eq!(folder.outcome(IAT + 100), Some(R::ClockSetBack));
    assert_eq!(folder.outcome(IAT + 2000), None);
    assert_eq!(folder.record().load().unwrap(), Some(at(IAT + 2000)));
    let left: Vec<_> = fs::read_dir(folder.0.path()).unwrap().collect();
    assert_eq!(left.len(), 1, "nothing beside it");
}

#[test]
fn one_line_that_says_nothing_but_the_time() {
    let folder = Folder::new();
    folder.record().save(at(NOW)).unwrap();
    let text = fs::read_to_string(folder.path()).unwrap();
    let parts: Vec<_> = text.trim_end().split(' ').collect();
    assert_eq!(parts[..2], ["doorward-last-seen-v1", &NOW.to_string()]);
    assert_eq!((parts.len(), parts[2].len()), (3, 43));
}

#[test]
fn a_changed_record_is_not_believed_and_not_replaced() {
    let folder = Folder::new();
    folder.record().save(at(NOW)).unwrap();
    let good = fs::read_to_string(folder.path()).unwrap();
    for changed in [
        good.replace(&NOW.to_string(), &(NOW - 1).to_string()),
        good.replace("v1", "v2"),
        good.replacen(' ', "  ", 1),
        good[..good.len() - 2].to_owned(),
        format!("{good}{good}"),
        String::new(),
        "x".repeat(10_000),
    ] {
        fs::write(folder.path(), &changed).unwrap();
        assert!(matches!(
            folder.record().load(),
            Err(LastSeenError::Tampered)
        ));
        assert_eq!(folder.outcome(NOW), Some(R::ClockRecord));
        assert_eq!(fs::read_to_string(folder.path()).unwrap(), changed);
    }
}

/// A record from another device, app or program, copied here.
#[test]
fn is_bound_to_app_device_and_program() {
    let folder = Folder::new();
    folder.record().save(at(NOW)).unwrap();
    let load = |app, device: &str, secret: &[u8]| {
        LastSeenFile::new(folder.path(), app, device, secret)
            .load()
            .ok()
    };
    assert_eq!(load(APP, DEVICE, b"secret"), Some(Some(at(NOW))));
    assert_eq!(load(Uuid::from_u128(1), DEVICE, b"secret"), None);
    assert_eq!(load(APP, "another", b"secret"), None);
    assert_eq!(load(APP, DEVICE, b"another"), None);
}

/// Who makes the record unwritable does not stop the time by it.
#[test]
fn a_record_that_cannot_be_written_is_a_reason() {
    let folder = Folder::new();
    let nowhere = folder.0.path().join("no/such/folder");
    let mut record = LastSeenFile::new(nowhere, APP, DEVICE, b"secret");
    let assessment = license_verifier()
        .assess(&good_file(), DEVICE, at(NOW), &mut record)
        .unwrap();
    assert_eq!(assessment.reasons, [R::ClockRecord]);
    let other = license_verifier()
        .assess(&good_file(), "another", at(LICENSE_EXP), &mut record)
        .unwrap();
    assert_eq!(
        other.reasons,
        [R::OtherDevice, R::ClockRecord, R::FileExpired]
    );
    // A folder in its place cannot be read.
    fs::create_dir(folder.path()).unwrap();
    assert!(matches!(folder.record().load(), Err(LastSeenError::Io(_))));
    assert_eq!(folder.outcome(NOW), Some(R::ClockRecord));
}

/// A program that is started twice at once, by a double click or at the sign-in: half a record in
/// its place would lock its owner out for good.
#[test]
fn many_programs_at_once_spoil_nothing() {
    let folder = Folder::new();
    let start = std::sync::Barrier::new(8);
    std::thread::scope(|scope| {
        for program in 0..8 {
            let (folder, start) = (&folder, &start);
            scope.spawn(move || {
                start.wait();
                for round in 0..40 {
                    assert_eq!(folder.outcome(NOW + round * 4 + program), None);
                }
            });
        }
    });
    assert!(folder.record().load().unwrap().is_some());
    let left: Vec<_> = fs::read_dir(folder.0.path()).unwrap().collect();
    assert_eq!(left.len(), 1, "nothing beside it");
}

/// Who may write into the folder of a program that runs with more rights must not choose the file
/// that it overwrites.
#[cfg(unix)]
#[test]
fn a_link_beside_it_is_not_followed() {
    let folder = Folder::new();
    let victim = folder.0.path().join("victim");
    fs::write(&victim, "mine").unwrap();
    std::os::unix::fs::symlink(&victim, folder.0.path().join("last-seen.new")).unwrap();
    assert_eq!(folder.outcome(NOW), None);
    assert_eq!(fs::read_to_string(&victim).unwrap(), "mine");
}
