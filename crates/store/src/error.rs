//! What can go wrong in the store.

/// A unique constraint of the schema, known by name on both engines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Constraint {
    /// Two apps with one slug.
    AppSlug,
    /// Two users of one app with one e-mail address.
    UserEmail,
    /// Two users of one app with one phone number.
    UserPhone,
    /// Two signing keys that are both next, or both active.
    SigningKeyState,
    /// Any other.
    Other,
}

impl Constraint {
    /// By the name of its index in the migrations.
    #[must_use]
    pub fn from_name(name: &str) -> Self {
        match name {
            "apps_slug" => Self::AppSlug,
            "users_email" => Self::UserEmail,
            "users_phone" => Self::UserPhone,
            "signing_keys_state" => Self::SigningKeyState,
            _ => Self::Other,
        }
    }
}

/// What can go wrong in the store. Absence is never an error here: it is an `Option`.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// The engine is out of reach. When `uncertain`, a commit was under way and may have happened.
    #[error("the database is out of reach: {message}")]
    Unavailable {
        /// For the log.
        message: String,
        /// Whether the transaction may have been committed all the same.
        uncertain: bool,
    },
    /// The queue before the engine is full.
    #[error("the database queue is full")]
    Busy,
    /// A constraint refused the write.
    #[error("a constraint refused the write: {message}")]
    Constraint {
        /// Which.
        constraint: Constraint,
        /// For the log.
        message: String,
    },
    /// The engine reported a serialization failure, again and again.
    #[error("the transaction kept colliding with others")]
    Contention,
    /// A row that this program cannot have written.
    #[error("stored data does not decode: {0}")]
    Decode(String),
    /// The schema is older or newer than this program can work with.
    #[error("{0}")]
    Schema(String),
    /// Anything else: a mistake of ours.
    #[error("database error: {0}")]
    Internal(String),
}

impl StoreError {
    /// A row that cannot be understood.
    #[must_use]
    pub fn decode(what: impl Into<String>) -> Self {
        Self::Decode(what.into())
    }

    /// The engine is out of reach, and the transaction has certainly not happened.
    #[must_use]
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::Unavailable {
            message: message.into(),
            uncertain: false,
        }
    }
}
