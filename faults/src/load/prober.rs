//! A client of one node, that looks at what its tokens say.

use std::net::SocketAddr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use super::user::User;
use crate::Result;
use crate::http::Client;

/// Signed in, at one node, past the balancer.
pub(crate) struct Prober {
    user: User,
    node: SocketAddr,
}

/// Head and claims of an access token.
pub(crate) struct Token {
    pub(crate) head: Value,
    pub(crate) claims: Value,
}

impl Prober {
    pub(super) fn new(mut user: User, node: SocketAddr) -> Result<Self> {
        user.http = Client::new(node, user.number);
        for _ in 0..20 {
            user.sign_in();
            if user.session.is_some() {
                return Ok(Self { user, node });
            }
        }
        Err("a prober could not sign in".to_owned())
    }

    /// A fresh token of this node's.
    pub(crate) fn token(&mut self) -> Result<Token> {
        // A connection of its own each time: the node may have been restarted since.
        self.user.http = Client::new(self.node, self.user.number);
        if !self.user.refresh_with_key() {
            return Err("a prober could not refresh".to_owned());
        }
        let access = self.user.session.as_ref().map(|s| s.access.clone());
        let access = access.unwrap_or_default();
        let mut parts = access.split('.').map(|part| {
            URL_SAFE_NO_PAD
                .decode(part)
                .ok()
                .and_then(|bytes| serde_json::from_slice(&bytes).ok())
        });
        match (parts.next().flatten(), parts.next().flatten()) {
            (Some(head), Some(claims)) => Ok(Token { head, claims }),
            _ => Err("an access token that is no JWT".to_owned()),
        }
    }
}
