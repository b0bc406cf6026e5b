//! The verifier that a consumer of Doorward's access tokens uses.
//!
//! A [`Verifier`] knows the issuer, the app and the audience, checks everything as one, and has no
//! switch to leave a check out:
//!
//! ```
//! use doorward_verify::{Audience, JwksSet, Verifier, VerifyError};
//! # fn example(app_id: uuid::Uuid, jwt_public_key: &str, token: &str, now: jiff::Timestamp)
//! # -> Result<(), Box<dyn std::error::Error>> {
//! let keys = JwksSet::from_jwt_public_key(jwt_public_key)?; // or `RotatingKeys`, over the JWKS
//! let verifier =
//!     Verifier::builder("https://auth.example.com", app_id, Audience::ServiceUrl).build()?;
//! match verifier.verify(token, &keys, now) {
//!     Ok(token) => println!("user {} in {:?}", token.sub, token.tenant_id),
//!     Err(VerifyError::Expired) => println!("401 TOKEN_EXPIRED"),
//!     Err(error) => println!("{} {}", error.status(), error.code()),
//! }
//! # Ok(())
//! # }
//! ```
//!
//! An access token lives half an hour, whatever happens to its session. A consumer that does not
//! want to wait so long subscribes to the app's [`revocations`]. A program that has to run without
//! the network carries a [`license`] file.

mod claims;
mod der;
mod encoding;
mod entitlement;
mod error;
mod fields;
mod header;
mod json;
mod jwks;
pub mod jws;
mod key;
pub mod license;
mod pem;
pub mod revocations;
mod rotating;
mod verifier;

pub use claims::{VerifiedToken, unverified_app_id};
pub use entitlement::Entitlement;
pub use error::{Reason, VerifyError};
pub use jwks::{JwksSet, KeyError};
pub use key::{Algorithm, VerificationKey};
pub use license::{
    Assessment, LastSeen, LastSeenError, LastSeenFile, License, LicenseBuildError, LicenseReason,
    LicenseVerifier, MemoryLastSeen,
};
pub use revocations::{
    FeedAnswer, FeedRequest, FeedTiming, FetchRevocations, RevocationList, Revocations,
    RevocationsError, RotatingRevocations, WhenStale,
};
pub use rotating::{FetchError, FetchJwks, RefreshError, RefreshTiming, RotatingKeys};
pub use verifier::{Audience, BuildError, Verifier, VerifierBuilder};

/// Longest token that is looked at, in bytes.
pub const MAX_TOKEN_LEN: usize = 16 * 1024;
