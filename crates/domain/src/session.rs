//! The refresh protocol: one row per session, whatever its age.
//!
//! A refresh token carries the session's id, a generation, a random nonce and a MAC made with a key
//! that is not in the database. The row holds the current generation and the hash of its nonce.
//! Rotation is one conditional UPDATE whose condition is exactly [`Verdict::Rotate`]; when it
//! matches nothing, [`judge`] says why. ADR 0002 has the whole protocol and its model.

use crate::code::Code;
use crate::ids::{SessionId, TenantId, UserId};
use crate::time::Timestamp;

/// Seconds for which a refresh may be asked again with the same token and `Idempotency-Key`.
pub const REPLAY_SECONDS: i64 = 60;

/// Bytes of the nonce in a refresh token (128 bits, ASVS 11.5.1).
pub const NONCE_LEN: usize = 16;

/// Why a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EndReason {
    /// The user or the app's backend signed out.
    Logout,
    /// A used refresh token came back.
    Reuse,
    /// Every session of the user was ended.
    UserRevoked,
    /// The user was deactivated or deleted.
    UserInactive,
    /// An operator ended it.
    Operator,
    /// Every session of the app was ended. Stored with the app, not with each session.
    AppRevoked,
}

impl EndReason {
    /// Every reason.
    pub const ALL: [Self; 6] = [
        Self::Logout,
        Self::Reuse,
        Self::UserRevoked,
        Self::UserInactive,
        Self::Operator,
        Self::AppRevoked,
    ];

    /// As stored and as shown.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Logout => "logout",
            Self::Reuse => "reuse",
            Self::UserRevoked => "user_revoked",
            Self::UserInactive => "user_inactive",
            Self::Operator => "operator",
            Self::AppRevoked => "app_revoked",
        }
    }

    /// From the stored form.
    #[must_use]
    pub fn from_stored(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == text)
    }
}

/// What a well-formed refresh token of this app says, its MAC already checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Presented {
    /// The session.
    pub session_id: SessionId,
    /// The generation it was issued for, from 1.
    pub generation: i64,
    /// SHA-256 of its nonce.
    pub nonce_hash: [u8; 32],
}

/// A session as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Its id: `sid` in access tokens.
    pub id: SessionId,
    /// Whose it is.
    pub user_id: UserId,
    /// The organization its tokens speak for.
    pub tenant_id: Option<TenantId>,
    /// Current generation, from 1.
    pub generation: i64,
    /// SHA-256 of the nonce of the current generation.
    pub nonce_hash: [u8; 32],
    /// The app's session epoch when it began.
    pub epoch: i64,
    /// When the person proved who they are.
    pub auth_time: Timestamp,
    /// How (RFC 8176), space separated.
    pub amr: String,
    /// Creation.
    pub created_at: Timestamp,
    /// Last sign-in or refresh.
    pub last_used_at: Timestamp,
    /// Idle end; a refresh moves it.
    pub expires_at: Timestamp,
    /// Absolute end.
    pub absolute_expires_at: Timestamp,
    /// When and why it ended, if it did.
    pub ended: Option<(Timestamp, EndReason)>,
}

/// A session as operators see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRecord {
    /// The session; ended, too, where the whole app's were.
    pub session: Session,
    /// The address it was begun from.
    pub ip: Option<String>,
    /// What it was begun with, in the client's words.
    pub user_agent: Option<String>,
}

impl SessionRecord {
    /// `active`, `expired` or `ended`.
    #[must_use]
    pub fn state(&self, now: Timestamp) -> &'static str {
        let session = &self.session;
        if session.ended.is_some() {
            "ended"
        } else if session.expires_at.min(session.absolute_expires_at) <= now {
            "expired"
        } else {
            "active"
        }
    }
}

/// The part of a session that decides about a refresh.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct State {
    /// Current generation.
    pub generation: i64,
    /// SHA-256 of the current nonce.
    pub nonce_hash: [u8; 32],
    /// Ended on purpose, or of an older epoch than its app.
    pub ended: bool,
    /// The earlier of the idle and the absolute end.
    pub expires_at: Timestamp,
    /// Whether the user may sign in.
    pub user_active: bool,
}

/// What to do with a presented token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is the current one: exchange it.
    Rotate,
    /// It was exchanged before (or belongs to a history this database does not know): end the family.
    Reuse,
    /// Refuse, changing nothing.
    Refuse(Code),
}

/// Judges a presented token. Order: inactive user, ended, expired, then generation and nonce.
#[must_use]
pub fn judge(state: &State, presented: &Presented, now: Timestamp) -> Verdict {
    if !state.user_active {
        Verdict::Refuse(Code::UserDeleted)
    } else if state.ended {
        Verdict::Refuse(Code::TokenRevoked)
    } else if state.expires_at <= now {
        Verdict::Refuse(Code::TokenExpired)
    } else if presented.generation == state.generation && presented.nonce_hash == state.nonce_hash {
        Verdict::Rotate
    } else {
        Verdict::Reuse
    }
}
