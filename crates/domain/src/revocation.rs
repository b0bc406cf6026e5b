//! Access tokens that no longer count before their time, for consumers that want to know.

use uuid::Uuid;

use crate::ids::{AppId, RevocationId, SessionId, UserId};
use crate::time::Timestamp;

/// Whose tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Revoked {
    /// Those of one session.
    Session(SessionId),
    /// Those of one user, over all its sessions.
    User(UserId),
    /// All of the app's.
    App,
}

impl Revoked {
    /// As stored: the kind, and the id of the session, the user, or the app itself.
    #[must_use]
    pub const fn to_stored(self, app_id: AppId) -> (&'static str, Uuid) {
        match self {
            Self::Session(id) => ("session", id.as_uuid()),
            Self::User(id) => ("user", id.as_uuid()),
            Self::App => ("app", app_id.as_uuid()),
        }
    }

    /// From the stored form.
    #[must_use]
    pub fn from_stored(kind: &str, subject: Uuid) -> Option<Self> {
        match kind {
            "session" => Some(Self::Session(SessionId::from_uuid(subject))),
            "user" => Some(Self::User(UserId::from_uuid(subject))),
            "app" => Some(Self::App),
            _ => None,
        }
    }
}

/// One entry of the revocation feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Revocation {
    /// Its id.
    pub id: RevocationId,
    /// Whose tokens.
    pub revoked: Revoked,
    /// Tokens of a user or an app that were issued later than this still count. It is no earlier
    /// than the last token of the sessions that ended, whatever the clocks of the nodes say.
    pub issued_until: Timestamp,
    /// When it was decided.
    pub recorded_at: Timestamp,
    /// When the last token it is about has expired by itself.
    pub expires_at: Timestamp,
}
