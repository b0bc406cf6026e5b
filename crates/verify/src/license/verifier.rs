//! Judges licence files, without network and without a clock of its own.

use jiff::Timestamp;
use uuid::Uuid;

use super::armour::unwrapped;
use super::device::device_hash;
use super::file::License;
use super::last_seen::LastSeen;
use super::reason::LicenseReason;
use super::{LICENSE_TYP, MAX_LICENSE_FILE_LEN};
use crate::error::Reason;
use crate::jwks::JwksSet;
use crate::jws;

/// Tolerance for a clock that is behind, unless set otherwise, in seconds.
const DEFAULT_TOLERANCE_SECONDS: u32 = 300;
/// The most that can be set.
const MAX_TOLERANCE_SECONDS: u32 = 86_400;

/// Why a verifier cannot be built.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LicenseBuildError {
    /// The app's id is the nil UUID.
    #[error("the app's id must not be nil")]
    App,
    /// More than a day of tolerance.
    #[error("the clock tolerance must be at most 86,400 seconds")]
    Tolerance,
}

/// A genuine licence of this app, and all that speaks against using it here and now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assessment {
    /// The licence.
    pub license: License,
    /// The most telling reason first; empty when the licence may be used.
    pub reasons: Vec<LicenseReason>,
}

/// Verifies the licence files of one app.
#[derive(Debug, Clone)]
pub struct LicenseVerifier {
    app_id: Uuid,
    keys: JwksSet,
    tolerance: i64,
}

impl LicenseVerifier {
    /// A verifier for this app, with its public keys (`GET /apps/{app_id}/license-keys.json`, built
    /// into the program). They must be the app's licence keys and no others: a key of somebody
    /// else's among them makes licences for everybody.
    ///
    /// # Errors
    /// [`LicenseBuildError::App`].
    pub fn new(app_id: Uuid, keys: JwksSet) -> Result<Self, LicenseBuildError> {
        if app_id.is_nil() {
            return Err(LicenseBuildError::App);
        }
        Ok(Self {
            app_id,
            keys,
            tolerance: i64::from(DEFAULT_TOLERANCE_SECONDS),
        })
    }

    /// How far the clock may be behind the time last seen and the time at which a file was made, in
    /// whole seconds: 0 to 86,400, by default 300. It never prolongs a file.
    ///
    /// # Errors
    /// [`LicenseBuildError::Tolerance`].
    pub fn clock_tolerance_seconds(mut self, seconds: u32) -> Result<Self, LicenseBuildError> {
        if seconds > MAX_TOLERANCE_SECONDS {
            return Err(LicenseBuildError::Tolerance);
        }
        self.tolerance = i64::from(seconds);
        Ok(self)
    }

    /// The licence in a file, if it may be used on this device now.
    ///
    /// # Errors
    /// The first [`LicenseReason`] that speaks against it.
    pub fn verify(
        &self,
        file: &str,
        device_id: &str,
        now: Timestamp,
        seen: &mut impl LastSeen,
    ) -> Result<License, LicenseReason> {
        let assessment = self.assess(file, device_id, now, seen)?;
        match assessment.reasons.first() {
            None => Ok(assessment.license),
            Some(reason) => Err(*reason),
        }
    }

    /// The advisory mode: any genuine licence of this app, together with what speaks against using
    /// it, for a program that warns instead of stopping.
    ///
    /// # Errors
    /// Only for a file that proves nothing: no licence file, another type, an unknown key, a wrong
    /// signature, another app.
    pub fn assess(
        &self,
        file: &str,
        device_id: &str,
        now: Timestamp,
        seen: &mut impl LastSeen,
    ) -> Result<Assessment, LicenseReason> {
        let license = self.genuine(file)?;
        let mut reasons = Vec::new();
        if license.device != device_hash(self.app_id, device_id) {
            reasons.push(LicenseReason::OtherDevice);
        }
        let (before, readable) = match seen.load() {
            Ok(before) => (before, true),
            Err(_) => (None, false),
        };
        let latest = now.as_second().saturating_add(self.tolerance);
        if before.is_some_and(|before| before.as_second() > latest) {
            reasons.push(LicenseReason::ClockSetBack);
        }
        let made = license.issued_at.max(license.not_before);
        if made.as_second() > latest {
            reasons.push(LicenseReason::NotYetValid);
        }
        // The file proves that it was this late when it was made, whatever the clock shows.
        let proved = license.issued_at.max(before.unwrap_or(license.issued_at));
        let at = now.max(proved);
        if license.license_expires_at.is_some_and(|end| end <= at) {
            reasons.push(LicenseReason::LicenseExpired);
        }
        if license.expires_at <= at && license.license_expires_at != Some(license.expires_at) {
            reasons.push(LicenseReason::FileExpired);
        }
        // A clock that runs years ahead must not lock its owner out for years: it is believed only
        // up to the end of a file that may be used.
        let learnt = if reasons.is_empty() { at } else { proved };
        let kept = readable
            && (before.is_some_and(|before| learnt.as_second() <= before.as_second())
                || seen.save(learnt).is_ok());
        if !kept {
            let place = reasons
                .iter()
                .take_while(|reason| **reason == LicenseReason::OtherDevice);
            reasons.insert(place.count(), LicenseReason::ClockRecord);
        }
        Ok(Assessment { license, reasons })
    }

    fn genuine(&self, file: &str) -> Result<License, LicenseReason> {
        if file.len() > MAX_LICENSE_FILE_LEN {
            return Err(Reason::TooLarge.into());
        }
        let jws = unwrapped(file).ok_or(Reason::NotCompact)?;
        let jws = jws::verify_typed(&jws, LICENSE_TYP, &self.keys, MAX_LICENSE_FILE_LEN)?;
        // From here on it is signed: a fault in it is not a wrong type or key.
        let license = License::parse(&jws.payload).map_err(LicenseReason::NotALicense)?;
        if license.app_id != self.app_id {
            return Err(LicenseReason::OtherApp);
        }
        Ok(license)
    }
}
