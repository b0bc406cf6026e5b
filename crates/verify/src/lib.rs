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
//!     Err(VerifyError::Invalid(_)) => println!("401 TOKEN_INVALID"),
//! }
//! # Ok(())
//! # }
//! ```

mod claims;
mod der;
mod encoding;
mod error;
mod header;
mod json;
mod jwks;
pub mod jws;
mod key;
mod pem;
mod rotating;
mod verifier;

pub use claims::{VerifiedToken, unverified_app_id};
pub use error::{Reason, VerifyError};
pub use jwks::{JwksSet, KeyError};
pub use key::{Algorithm, VerificationKey};
pub use rotating::{FetchError, FetchJwks, RefreshError, RefreshTiming, RotatingKeys};
pub use verifier::{Audience, BuildError, Verifier, VerifierBuilder};

/// Longest token that is looked at, in bytes.
pub const MAX_TOKEN_LEN: usize = 16 * 1024;
