//! The document that a consumer holds.

use std::sync::{Arc, PoisonError, RwLock};

use jiff::Timestamp;
use uuid::Uuid;

use super::list::{RevocationList, RevocationsError};
use crate::jwks::JwksSet;

/// What a verifier does while it has no current document. Whatever the document it has revokes is
/// refused all the same: a revocation is never taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenStale {
    /// Refuses every token, with [`crate::VerifyError::Unavailable`]: who can keep the feed away
    /// from the consumer must not keep a revoked token alive by it.
    Refuse,
    /// Accepts tokens as if there were no feed: a revocation then holds when the token's life is
    /// over, as without it.
    Accept,
}

/// What became of a good document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// It is the one that is held now, and was made later than the one before.
    Newer,
    /// It was made in the same second as the one held: what either names is refused from now on.
    Again,
}

/// The newest revocations of one app, shared by its verifier and by what fetches them. It starts
/// empty, which is stale. It is not kept over a restart; then a document that was withheld can be
/// shown to it, but only until that one expires.
#[derive(Debug)]
pub struct Revocations {
    issuer: String,
    app_id: Uuid,
    held: RwLock<Option<Held>>,
}

#[derive(Debug, Clone)]
struct Held {
    list: Arc<RevocationList>,
    etag: Option<String>,
}

impl Revocations {
    /// Holds nothing yet. Issuer and app are those of the verifier.
    pub fn new(issuer: impl Into<String>, app_id: Uuid) -> Self {
        Self {
            issuer: issuer.into(),
            app_id,
            held: RwLock::default(),
        }
    }

    /// Verifies a document and holds it from now on, together with the entity tag it came with.
    ///
    /// # Errors
    /// [`RevocationsError`]; what was held before stays.
    pub fn take(
        &self,
        document: &str,
        etag: Option<String>,
        keys: &JwksSet,
        now: Timestamp,
    ) -> Result<Taken, RevocationsError> {
        let mut list = RevocationList::verify(document, keys, &self.issuer, self.app_id, now)?;
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        let taken = match held.as_ref().map(|held| &held.list) {
            Some(before) if list.issued_at() < before.issued_at() => {
                return Err(RevocationsError::Older);
            }
            Some(before) if list.issued_at() == before.issued_at() => {
                // Of two nodes, one may not have heard of everything yet.
                list.join(before);
                Taken::Again
            }
            _ => Taken::Newer,
        };
        let list = Arc::new(list);
        *held = Some(Held { list, etag });
        Ok(taken)
    }

    /// What is held.
    #[must_use]
    pub fn list(&self) -> Option<Arc<RevocationList>> {
        self.read().map(|held| held.list)
    }

    /// The entity tag for `If-None-Match`: that of the document that is held, as long as it is
    /// current. A stale one is worth asking for anew.
    #[must_use]
    pub fn etag(&self, now: Timestamp) -> Option<String> {
        let held = self.read()?;
        held.etag.filter(|_| held.list.is_current(now))
    }

    /// Whether there is nothing current to go by.
    #[must_use]
    pub fn is_stale(&self, now: Timestamp) -> bool {
        !self.list().is_some_and(|list| list.is_current(now))
    }

    pub(crate) fn is_of(&self, issuer: &str, app_id: Uuid) -> bool {
        self.issuer == issuer && self.app_id == app_id
    }

    fn read(&self) -> Option<Held> {
        self.held
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}
