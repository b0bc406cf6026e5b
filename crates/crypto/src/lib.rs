//! Keyring, JWS and JWK, opaque secrets, sealing at rest. CPU only.
//!
//! Every primitive is aws-lc's. What is decided here is how they are put together: which key is
//! for what ([`keyring`]), what a sealed value or a token looks like, and that every one of them
//! names the key that made it, so that keys can be rotated.

mod checksum;
mod etag;
pub mod idempotency;
pub mod jwt;
pub mod keyring;
pub mod license;
mod license_file;
pub mod opaque;
pub mod otp;
pub mod receipt;
pub mod refresh;
mod replay;
pub mod seal;
pub mod signing;

pub use etag::etag;
pub use jwt::AccessClaims;
pub use keyring::{Keyring, MasterKey, MasterKeyError};
pub use license::{device_hash, keyless_device_hash};
pub use license_file::LicenseFileClaims;
pub use opaque::{OpaqueToken, app_secret_hash};
pub use receipt::MessageRef;
pub use refresh::{idempotency_hash, nonce_hash};
pub use seal::{SealError, SealPurpose};
pub use signing::{PublicKey, SigningError, SigningKey};
