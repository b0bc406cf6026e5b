//! Why a licence file is refused, told apart so that a program can say what helps.

use crate::error::Reason;

/// Why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum LicenseReason {
    /// The text is no licence file, or is damaged. Ask for it again.
    #[error("this is not a licence file, or it is damaged: {0}")]
    NotALicense(Reason),
    /// It is signed, but as something else.
    #[error("this is another kind of document")]
    WrongType,
    /// It names a key that this program does not have: the program is older than the key, or the
    /// file is of another app.
    #[error("the file is signed with a key this program does not know")]
    UnknownKey,
    /// It was changed, or forged.
    #[error("the file's signature is wrong")]
    BadSignature,
    /// It is for another program.
    #[error("the file is for another app")]
    OtherApp,
    /// It was made for another device. Activate this one, and check out a file for it.
    #[error("the file is for another device")]
    OtherDevice,
    /// The record of the last time seen was tampered with, or cannot be read or written.
    #[error("the record of the time last seen cannot be relied on")]
    ClockRecord,
    /// The clock shows less than was seen before. Set it right.
    #[error("the clock was set back")]
    ClockSetBack,
    /// The file was made later than now. Most likely the clock is wrong.
    #[error("the file is not valid yet; is the clock right?")]
    NotYetValid,
    /// The licence itself has ended. Renew the licence.
    #[error("the licence has expired")]
    LicenseExpired,
    /// The file's time is over, the licence's is not. Go online once, for a new file.
    #[error("the licence file has expired; go online to renew it")]
    FileExpired,
}

impl LicenseReason {
    /// A stable name, as in the test vectors.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotALicense(_) => "not_a_license",
            Self::WrongType => "wrong_type",
            Self::UnknownKey => "unknown_key",
            Self::BadSignature => "bad_signature",
            Self::OtherApp => "other_app",
            Self::OtherDevice => "other_device",
            Self::ClockRecord => "clock_record",
            Self::ClockSetBack => "clock_set_back",
            Self::NotYetValid => "not_yet_valid",
            Self::LicenseExpired => "license_expired",
            Self::FileExpired => "file_expired",
        }
    }
}

/// A fault in form, signature or type. Those of claims come from reading them.
impl From<Reason> for LicenseReason {
    fn from(reason: Reason) -> Self {
        match reason {
            Reason::Type => Self::WrongType,
            Reason::UnknownKey => Self::UnknownKey,
            Reason::Signature => Self::BadSignature,
            other => Self::NotALicense(other),
        }
    }
}
