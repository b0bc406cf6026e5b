//! Licences.

use doorward_domain::entitlement::Entitlements;
use doorward_domain::license::{License, LicenseStatus};
use doorward_domain::{ActivationId, LicenseId, TenantId, Timestamp, UserId};
use serde_json::{Map, Value};

use super::{AppRead, AppWrite};
use crate::error::StoreError;
use crate::value::Row;

/// A licence to be written: active, with no slot taken.
#[derive(Debug, Clone)]
pub struct NewLicense {
    /// Its id.
    pub id: LicenseId,
    /// Keyed hash of its key, the sealed key, and the end of the key; `None` where only its user
    /// holds it.
    pub key: Option<([u8; 32], Vec<u8>, String)>,
    /// A name for people.
    pub label: Option<String>,
    /// Whom it was sold to.
    pub issued_to: Option<String>,
    /// The organization it belongs to.
    pub tenant_id: Option<TenantId>,
    /// The user it belongs to.
    pub user_id: Option<UserId>,
    /// Device slots (1 to 100,000).
    pub max_activations: i64,
    /// Its end.
    pub expires_at: Option<Timestamp>,
    /// What it entitles to.
    pub entitlements: Entitlements,
    /// Anything the app keeps with it.
    pub metadata: Map<String, Value>,
    /// Creation.
    pub created_at: Timestamp,
}

/// New terms of a licence: all of them, as they shall be.
#[derive(Debug, Clone)]
pub struct LicenseChange {
    /// Which.
    pub id: LicenseId,
    /// The version the change was made against.
    pub expected_version: i64,
    /// A name for people.
    pub label: Option<String>,
    /// Whom it was sold to.
    pub issued_to: Option<String>,
    /// Device slots.
    pub max_activations: i64,
    /// Its end.
    pub expires_at: Option<Timestamp>,
    /// What it entitles to.
    pub entitlements: Entitlements,
    /// Anything the app keeps with it.
    pub metadata: Map<String, Value>,
    /// Now.
    pub now: Timestamp,
}

/// What verifying asks for: a licence by its key, and a device on it.
#[derive(Debug, Clone, PartialEq)]
pub struct LicenseOnDevice {
    /// Its id.
    pub id: LicenseId,
    /// How it counts: suspended also while its user is switched off or deleted.
    pub status: LicenseStatus,
    /// Its end.
    pub expires_at: Option<Timestamp>,
    /// What it entitles to.
    pub entitlements: Entitlements,
    /// Anything the app keeps with it.
    pub metadata: Map<String, Value>,
    /// The device's slot and when it was last seen, if it has one.
    pub activation: Option<(ActivationId, Timestamp)>,
}

const BY_ID: &str = "SELECT l.id, l.key_hint, l.label, l.issued_to, l.tenant_id, l.user_id, \
     CASE WHEN l.status = 'active' AND l.user_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM users u \
     WHERE u.app_id = $1 AND u.id = l.user_id AND u.status = 'active') THEN 'held' \
     ELSE l.status END, l.status_reason, l.status_changed_at, l.max_activations, \
     l.activations_used - (SELECT COUNT(*) FROM license_activations a WHERE a.app_id = $1 \
     AND a.license_id = l.id AND a.slot_returned = FALSE AND a.released_at IS NOT NULL \
     AND a.slot_free_at <= $2), l.expires_at, l.entitlements, l.metadata, l.version, \
     l.created_at, l.updated_at FROM licenses l WHERE l.app_id = $1 AND l.id = $3";
const BY_KEY: &str = "SELECT l.id, l.key_hint, l.label, l.issued_to, l.tenant_id, l.user_id, \
     CASE WHEN l.status = 'active' AND l.user_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM users u \
     WHERE u.app_id = $1 AND u.id = l.user_id AND u.status = 'active') THEN 'held' \
     ELSE l.status END, l.status_reason, l.status_changed_at, l.max_activations, \
     l.activations_used - (SELECT COUNT(*) FROM license_activations a WHERE a.app_id = $1 \
     AND a.license_id = l.id AND a.slot_returned = FALSE AND a.released_at IS NOT NULL \
     AND a.slot_free_at <= $2), l.expires_at, l.entitlements, l.metadata, l.version, \
     l.created_at, l.updated_at FROM licenses l WHERE l.app_id = $1 AND l.key_hash = $3";

/// How a licence counts, and whether that is so because of its user: the statements say `held` of one
/// that is in use while its user is switched off or deleted.
fn status(row: &mut Row) -> Result<(LicenseStatus, bool), StoreError> {
    let text = row.take::<String>()?;
    if text == "held" {
        return Ok((LicenseStatus::Suspended, true));
    }
    LicenseStatus::from_stored(&text)
        .map(|status| (status, false))
        .ok_or_else(|| StoreError::decode("an unknown licence status"))
}

fn entitlements(row: &mut Row) -> Result<Entitlements, StoreError> {
    Entitlements::from_stored(&row.take::<String>()?)
        .map_err(|error| StoreError::Decode(format!("entitlements: {error}")))
}

fn metadata(row: &mut Row) -> Result<Map<String, Value>, StoreError> {
    serde_json::from_str(&row.take::<String>()?)
        .map_err(|error| StoreError::Decode(format!("metadata of a licence: {error}")))
}

/// From the columns of the statements above.
pub(super) fn license(mut row: Row) -> Result<License, StoreError> {
    let (id, key_hint, label, issued_to) = (row.take()?, row.take()?, row.take()?, row.take()?);
    let (tenant_id, user_id) = (row.take()?, row.take()?);
    let (status, held) = status(&mut row)?;
    let status_reason: Option<String> = row.take()?;
    Ok(License {
        id,
        key_hint,
        label,
        issued_to,
        tenant_id,
        user_id,
        status,
        status_reason: match held {
            true => Some(License::USER_INACTIVE.to_owned()),
            false => status_reason,
        },
        status_changed_at: row.take()?,
        max_activations: row.take()?,
        activations_used: row.take()?,
        expires_at: row.take()?,
        entitlements: entitlements(&mut row)?,
        metadata: metadata(&mut row)?,
        version: row.take()?,
        created_at: row.take()?,
        updated_at: row.take()?,
    })
}

impl AppRead<'_> {
    /// A licence of this app.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn license(
        &mut self,
        id: LicenseId,
        now: Timestamp,
    ) -> Result<Option<License>, StoreError> {
        let params = [self.app_id.into(), now.into(), id.into()];
        let rows = self.connection.query(BY_ID, &params)?;
        rows.into_iter().next().map(license).transpose()
    }

    /// A licence of this app by the keyed hash of its key.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn license_by_key(
        &mut self,
        key_hash: &[u8; 32],
        now: Timestamp,
    ) -> Result<Option<License>, StoreError> {
        let params = [self.app_id.into(), now.into(), key_hash.into()];
        let rows = self.connection.query(BY_KEY, &params)?;
        rows.into_iter().next().map(license).transpose()
    }

    /// A licence by the keyed hash of its key, and the live slot of a device on it: one statement,
    /// because programs ask for it at every start.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn license_on_device(
        &mut self,
        key_hash: &[u8; 32],
        device_hash: &[u8; 32],
    ) -> Result<Option<LicenseOnDevice>, StoreError> {
        const SQL: &str = "SELECT l.id, CASE WHEN l.status = 'active' AND l.user_id IS NOT NULL \
             AND NOT EXISTS (SELECT 1 FROM users u WHERE u.app_id = $1 AND u.id = l.user_id \
             AND u.status = 'active') THEN 'held' ELSE l.status END, l.expires_at, \
             l.entitlements, l.metadata, a.id, a.last_seen_at FROM licenses l \
             LEFT JOIN license_activations a ON a.app_id = l.app_id AND a.license_id = l.id \
             AND a.device_hash = $3 AND a.released_at IS NULL \
             WHERE l.app_id = $1 AND l.key_hash = $2";
        let params = [self.app_id.into(), key_hash.into(), device_hash.into()];
        let rows = self.connection.query(SQL, &params)?;
        rows.into_iter()
            .next()
            .map(|mut row| {
                Ok(LicenseOnDevice {
                    id: row.take()?,
                    status: status(&mut row)?.0,
                    expires_at: row.take()?,
                    entitlements: entitlements(&mut row)?,
                    metadata: metadata(&mut row)?,
                    activation: row
                        .take::<Option<_>>()?
                        .zip(row.take::<Option<Timestamp>>()?),
                })
            })
            .transpose()
    }

    /// The sealed key of a licence. `None` when the licence is unknown or has no key.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn sealed_license_key(&mut self, id: LicenseId) -> Result<Option<Vec<u8>>, StoreError> {
        const SQL: &str = "SELECT sealed_key FROM licenses WHERE app_id = $1 AND id = $2";
        let rows = self
            .connection
            .query(SQL, &[self.app_id.into(), id.into()])?;
        match rows.into_iter().next() {
            Some(mut row) => row.take(),
            None => Ok(None),
        }
    }

    /// How many licences of a user are not revoked.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn count_licenses_of_user(&mut self, user_id: UserId) -> Result<i64, StoreError> {
        const SQL: &str = "SELECT COUNT(*) FROM licenses \
             WHERE app_id = $1 AND user_id = $2 AND status <> 'revoked'";
        let params = [self.app_id.into(), user_id.into()];
        match self.connection.query(SQL, &params)?.into_iter().next() {
            Some(mut row) => row.take(),
            None => Ok(0),
        }
    }

    /// Whether the app has this organization, and it is in use.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn has_tenant(&mut self, id: TenantId) -> Result<bool, StoreError> {
        const SQL: &str = "SELECT 1 FROM organizations \
             WHERE app_id = $1 AND id = $2 AND archived_at IS NULL";
        let params = [self.app_id.into(), id.into()];
        Ok(!self.connection.query(SQL, &params)?.is_empty())
    }
}

impl AppWrite<'_> {
    /// Writes a licence.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn insert_license(&mut self, new: &NewLicense) -> Result<(), StoreError> {
        const SQL: &str = "INSERT INTO licenses (app_id, id, key_hash, sealed_key, key_hint, \
             label, issued_to, tenant_id, user_id, status, max_activations, activations_used, \
             expires_at, entitlements, metadata, version, created_at, updated_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'active', $10, 0, $11, $12, $13, 1, \
             $14, $14)";
        let (hash, sealed, hint) = match &new.key {
            Some((hash, sealed, hint)) => (Some(hash), Some(sealed), Some(hint)),
            None => (None, None, None),
        };
        let entitlements = new.entitlements.to_stored();
        let metadata = stored(&new.metadata)?;
        let app_id = self.app_id;
        self.connection.defer(
            SQL,
            &[
                app_id.into(),
                new.id.into(),
                hash.into(),
                sealed.into(),
                hint.into(),
                new.label.as_deref().into(),
                new.issued_to.as_deref().into(),
                new.tenant_id.into(),
                new.user_id.into(),
                new.max_activations.into(),
                new.expires_at.into(),
                (&entitlements).into(),
                (&metadata).into(),
                new.created_at.into(),
            ],
        )
    }

    /// Holds a licence until the transaction ends, so that nobody takes or gives back a slot of it
    /// meanwhile; `false` when it is unknown.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn hold_license(&mut self, id: LicenseId) -> Result<bool, StoreError> {
        const SQL: &str =
            "UPDATE licenses SET updated_at = updated_at WHERE app_id = $1 AND id = $2";
        let params = [self.app_id.into(), id.into()];
        Ok(self.connection.execute(SQL, &params)? == 1)
    }

    /// Changes the terms of a licence; `false` when it is unknown, its version has moved on, or
    /// more slots are taken than it would have.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn update_license(&mut self, change: &LicenseChange) -> Result<bool, StoreError> {
        const SQL: &str = "UPDATE licenses SET label = $4, issued_to = $5, max_activations = $6, \
             expires_at = $7, entitlements = $8, metadata = $9, version = version + 1, \
             updated_at = $10 WHERE app_id = $1 AND id = $2 AND version = $3 \
             AND activations_used <= $6";
        let entitlements = change.entitlements.to_stored();
        let metadata = stored(&change.metadata)?;
        let params = [
            self.app_id.into(),
            change.id.into(),
            change.expected_version.into(),
            change.label.as_deref().into(),
            change.issued_to.as_deref().into(),
            change.max_activations.into(),
            change.expires_at.into(),
            (&entitlements).into(),
            (&metadata).into(),
            change.now.into(),
        ];
        Ok(self.connection.execute(SQL, &params)? == 1)
    }

    /// Suspends, resumes or revokes a licence; `false` when it is unknown, has that status already,
    /// or is revoked, which nothing undoes.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn set_license_status(
        &mut self,
        id: LicenseId,
        status: LicenseStatus,
        reason: Option<&str>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        const SQL: &str = "UPDATE licenses SET status = $3, status_reason = $4, \
             status_changed_at = $5, version = version + 1, updated_at = $5 \
             WHERE app_id = $1 AND id = $2 AND status <> $3 AND status <> 'revoked'";
        let params = [
            self.app_id.into(),
            id.into(),
            status.as_str().into(),
            reason.into(),
            now.into(),
        ];
        Ok(self.connection.execute(SQL, &params)? == 1)
    }

    /// Replaces hash and sealed value of a key, which were made with a former master key; `false`
    /// when somebody else did.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn rekey_license(
        &mut self,
        id: LicenseId,
        former_hash: &[u8; 32],
        hash: &[u8; 32],
        sealed: &[u8],
    ) -> Result<bool, StoreError> {
        const SQL: &str = "UPDATE licenses SET key_hash = $4, sealed_key = $5 \
             WHERE app_id = $1 AND id = $2 AND key_hash = $3";
        let params = [
            self.app_id.into(),
            id.into(),
            former_hash.into(),
            hash.into(),
            sealed.into(),
        ];
        Ok(self.connection.execute(SQL, &params)? == 1)
    }
}

fn stored(metadata: &Map<String, Value>) -> Result<String, StoreError> {
    serde_json::to_string(metadata)
        .map_err(|error| StoreError::Internal(format!("metadata of a licence: {error}")))
}
