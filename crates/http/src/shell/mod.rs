//! What surrounds every handler: request id, client address, errors, headers, limits, log, metrics.

mod client;
mod headers;
mod layer;
mod limit;
mod log;
mod meta;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::middleware::from_fn_with_state;
use doorward_domain::{Clock, Code, SecureRandom};
use tower_http::catch_panic::CatchPanicLayer;

pub use self::client::{ForwardedHeader, Peer, TrustedProxies};
pub(crate) use self::limit::InFlight;
pub(crate) use self::meta::Meta;
use crate::error::ApiError;

/// Which audience a router serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Face {
    /// Apps' backends, consumers and, later, browsers.
    Public,
    /// Operators.
    Operator,
}

impl Face {
    /// As a label of logs and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Operator => "operator",
        }
    }
}

/// Settings of what surrounds the handlers.
#[derive(Debug, Clone)]
pub struct ShellOptions {
    /// Proxies whose word about the client's address is believed.
    pub proxies: TrustedProxies,
    /// Longest body accepted, in bytes.
    pub body_limit: usize,
    /// Time a request may take, its body included.
    pub request_timeout: Duration,
    /// Requests worked on at once; one more is answered 503 at once.
    pub max_in_flight: usize,
    /// Whether the public URL is https: then browsers are told to stay there (HSTS).
    pub https: bool,
}

impl Default for ShellOptions {
    fn default() -> Self {
        Self {
            proxies: TrustedProxies::default(),
            body_limit: 64 * 1024,
            request_timeout: Duration::from_secs(15),
            max_in_flight: 1_024,
            https: false,
        }
    }
}

/// The surroundings of one face.
pub(crate) struct Shell {
    pub(crate) face: Face,
    pub(crate) options: ShellOptions,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn SecureRandom>,
}

impl Shell {
    /// Puts routes into their surroundings. `free` routes (health, keys) answer even when the
    /// number of requests in flight is exhausted.
    pub(crate) fn around(self, limited: Router, free: Router) -> Router {
        let in_flight = InFlight::new(self.options.max_in_flight);
        let shell = Arc::new(self);
        limited
            .layer(from_fn_with_state(in_flight, limit::in_flight))
            .merge(free)
            .method_not_allowed_fallback(async || ApiError::new(Code::MethodNotAllowed))
            .fallback(async || ApiError::new(Code::NotFound))
            .layer(CatchPanicLayer::custom(limit::panicked))
            .layer(from_fn_with_state(shell, layer::surround))
    }
}
