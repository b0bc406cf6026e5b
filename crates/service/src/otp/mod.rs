//! One-time codes: sent and verified.

mod apply;
pub(crate) mod guard;
mod send;
mod verify;

pub(crate) use send::network;
pub use send::{OtpSent, SendOtp, send};
pub use verify::{OtpVerified, VerifyOtp, verify};

use doorward_crypto::keyring::Keyring;
use doorward_domain::app::AppLimits;
use doorward_store::app::Hit;

/// Codes sent to a contact, whatever their purpose.
pub(crate) fn sends_to_contact(keyring: &Keyring, limits: &AppLimits, contact: &str) -> Hit {
    Hit {
        key: keyring.limit_key("otp.send.contact", contact),
        rule: limits.otp_per_contact,
    }
}

/// Wrong codes for a contact, over all its requests.
pub(crate) fn failures_of_contact(keyring: &Keyring, limits: &AppLimits, contact: &str) -> Hit {
    Hit {
        key: keyring.limit_key("otp.fail.contact", contact),
        rule: limits.otp_failures_per_contact,
    }
}

/// Codes sent on behalf of a client's address.
pub(crate) fn sends_of_address(
    keyring: &Keyring,
    limits: &AppLimits,
    address: std::net::IpAddr,
) -> Hit {
    Hit {
        key: keyring.limit_key("otp.send.address", &network(address).to_string()),
        rule: limits.otp_per_address,
    }
}

/// Codes sent by the whole app.
pub(crate) fn sends_of_app(keyring: &Keyring, limits: &AppLimits) -> Hit {
    Hit {
        key: keyring.limit_key("otp.send.app", ""),
        rule: limits.otp_per_app,
    }
}
