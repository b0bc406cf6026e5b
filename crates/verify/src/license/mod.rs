//! Licence files: what a program needs to run without the network.
//!
//! `POST /license/checkout` gives a file for one device; the program keeps it and judges it with a
//! [`LicenseVerifier`], which holds the app's public keys and asks nobody:
//!
//! ```
//! use doorward_verify::{JwksSet, LastSeenFile, LicenseReason, LicenseVerifier};
//! # fn example(app_id: uuid::Uuid, keys: &str, file: &str, device: &str, now: jiff::Timestamp)
//! # -> Result<(), Box<dyn std::error::Error>> {
//! let keys = JwksSet::from_json(keys)?; // license-keys.json, built into the program
//! let verifier = LicenseVerifier::new(app_id, keys)?;
//! let mut seen = LastSeenFile::new("state/last-seen", app_id, device, b"of this program");
//! match verifier.verify(file, device, now, &mut seen) {
//!     Ok(license) => println!("runs until {}", license.expires_at),
//!     Err(LicenseReason::FileExpired) => println!("go online once"),
//!     Err(reason) => println!("{reason}"),
//! }
//! # Ok(())
//! # }
//! ```
//!
//! What this can and cannot protect against is said in `docs/license-files.md`.

mod armour;
mod device;
mod file;
mod last_seen;
mod reason;
mod verifier;

pub use armour::armoured;
pub use device::device_hash;
pub use file::License;
pub use last_seen::{LastSeen, LastSeenError, LastSeenFile, MemoryLastSeen};
pub use reason::LicenseReason;
pub use verifier::{Assessment, LicenseBuildError, LicenseVerifier};

/// The `typ` of a licence file.
pub const LICENSE_TYP: &str = "license+jwt";

/// Longest licence file that is looked at, in bytes, its armour included.
pub const MAX_LICENSE_FILE_LEN: usize = 64 * 1024;
