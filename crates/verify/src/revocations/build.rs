//! Making the document, for the issuer.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use uuid::Uuid;

use super::blind::{self, Blinded};
use crate::encoding;

/// Collects what is revoked and writes the payload that the issuer signs with the header
/// `typ` = [`super::REVOCATIONS_TYP`].
#[derive(Debug, Clone)]
#[must_use]
pub struct RevocationsBuilder {
    issuer: String,
    app_id: Uuid,
    issued_at: Timestamp,
    expires_at: Timestamp,
    sessions: BTreeSet<Blinded>,
    users: BTreeMap<Blinded, u32>,
    issued_until: Option<Timestamp>,
}

impl RevocationsBuilder {
    /// An empty document of this app. Times are cut to whole seconds; `expires_at` must be later
    /// than `issued_at`, or every consumer refuses the document.
    pub fn new(
        issuer: impl Into<String>,
        app_id: Uuid,
        issued_at: Timestamp,
        expires_at: Timestamp,
    ) -> Self {
        Self {
            issuer: issuer.into(),
            app_id,
            issued_at,
            expires_at,
            sessions: BTreeSet::new(),
            users: BTreeMap::new(),
            issued_until: None,
        }
    }

    /// Revokes every token of this session.
    pub fn session(&mut self, session_id: Uuid) -> &mut Self {
        self.sessions
            .insert(blind::session(self.app_id, session_id));
        self
    }

    /// Revokes this user's tokens whose `iat` is not later than the second of `issued_until`. Given
    /// twice, the later one counts.
    pub fn user(&mut self, user_id: Uuid, issued_until: Timestamp) -> &mut Self {
        let seconds = issued_until.as_second().max(0);
        let seconds = u32::try_from(seconds).unwrap_or(u32::MAX);
        let held = self
            .users
            .entry(blind::user(self.app_id, user_id))
            .or_default();
        *held = seconds.max(*held);
        self
    }

    /// Revokes every token of the app whose `iat` is not later than the second of `issued_until`.
    /// Given twice, the later one counts.
    pub fn everything(&mut self, issued_until: Timestamp) -> &mut Self {
        self.issued_until = self.issued_until.max(Some(issued_until));
        self
    }

    /// The payload.
    #[must_use]
    pub fn payload_json(&self) -> Vec<u8> {
        let sessions: Vec<u8> = self.sessions.iter().flatten().copied().collect();
        let users: Vec<u8> = self
            .users
            .iter()
            .flat_map(|(user, seconds)| user.iter().copied().chain(seconds.to_be_bytes()))
            .collect();
        serde_json::json!({
            "iss": self.issuer,
            "app_id": self.app_id,
            "iat": self.issued_at.as_second(),
            "exp": self.expires_at.as_second(),
            "sessions": encoding::encode(&sessions),
            "users": encoding::encode(&users),
            "issued_until": self.issued_until.map(Timestamp::as_second),
        })
        .to_string()
        .into_bytes()
    }
}
