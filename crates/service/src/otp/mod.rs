//! One-time codes: sent and verified.

mod apply;
mod guard;
mod send;
mod verify;

pub(crate) use send::network;
pub use send::{OtpSent, SendOtp, send};
pub use verify::{OtpVerified, VerifyOtp, verify};

use doorward_crypto::keyring::Keyring;
use doorward_domain::app::AppLimits;
use doorward_store::app::Hit;

/// Codes sent to a contact, whatever their purpose.
fn sends_to_contact(keyring: &Keyring, limits: &AppLimits, contact: &str) -> Hit {
    Hit {
        key: keyring.limit_key("otp.send.contact", contact),
        rule: limits.otp_per_contact,
    }
}

/// Wrong codes for a contact, over all its requests.
fn failures_of_contact(keyring: &Keyring, limits: &AppLimits, contact: &str) -> Hit {
    Hit {
        key: keyring.limit_key("otp.fail.contact", contact),
        rule: limits.otp_failures_per_contact,
    }
}
