//! Errors of the use cases: a public face (code, message, fields) and an internal one (for the log).
//! They know nothing of HTTP; `doorward-http` turns them into answers in one place.

use std::borrow::Cow;

use doorward_domain::Code;
use doorward_store::{Constraint, StoreError};

/// One field that was refused.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct FieldError {
    /// Its name on the wire, with dots for nesting.
    pub field: Cow<'static, str>,
    /// What is wrong with it.
    pub message: Cow<'static, str>,
}

impl FieldError {
    /// Names a field and what is wrong with it.
    pub fn new(field: impl Into<Cow<'static, str>>, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            field: field.into(),
            message: message.into(),
        }
    }
}

/// Why a use case refused or failed.
#[derive(Debug, Clone)]
pub struct Error {
    code: Code,
    message: Option<Cow<'static, str>>,
    details: Vec<FieldError>,
    retry_after: Option<i64>,
    internal: Option<String>,
    wrong_master_key: bool,
}

/// What use cases return.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// With the code's own message.
    #[must_use]
    pub const fn new(code: Code) -> Self {
        Self {
            code,
            message: None,
            details: Vec::new(),
            retry_after: None,
            internal: None,
            wrong_master_key: false,
        }
    }

    /// `VALIDATION_ERROR` naming every failing field.
    #[must_use]
    pub fn validation(details: Vec<FieldError>) -> Self {
        Self {
            details,
            ..Self::new(Code::ValidationError)
        }
    }

    /// `VALIDATION_ERROR` for one field.
    pub fn field(
        field: impl Into<Cow<'static, str>>,
        message: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self::validation(vec![FieldError::new(field, message)])
    }

    /// A failure of ours; `internal` goes to the log only.
    pub fn internal(internal: impl Into<String>) -> Self {
        Self {
            internal: Some(internal.into()),
            ..Self::new(Code::InternalError)
        }
    }

    /// The master key is not the one the database was made with: whoever runs the program has set
    /// another one. A caller from outside is told no more than of any failure of ours.
    pub(crate) fn another_master_key(internal: impl Into<String>) -> Self {
        Self {
            wrong_master_key: true,
            ..Self::internal(internal)
        }
    }

    /// What the master key does not open, if that is the matter.
    #[must_use]
    pub fn wrong_master_key(&self) -> Option<&str> {
        self.internal.as_deref().filter(|_| self.wrong_master_key)
    }

    /// With a more precise public message.
    #[must_use]
    pub fn with_message(mut self, message: impl Into<Cow<'static, str>>) -> Self {
        self.message = Some(message.into());
        self
    }

    /// With the seconds to wait before trying again, at least 1.
    #[must_use]
    pub fn with_retry_after(mut self, seconds: i64) -> Self {
        self.retry_after = Some(seconds.max(1));
        self
    }

    /// With something for the log that the caller must not see.
    #[must_use]
    pub fn with_internal(mut self, internal: impl Into<String>) -> Self {
        self.internal = Some(internal.into());
        self
    }

    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> Code {
        self.code
    }

    /// The message for the caller.
    #[must_use]
    pub fn message(&self) -> &str {
        self.message.as_deref().unwrap_or(self.code.message())
    }

    /// The failing fields.
    #[must_use]
    pub fn details(&self) -> &[FieldError] {
        &self.details
    }

    /// Seconds to wait before trying again.
    #[must_use]
    pub const fn retry_after(&self) -> Option<i64> {
        self.retry_after
    }

    /// What the log should know.
    #[must_use]
    pub fn internal_message(&self) -> Option<&str> {
        self.internal.as_deref()
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.code, self.message())?;
        for FieldError { field, message } in &self.details {
            write!(f, "; {field}: {message}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

impl From<Code> for Error {
    fn from(code: Code) -> Self {
        Self::new(code)
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        let internal = error.to_string();
        match error {
            StoreError::Unavailable { .. } | StoreError::Busy | StoreError::Contention => {
                Self::new(Code::ServiceUnavailable)
                    .with_retry_after(1)
                    .with_internal(internal)
            }
            // Two users proved the same address at the same moment; this is the second.
            StoreError::Constraint {
                constraint: Constraint::UserEmail | Constraint::UserPhone,
                ..
            } => Self::new(Code::AddressTaken).with_internal(internal),
            StoreError::Constraint { .. }
            | StoreError::Decode(_)
            | StoreError::Schema(_)
            | StoreError::Internal(_) => Self::internal(internal),
        }
    }
}
