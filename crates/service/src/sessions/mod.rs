//! Sessions and their tokens: begun, refreshed, revoked, looked at.

mod begin;
mod me;
mod operate;
mod refresh;
mod revoke;

pub(crate) use begin::{Begun, begin};
pub use me::{Me, bearer_user, me};
pub use operate::{end, end_all, list, show};
pub use refresh::{Refresh, refresh};
pub use revoke::{revoke, revoke_user};

use doorward_domain::secret::SecretText;

/// A pair of tokens.
#[derive(Debug, Clone)]
pub struct Tokens {
    /// The access token (a signed JWT).
    pub access_token: SecretText,
    /// Its life in seconds.
    pub expires_in: i64,
    /// The refresh token.
    pub refresh_token: SecretText,
}
