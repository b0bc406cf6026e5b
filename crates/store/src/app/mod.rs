//! The data of one app. Every statement here has the app in its WHERE.

mod audit;
mod claims;
mod delivery;
mod erasure;
mod export;
mod license_keys;
mod license_search;
mod license_seats;
mod licenses;
mod limits;
mod members;
mod organizations;
mod otp;
mod outbox;
mod replays;
mod revocations;
mod roles;
mod secrets;
mod session_search;
mod sessions;
mod sms_usage;
mod stats;
mod templates;
mod user_change;
mod user_search;
mod users;

use doorward_domain::AppId;

use crate::error::StoreError;
use crate::port::Connection;

pub(crate) use revocations::revocation;
pub(crate) use roles::role_definition;

pub use claims::UserClaims;
pub use delivery::StoredDelivery;
pub use erasure::Erasure;
pub use export::{CodeRecord, DeviceRecord, MembershipRecord, MessageRecord, SecretRecord};
pub use license_keys::StoredLicenseKey;
pub use license_search::{LicenseFilter, LicensePage, LicensePlace};
pub use license_seats::{Claim, ClaimOutcome, Released};
pub use licenses::{LicenseChange, LicenseOnDevice, NewLicense};
pub use limits::{Hit, HitOutcome};
pub use members::{BelongingPage, Joined};
pub use otp::{ConsumedOtp, FailedAttempt, NewOtpRequest, OtpStanding};
pub(crate) use outbox::tried;
pub use outbox::{MessageStanding, Report};
pub use secrets::{ConsumedSecret, NewOneTimeSecret};
pub use sessions::{EndedSessions, NewSession, Rotated, Rotation, SessionWithUser};
pub use sms_usage::{SmsAlarm, SmsPeriod};
pub use stats::DayPart;
pub use user_change::UserContacts;
pub use user_search::{UserFilter, UserPlace};
pub use users::NewUser;

/// Reads the data of one app.
pub struct AppRead<'a> {
    pub(crate) connection: &'a mut dyn Connection,
    pub(crate) app_id: AppId,
}

impl<'a> AppRead<'a> {
    pub(crate) fn new(connection: &'a mut dyn Connection, app_id: AppId) -> Self {
        Self { connection, app_id }
    }

    /// Which app.
    #[must_use]
    pub const fn app_id(&self) -> AppId {
        self.app_id
    }

    /// Whether the app is active and still at the version a cached copy was read at. A write that
    /// was authorised by that copy must not go on when it is not.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn is_current(&mut self, version: i64) -> Result<bool, StoreError> {
        const SQL: &str = "SELECT 1 FROM apps WHERE id = $1 AND version = $2 AND status = 'active'";
        Ok(!self
            .connection
            .query(SQL, &[self.app_id.into(), version.into()])?
            .is_empty())
    }
}

/// Reads and writes the data of one app.
pub struct AppWrite<'a>(AppRead<'a>);

impl<'a> AppWrite<'a> {
    pub(crate) fn new(connection: &'a mut dyn Connection, app_id: AppId) -> Self {
        Self(AppRead::new(connection, app_id))
    }
}

impl<'a> std::ops::Deref for AppWrite<'a> {
    type Target = AppRead<'a>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl std::ops::DerefMut for AppWrite<'_> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}
