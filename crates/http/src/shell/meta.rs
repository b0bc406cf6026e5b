//! What is known of a request before its handler runs.

use std::net::IpAddr;
use std::sync::{Arc, OnceLock};

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use doorward_domain::audit::Actor;
use doorward_domain::{AppId, Clock, RequestId, SecureRandom};
use doorward_service::{Context, Error, Origin};

use crate::error::ApiError;

/// Longest user agent read, in bytes.
const USER_AGENT_MAX: usize = 512;

/// The request's id and origin, and what the log learns on the way. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Meta(Arc<Inner>);

struct Inner {
    id: RequestId,
    ip: Option<IpAddr>,
    user_agent: Option<String>,
    app: OnceLock<AppId>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn SecureRandom>,
}

impl Meta {
    /// Of a request that has just arrived.
    pub(crate) fn new(
        clock: Arc<dyn Clock>,
        random: Arc<dyn SecureRandom>,
        ip: Option<IpAddr>,
        user_agent: Option<&[u8]>,
    ) -> Self {
        let user_agent = user_agent.map(|bytes| {
            String::from_utf8_lossy(bytes.get(..USER_AGENT_MAX).unwrap_or(bytes)).into_owned()
        });
        let id = RequestId::generate(&*clock, &*random);
        Self(Arc::new(Inner {
            id,
            ip,
            user_agent,
            app: OnceLock::new(),
            clock,
            random,
        }))
    }

    /// The request's id.
    pub(crate) fn id(&self) -> RequestId {
        self.0.id
    }

    /// The client's address.
    pub(crate) fn ip(&self) -> Option<IpAddr> {
        self.0.ip
    }

    /// The app whose credentials were accepted, for the log.
    pub(crate) fn app(&self) -> Option<AppId> {
        self.0.app.get().copied()
    }

    /// Notes the app whose credentials were accepted. The first one stays.
    pub(crate) fn set_app(&self, app: AppId) {
        self.0.app.get_or_init(|| app);
    }

    /// The context of a use case in which nobody has yet proved who they are.
    pub(crate) fn context(&self) -> Context {
        Context {
            actor: Actor::Anonymous,
            origin: Origin {
                request_id: self.0.id,
                ip: self.0.ip,
                user_agent: self.0.user_agent.clone(),
                of_person: false,
            },
            clock: Arc::clone(&self.0.clock),
            random: Arc::clone(&self.0.random),
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Meta {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, ApiError> {
        parts
            .extensions
            .get::<Self>()
            .cloned()
            .ok_or_else(|| Error::internal("the request did not pass through the shell").into())
    }
}
