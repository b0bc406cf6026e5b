//! The directory of an embedded deployment.

use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

use doorward_crypto::keyring::MasterKey;
use doorward_domain::OsRandom;

use crate::Outcome;
use crate::config::DataDir;
use crate::failure::Failure;

/// Makes the directory, for its owner only, unless it is there.
pub(super) fn ensure(path: &Path) -> Outcome {
    let made = std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path);
    made.map_err(|error| unusable(path, &error))
}

/// Makes the directory and, on the first start, the master key in it.
pub(super) fn prepare(dir: &DataDir) -> Outcome {
    ensure(&dir.path)?;
    let path = dir.master_key();
    if path.exists() {
        return Ok(());
    }
    if dir.database().exists() {
        return Err(Failure::failed(
            "MASTER_KEY",
            format!(
                "{} holds a database, but its master key {} is gone. Put the key back, or start \
                 over in another --data-dir.",
                dir.path.display(),
                path.display()
            ),
        ));
    }
    let key = MasterKey::generate(&OsRandom).to_hex();
    let write = |path: &Path| {
        let mut options = std::fs::OpenOptions::new();
        let mut file = options
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)?;
        file.write_all(key.expose().as_bytes())?;
        file.write_all(b"\n")?;
        // The database is of no use without it: it must outlive a power failure.
        file.sync_all()
    };
    match write(&path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        written => written.map_err(|error| unusable(&dir.path, &error)),
    }
}

fn unusable(path: &Path, error: &io::Error) -> Failure {
    Failure::failed(
        "DATA_DIR",
        format!(
            "Cannot write to the data directory {} ({error}). Choose another with --data-dir.",
            path.display()
        ),
    )
}
