//! Licences: the right to run a program on a number of devices, or a user's right to features.

mod key;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::code::Code;
use crate::entitlement::Entitlements;
use crate::ids::{ActivationId, LicenseId, TenantId, UserId};
use crate::time::Timestamp;

pub use key::{LicenseKey, prefix};

/// Device slots of one licence, at most.
pub const MAX_ACTIVATIONS: i64 = 100_000;

/// Licences of one user that are not revoked, at most: all of their entitlements are joined at
/// every refresh.
pub const MAX_LICENSES_OF_USER: u32 = 20;

/// Licences generated in one call, at most.
pub const MAX_BATCH: i64 = 500;

/// Metadata of one licence as JSON, at most, in bytes.
pub const MAX_METADATA: usize = 8 * 1024;

/// What the app's backend has decided about a licence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LicenseStatus {
    /// In use.
    Active,
    /// Not in use until it is resumed.
    Suspended,
    /// Ended for good.
    Revoked,
}

impl LicenseStatus {
    /// As stored.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Suspended => "suspended",
            Self::Revoked => "revoked",
        }
    }

    /// From the stored form.
    #[must_use]
    pub fn from_stored(text: &str) -> Option<Self> {
        [Self::Active, Self::Suspended, Self::Revoked]
            .into_iter()
            .find(|status| status.as_str() == text)
    }
}

/// How a licence stands, as it is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LicenseState {
    /// No device has taken a slot yet.
    Issued,
    /// Devices have slots, and there are more.
    Active,
    /// Every slot is taken.
    Full,
    /// Past its end.
    Expired,
    /// Suspended.
    Suspended,
    /// Revoked.
    Revoked,
}

impl LicenseState {
    /// Every one.
    pub const ALL: [Self; 6] = [
        Self::Issued,
        Self::Active,
        Self::Full,
        Self::Expired,
        Self::Suspended,
        Self::Revoked,
    ];

    /// As shown and as searched for.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Issued => "issued",
            Self::Active => "active",
            Self::Full => "full",
            Self::Expired => "expired",
            Self::Suspended => "suspended",
            Self::Revoked => "revoked",
        }
    }

    /// Reads one.
    ///
    /// # Errors
    /// What is allowed.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        Self::ALL
            .into_iter()
            .find(|state| state.as_str() == text)
            .ok_or("Must be one of issued, active, full, expired, suspended, revoked")
    }
}

/// Why a licence cannot be used at `now`, if so: revoked before suspended before expired.
#[must_use]
pub fn refusal(
    status: LicenseStatus,
    expires_at: Option<Timestamp>,
    now: Timestamp,
) -> Option<Code> {
    match status {
        LicenseStatus::Revoked => Some(Code::LicenseRevoked),
        LicenseStatus::Suspended => Some(Code::LicenseSuspended),
        LicenseStatus::Active => expires_at
            .is_some_and(|end| end <= now)
            .then_some(Code::LicenseExpired),
    }
}

/// A licence. Serialized, it is without what it says of a person: so it is kept for callers who repeat
/// a call, where no erasure reaches it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct License {
    /// Its id.
    pub id: LicenseId,
    /// The last four characters of its key; `None` where only its user holds it.
    pub key_hint: Option<String>,
    /// A name for people.
    #[serde(skip)]
    pub label: Option<String>,
    /// Whom it was sold to, in the app's own words.
    #[serde(skip)]
    pub issued_to: Option<String>,
    /// The organization it belongs to.
    pub tenant_id: Option<TenantId>,
    /// The user in whose tokens its entitlements ride.
    pub user_id: Option<UserId>,
    /// How it counts: what was decided about it, and suspended also while its user is switched off
    /// or deleted.
    pub status: LicenseStatus,
    /// Why.
    #[serde(skip)]
    pub status_reason: Option<String>,
    /// Since when.
    pub status_changed_at: Option<Timestamp>,
    /// Device slots.
    pub max_activations: i64,
    /// Slots that are taken, those of released devices that cool off included.
    pub activations_used: i64,
    /// Its end, if it has one: dead exactly then.
    pub expires_at: Option<Timestamp>,
    /// What it entitles to.
    pub entitlements: Entitlements,
    /// Anything the app wants to keep with it.
    #[serde(skip)]
    pub metadata: Map<String, Value>,
    /// Grows with every change of its terms.
    pub version: i64,
    /// Creation.
    pub created_at: Timestamp,
    /// The last change of its terms or status.
    pub updated_at: Timestamp,
}

impl License {
    /// The reason of a licence that is suspended because of its user.
    pub const USER_INACTIVE: &'static str = "The user is switched off or deleted";

    /// Why it cannot be used, if so.
    #[must_use]
    pub fn refusal(&self, now: Timestamp) -> Option<Code> {
        refusal(self.status, self.expires_at, now)
    }

    /// How it stands.
    #[must_use]
    pub fn state(&self, now: Timestamp) -> LicenseState {
        match self.refusal(now) {
            Some(Code::LicenseRevoked) => LicenseState::Revoked,
            Some(Code::LicenseSuspended) => LicenseState::Suspended,
            Some(_) => LicenseState::Expired,
            None if self.activations_used == 0 => LicenseState::Issued,
            None if self.activations_used >= self.max_activations => LicenseState::Full,
            None => LicenseState::Active,
        }
    }
}

/// Why a device has lost its slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ReleaseReason {
    /// The app's backend or an operator took it back.
    Deactivated,
    /// The holder of the licence released it.
    SelfRelease,
}

impl ReleaseReason {
    /// As stored.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Deactivated => "deactivated",
            Self::SelfRelease => "self_release",
        }
    }

    /// From the stored form.
    #[must_use]
    pub fn from_stored(text: &str) -> Option<Self> {
        [Self::Deactivated, Self::SelfRelease]
            .into_iter()
            .find(|reason| reason.as_str() == text)
    }
}

/// A device's slot on a licence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Activation {
    /// Its id.
    pub id: ActivationId,
    /// On which licence.
    pub license_id: LicenseId,
    /// What its user calls it.
    pub device_label: Option<String>,
    /// When it was first seen.
    pub created_at: Timestamp,
    /// When it was last seen, to the hour.
    pub last_seen_at: Timestamp,
    /// When it was released, and why.
    pub released: Option<(Timestamp, ReleaseReason)>,
    /// From when on its slot is free again.
    pub slot_free_at: Option<Timestamp>,
}

/// What tells one device from another: an id that it keeps from its first installation on, or else
/// what it calls itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Device {
    /// A stable id.
    Id(String),
    /// The User-Agent, as a poor substitute.
    UserAgent(String),
}

impl Device {
    /// What an id looks like, for people.
    pub const RULE: &'static str =
        "Must be 1 to 200 visible characters; a UUID made at the first installation is best";

    /// Reads a device's id. A UUID has one spelling.
    ///
    /// # Errors
    /// [`Device::RULE`] when it does not look like one.
    pub fn parse_id(text: &str) -> Result<Self, &'static str> {
        if let Ok(uuid) = text.parse::<uuid::Uuid>() {
            return Ok(Self::Id(uuid.to_string()));
        }
        let visible = |c: char| !c.is_control() && !c.is_whitespace();
        if (1..=200).contains(&text.chars().count()) && text.chars().all(visible) {
            Ok(Self::Id(text.to_owned()))
        } else {
            Err(Self::RULE)
        }
    }

    /// Takes a User-Agent for want of an id, cut to 512 characters. `None` when it says nothing.
    #[must_use]
    pub fn from_user_agent(text: &str) -> Option<Self> {
        let cut: String = text.trim().chars().take(512).collect();
        (!cut.is_empty()).then_some(Self::UserAgent(cut))
    }
}

/// A line of text for people: 1 to 200 characters, no control characters, trimmed.
///
/// # Errors
/// What is wrong with it.
pub fn parse_line(text: &str) -> Result<String, &'static str> {
    let trimmed = text.trim();
    if trimmed.is_empty() || trimmed.chars().count() > 200 {
        Err("Must be 1 to 200 characters")
    } else if trimmed.chars().any(char::is_control) {
        Err("Must not contain control characters")
    } else {
        Ok(trimmed.to_owned())
    }
}

/// Metadata: any object of up to 8 KiB.
///
/// # Errors
/// What is wrong with it.
pub fn parse_metadata(value: Value) -> Result<Map<String, Value>, &'static str> {
    let Value::Object(object) = value else {
        return Err("Must be an object");
    };
    let long = serde_json::to_string(&object).map_or(true, |text| text.len() > MAX_METADATA);
    if long {
        Err("Must be at most 8192 bytes of JSON")
    } else {
        Ok(object)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn license() -> License {
        let at: Timestamp = "2026-01-02T03:04:05Z".parse().unwrap();
        License {
            id: LicenseId::from_uuid(uuid::Uuid::nil()),
            key_hint: None,
            label: None,
            issued_to: None,
            tenant_id: None,
            user_id: None,
            status: LicenseStatus::Active,
            status_reason: None,
            status_changed_at: None,
            max_activations: 2,
            activations_used: 0,
            expires_at: None,
            entitlements: Entitlements::default(),
            metadata: Map::new(),
            version: 1,
            created_at: at,
            updated_at: at,
        }
    }

    #[test]
    fn how_a_licence_stands() {
        let now = license().created_at;
        let with = |change: fn(&mut License)| {
            let mut license = license();
            change(&mut license);
            (license.state(now), license.refusal(now))
        };
        use LicenseState as S;
        assert_eq!(with(|_| {}), (S::Issued, None));
        assert_eq!(with(|l| l.activations_used = 1), (S::Active, None));
        assert_eq!(with(|l| l.activations_used = 2), (S::Full, None));
        let expired = Some(Code::LicenseExpired);
        assert_eq!(
            with(|l| l.expires_at = Some(l.created_at)),
            (S::Expired, expired)
        );
        assert_eq!(
            with(|l| {
                l.expires_at = Some(l.created_at);
                l.status = LicenseStatus::Suspended;
            }),
            (S::Suspended, Some(Code::LicenseSuspended))
        );
        assert_eq!(
            with(|l| {
                l.expires_at = Some(l.created_at);
                l.status = LicenseStatus::Revoked;
            }),
            (S::Revoked, Some(Code::LicenseRevoked))
        );
    }

    /// What is kept for repeated calls is reached by no erasure.
    #[test]
    fn serialized_it_says_nothing_of_a_person() {
        let of_ada = License {
            label: Some("Ada's licence".to_owned()),
            issued_to: Some("ada@example.com".to_owned()),
            status_reason: Some("Ada did not pay".to_owned()),
            metadata: parse_metadata(json!({"mail": "ada@example.com"})).unwrap(),
            ..license()
        };
        let kept = serde_json::to_string(&of_ada).unwrap();
        assert!(!kept.to_lowercase().contains("ada"), "{kept}");
        assert_eq!(serde_json::from_str::<License>(&kept).unwrap(), license());
    }

    #[test]
    fn devices() {
        let uuid = "01890A5D-AC96-774B-BCCE-B302099A8057";
        assert_eq!(
            Device::parse_id(uuid),
            Device::parse_id(&uuid.to_lowercase())
        );
        assert!(Device::parse_id("laptop-7").is_ok());
        for bad in ["", "a b", "a\n", &"x".repeat(201)] {
            assert!(Device::parse_id(bad).is_err(), "{bad}");
        }
        assert_eq!(Device::from_user_agent("  "), None);
        assert!(Device::from_user_agent("App/1.0 (Windows)").is_some());
    }

    #[test]
    fn metadata_is_bounded() {
        assert!(parse_metadata(json!({"order": {"id": 7}})).is_ok());
        assert!(parse_metadata(json!([])).is_err());
        assert!(parse_metadata(json!({"a": "x".repeat(MAX_METADATA)})).is_err());
    }
}
