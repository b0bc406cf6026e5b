//! Signing keys: made, exported, read, and used for compact JWS (RFC 7515 §7.1).

mod jwk;
mod key;
mod public;

pub use jwk::jwks_json;
pub use key::SigningKey;
pub use public::PublicKey;

/// What can go wrong with a signing key. Says nothing about the key's contents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SigningError {
    /// No key could be generated.
    #[error("no key could be generated")]
    Generate,
    /// The private key is malformed, or not one of the algorithm it is said to be for.
    #[error("the private key is malformed or of another kind")]
    PrivateKey,
    /// The public key is malformed, or not one of the algorithm it is said to be for.
    #[error("the public key is malformed or of another kind")]
    PublicKey,
    /// The signature failed.
    #[error("the signature could not be made")]
    Sign,
    /// The claims could not be written.
    #[error("the claims could not be written")]
    Claims,
}
