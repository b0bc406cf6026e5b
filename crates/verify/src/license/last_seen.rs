//! What the verifier remembers of the time, so that setting the clock back does not prolong a file.
//!
//! It is kept on the machine of the person it is meant to hold, who can delete it, bring back an
//! older copy, or change the program. What the record is good for is that turning the clock back,
//! by itself, gains nothing.

use std::fs::File;
use std::io::{ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use aws_lc_rs::hmac;
use jiff::Timestamp;
use uuid::Uuid;

use super::device::device_hash;
use crate::encoding;

/// The record cannot be relied on.
#[derive(Debug, thiserror::Error)]
pub enum LastSeenError {
    /// It was changed by something else, or is another app's or device's.
    #[error("the record is not one of this app on this device")]
    Tampered,
    /// It cannot be read or written.
    #[error("the record cannot be read or written")]
    Io(#[from] std::io::Error),
}

/// Where the latest time that was ever seen is kept. A program with a better place than a file (a
/// TPM, a dongle, the system's key store) implements it itself.
pub trait LastSeen {
    /// The latest time seen; `None` at the first start.
    ///
    /// # Errors
    /// [`LastSeenError`].
    fn load(&mut self) -> Result<Option<Timestamp>, LastSeenError>;

    /// Keeps a later one. Called only when it is later than what [`LastSeen::load`] gave.
    ///
    /// # Errors
    /// [`LastSeenError`].
    fn save(&mut self, at: Timestamp) -> Result<(), LastSeenError>;
}

/// Remembers as long as the program runs: for tests, and for who keeps the value elsewhere.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MemoryLastSeen(pub Option<Timestamp>);

impl LastSeen for MemoryLastSeen {
    fn load(&mut self) -> Result<Option<Timestamp>, LastSeenError> {
        Ok(self.0)
    }

    fn save(&mut self, at: Timestamp) -> Result<(), LastSeenError> {
        self.0 = Some(at);
        Ok(())
    }
}

const LABEL: &str = "doorward-last-seen-v1";
/// Longest record that is read.
const MAX_LEN: u64 = 256;

/// Keeps it in a small file, bound to app and device by a MAC: one line of a label, the seconds
/// since 1970 and the tag.
pub struct LastSeenFile {
    path: PathBuf,
    key: hmac::Key,
}

impl LastSeenFile {
    /// A record in this file. Its folder must exist. `secret` is any constant of the program: it
    /// keeps people from editing the file, and nobody who takes the program apart.
    #[must_use]
    pub fn new(path: impl AsRef<Path>, app_id: Uuid, device_id: &str, secret: &[u8]) -> Self {
        let secret = hmac::Key::new(hmac::HMAC_SHA256, secret);
        let bound = format!("{LABEL}\0{app_id}\0{}", device_hash(app_id, device_id));
        let derived = hmac::sign(&secret, bound.as_bytes());
        Self {
            path: path.as_ref().to_owned(),
            key: hmac::Key::new(hmac::HMAC_SHA256, derived.as_ref()),
        }
    }

    /// A file of nobody else's to write in. A program that is started twice would else put half of
    /// the other's record in place, which locks its user out for good; and a link that somebody
    /// laid there is not followed. The few names are for what earlier processes of the same number
    /// have left behind.
    fn beside(&self) -> std::io::Result<(File, PathBuf)> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let process = std::process::id();
        let mut tries = 0;
        loop {
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            let mut name = self.path.clone().into_os_string();
            name.push(format!(".{process}-{number}.new"));
            let path = PathBuf::from(name);
            match File::options().write(true).create_new(true).open(&path) {
                Ok(file) => return Ok((file, path)),
                Err(error) if error.kind() == ErrorKind::AlreadyExists && tries < 100 => tries += 1,
                Err(error) => return Err(error),
            }
        }
    }

    fn parse(&self, text: &str) -> Option<Timestamp> {
        let (signed, tag) = text.trim_end().rsplit_once(' ')?;
        hmac::verify(&self.key, signed.as_bytes(), &encoding::decode(tag)?).ok()?;
        let (_, seconds) = signed.split_once(' ')?;
        Timestamp::from_second(seconds.parse().ok()?).ok()
    }
}

impl LastSeen for LastSeenFile {
    fn load(&mut self) -> Result<Option<Timestamp>, LastSeenError> {
        let file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let mut bytes = Vec::new();
        file.take(MAX_LEN).read_to_end(&mut bytes)?;
        std::str::from_utf8(&bytes)
            .ok()
            .and_then(|text| self.parse(text))
            .map(Some)
            .ok_or(LastSeenError::Tampered)
    }

    /// Written beside it and put in its place, so that a loss of power leaves the old or the new.
    fn save(&mut self, at: Timestamp) -> Result<(), LastSeenError> {
        let signed = format!("{LABEL} {}", at.as_second());
        let tag = hmac::sign(&self.key, signed.as_bytes());
        let line = format!("{signed} {}\n", encoding::encode(tag.as_ref()));
        let (mut file, beside) = self.beside()?;
        let placed = file
            .write_all(line.as_bytes())
            .and_then(|()| file.sync_all())
            .and_then(|()| {
                drop(file);
                std::fs::rename(&beside, &self.path)
            });
        if placed.is_err() {
            std::fs::remove_file(&beside).ok();
        }
        Ok(placed?)
    }
}

impl std::fmt::Debug for LastSeenFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LastSeenFile")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}
