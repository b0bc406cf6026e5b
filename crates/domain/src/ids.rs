//! Typed identifiers. On the wire and on disk each is a UUID; in the code none fits in another's place.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::clock::Clock;
use crate::random::SecureRandom;
use crate::time::Timestamp;

/// A version 7 UUID (RFC 9562 §5.7): ordered by creation time in milliseconds.
#[must_use]
pub fn uuid_v7(at: Timestamp, random: &dyn SecureRandom) -> Uuid {
    let millis = u64::try_from(at.as_millisecond()).unwrap_or(0);
    uuid::Builder::from_unix_timestamp_millis(millis, &random.bytes()).into_uuid()
}

/// A version 4 UUID (RFC 9562 §5.4): reveals nothing about when it was made.
#[must_use]
pub fn uuid_v4(random: &dyn SecureRandom) -> Uuid {
    uuid::Builder::from_random_bytes(random.bytes()).into_uuid()
}

macro_rules! typed_id {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// Wraps a UUID that is known to name such a thing.
            #[must_use]
            pub const fn from_uuid(id: Uuid) -> Self {
                Self(id)
            }

            /// A new identifier, ordered by time.
            #[must_use]
            pub fn generate(clock: &dyn Clock, random: &dyn SecureRandom) -> Self {
                Self(uuid_v7(clock.now(), random))
            }

            /// The UUID itself.
            #[must_use]
            pub const fn as_uuid(&self) -> Uuid {
                self.0
            }

            /// Its 16 bytes, as they enter MACs.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }
        }

        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self {
                Self(id)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0)
            }
        }

        impl std::str::FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }
    )*};
}

typed_id! {
    /// An app: an isolated customer of the platform.
    AppId;
    /// A person inside one app.
    UserId;
    /// One sign-in on one device: a refresh-token family.
    SessionId;
    /// An organization inside one app (`tenant_id` on the wire).
    TenantId;
    /// A licence: the right to run a program on a number of devices.
    LicenseId;
    /// A device's slot on a licence.
    ActivationId;
    /// An entry of the revocation feed.
    RevocationId;
    /// A request for a one-time code.
    OtpRequestId;
    /// A one-time secret other than a code (reset token, link, exchange code).
    OneTimeSecretId;
    /// A message waiting to be sent.
    OutboxId;
    /// An audit event.
    EventId;
    /// An operator's API key.
    AdminKeyId;
    /// One request to the server, named in its answer, its logs and its audit events.
    RequestId;
    /// A running server process.
    NodeId;
}
