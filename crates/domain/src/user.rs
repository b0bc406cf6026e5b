//! A person inside one app.

use crate::contact::{EmailAddress, PhoneNumber, VerifiedAt};
use crate::ids::UserId;
use crate::time::Timestamp;

/// Whether a user may sign in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum UserStatus {
    /// May sign in.
    Active,
    /// Switched off by an operator; can be switched on again.
    Deactivated,
    /// Softly deleted.
    Deleted,
}

impl UserStatus {
    /// As stored and as shown.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Deactivated => "deactivated",
            Self::Deleted => "deleted",
        }
    }

    /// From the stored form.
    #[must_use]
    pub fn from_stored(text: &str) -> Option<Self> {
        match text {
            "active" => Some(Self::Active),
            "deactivated" => Some(Self::Deactivated),
            "deleted" => Some(Self::Deleted),
            _ => None,
        }
    }
}

/// A user, as the store knows one. Always read through an app's scope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Its id, unique on the platform, meaningful in its app only.
    pub id: UserId,
    /// Whether it may sign in.
    pub status: UserStatus,
    /// E-mail address, unique in the app.
    pub email: Option<VerifiedAt<EmailAddress>>,
    /// Phone number, unique in the app.
    pub phone: Option<VerifiedAt<PhoneNumber>>,
    /// First sign-in or creation.
    pub created_at: Timestamp,
    /// Grows with every change that an operator sees.
    pub version: i64,
    /// Last change.
    pub updated_at: Timestamp,
    /// When it was deleted.
    pub deleted_at: Option<Timestamp>,
    /// When a deleted user is erased. Until then it can be restored.
    pub purge_after: Option<Timestamp>,
    /// When everything personal was erased. Only the id is left.
    pub erased_at: Option<Timestamp>,
}

/// Seconds for which a deleted user can be restored: 30 days.
pub const RESTORABLE_SECONDS: i64 = 30 * 86_400;
