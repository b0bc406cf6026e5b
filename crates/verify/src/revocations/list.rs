//! A verified document.

use jiff::Timestamp;
use uuid::Uuid;

use super::blind::{self, Blinded, LEN};
use super::{MAX_REVOCATIONS_LEN, REVOCATIONS_TYP};
use crate::claims::VerifiedToken;
use crate::encoding;
use crate::error::Reason;
use crate::fields::Fields;
use crate::jwks::JwksSet;
use crate::jws;

/// Tolerance for clocks that differ, in seconds.
pub(super) const TOLERANCE_SECONDS: i64 = 30;

/// A user's entry: the hash and the second, big-endian.
const USER_LEN: usize = LEN + 4;

/// Why a document is not taken. What was held before stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RevocationsError {
    /// It is not the issuer's feed of this app.
    #[error("the revocations are not acceptable: {0}")]
    Invalid(Reason),
    /// It is, but its time is over: a copy that was kept too long on the way.
    #[error("the revocations have expired")]
    Expired,
    /// It is older than the one that is held: somebody may be hiding the newest revocations.
    #[error("the revocations are older than those already held")]
    Older,
    /// There are no keys to verify it with.
    #[error("no keys to verify the revocations with")]
    KeysUnavailable,
}

impl From<Reason> for RevocationsError {
    fn from(reason: Reason) -> Self {
        Self::Invalid(reason)
    }
}

/// What an app's consumers are told to refuse. It exists only verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevocationList {
    app_id: Uuid,
    issued_at: Timestamp,
    expires_at: Timestamp,
    /// Ascending, each once.
    sessions: Vec<Blinded>,
    /// Ascending, each once, with the last second whose tokens are revoked.
    users: Vec<(Blinded, i64)>,
    issued_until: Option<Timestamp>,
}

impl RevocationList {
    /// Checks a document as one: form, header, signature with the key's own algorithm, type,
    /// issuer (compared exactly), app, times, and that both lists are whole and in order.
    ///
    /// # Errors
    /// [`RevocationsError::Expired`] when nothing but its age is wrong; else
    /// [`RevocationsError::Invalid`].
    pub fn verify(
        document: &str,
        keys: &JwksSet,
        issuer: &str,
        app_id: Uuid,
        now: Timestamp,
    ) -> Result<Self, RevocationsError> {
        let jws = jws::verify_typed(document, REVOCATIONS_TYP, keys, MAX_REVOCATIONS_LEN)?;
        let mut claims = Fields::parse(&jws.payload)?;
        if claims.text("iss")? != issuer {
            return Err(Reason::Issuer.into());
        }
        if claims.uuid("app_id")? != app_id {
            return Err(Reason::App.into());
        }
        let list = Self {
            app_id,
            issued_at: claims.time("iat")?,
            expires_at: claims.time("exp")?,
            sessions: sessions(&bytes(&mut claims, "sessions")?)
                .ok_or(Reason::Claim("sessions"))?,
            users: users(&bytes(&mut claims, "users")?).ok_or(Reason::Claim("users"))?,
            issued_until: claims.time_or_null("issued_until")?,
        };
        if list.expires_at <= list.issued_at {
            return Err(Reason::Times.into());
        }
        if list.issued_at.as_second() > now.as_second().saturating_add(TOLERANCE_SECONDS) {
            return Err(Reason::IssuedInFuture.into());
        }
        if !list.is_current(now) {
            return Err(RevocationsError::Expired);
        }
        Ok(list)
    }

    /// Names all that the other one names, too: a revocation is never taken back.
    pub(super) fn join(&mut self, other: &Self) {
        self.expires_at = self.expires_at.max(other.expires_at);
        self.issued_until = self.issued_until.max(other.issued_until);
        self.sessions.extend_from_slice(&other.sessions);
        self.sessions.sort_unstable();
        self.sessions.dedup();
        self.users.extend_from_slice(&other.users);
        // The later time comes first, and is kept.
        self.users
            .sort_unstable_by(|(a, a_until), (b, b_until)| a.cmp(b).then(b_until.cmp(a_until)));
        self.users.dedup_by_key(|(user, _)| *user);
    }

    /// When it was made.
    #[must_use]
    pub const fn issued_at(&self) -> Timestamp {
        self.issued_at
    }

    /// From when on it is stale.
    #[must_use]
    pub const fn expires_at(&self) -> Timestamp {
        self.expires_at
    }

    /// Sessions and users in it.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.sessions.len().saturating_add(self.users.len())
    }

    /// Whether it revokes nothing at all.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.sessions.is_empty() && self.users.is_empty() && self.issued_until.is_none()
    }

    /// Whether its time is now, but for differing clocks. One from the future (the clock was set
    /// back since) is not: it would look new for ever.
    #[must_use]
    pub fn is_current(&self, now: Timestamp) -> bool {
        let now = now.as_second();
        let from = self.issued_at.as_second().saturating_sub(TOLERANCE_SECONDS);
        let until = self
            .expires_at
            .as_second()
            .saturating_add(TOLERANCE_SECONDS);
        (from..until).contains(&now)
    }

    /// Why this token no longer counts, if it does not. It must be one of the list's app.
    #[must_use]
    pub fn refusal(&self, token: &VerifiedToken) -> Option<Reason> {
        if self.issued_until.is_some_and(|until| token.iat <= until) {
            return Some(Reason::AppRevoked);
        }
        if self.names_session(token.sid) {
            return Some(Reason::SessionRevoked);
        }
        self.user_issued_until(token.sub)
            .is_some_and(|until| token.iat.as_second() <= until)
            .then_some(Reason::UserRevoked)
    }

    fn names_session(&self, session_id: Uuid) -> bool {
        !self.sessions.is_empty()
            && self
                .sessions
                .binary_search(&blind::session(self.app_id, session_id))
                .is_ok()
    }

    fn user_issued_until(&self, user_id: Uuid) -> Option<i64> {
        if self.users.is_empty() {
            return None;
        }
        let user = blind::user(self.app_id, user_id);
        let found = self.users.binary_search_by(|(held, _)| held.cmp(&user));
        self.users.get(found.ok()?).map(|(_, until)| *until)
    }
}

/// An empty list is an empty text.
fn bytes(claims: &mut Fields, name: &'static str) -> Result<Vec<u8>, Reason> {
    let value = claims.take(name)?;
    value
        .as_str()
        .and_then(encoding::decode)
        .ok_or(Reason::Claim(name))
}

fn sessions(bytes: &[u8]) -> Option<Vec<Blinded>> {
    let (entries, rest) = bytes.as_chunks::<LEN>();
    let ordered = entries.is_sorted_by(|a, b| a < b);
    (rest.is_empty() && ordered).then(|| entries.to_vec())
}

fn users(bytes: &[u8]) -> Option<Vec<(Blinded, i64)>> {
    let (entries, rest) = bytes.as_chunks::<USER_LEN>();
    let users: Vec<_> = entries
        .iter()
        .filter_map(|entry| {
            let (user, seconds) = entry.split_first_chunk::<LEN>()?;
            let seconds = u32::from_be_bytes(seconds.try_into().ok()?);
            Some((*user, i64::from(seconds)))
        })
        .collect();
    let ordered = users.is_sorted_by(|(a, _), (b, _)| a < b);
    (rest.is_empty() && ordered).then_some(users)
}
