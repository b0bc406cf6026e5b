//! Finding licences, and the devices on one.

use doorward_domain::license::{Activation, License, LicenseState, ReleaseReason};
use doorward_domain::{ActivationId, LicenseId, TenantId, Timestamp, UserId};

use super::AppRead;
use super::licenses::license;
use crate::error::StoreError;
use crate::value::Row;

/// Which licences to read, newest first. What is absent does not matter.
#[derive(Debug, Clone, Default)]
pub struct LicenseFilter {
    /// Only this user's.
    pub user_id: Option<UserId>,
    /// Only this organization's.
    pub tenant_id: Option<TenantId>,
    /// Only what was sold to exactly this.
    pub issued_to: Option<String>,
    /// Only what is called something that begins so.
    pub label_prefix: Option<String>,
    /// Only what stands so.
    pub state: Option<LicenseState>,
    /// Only keys that end so.
    pub key_hint: Option<String>,
    /// Only licences older than this one (a cursor).
    pub before: Option<LicenseId>,
    /// At most so many.
    pub limit: u32,
}

/// One statement for each filter that an index serves; the others are conditions beside it.
macro_rules! list {
    ($lead:literal) => {
        concat!(
            "SELECT l.id, l.key_hint, l.label, l.issued_to, l.tenant_id, l.user_id, \
             l.status, l.status_reason, l.status_changed_at, l.max_activations, \
             l.activations_used - (SELECT COUNT(*) FROM license_activations a WHERE a.app_id = $1 \
             AND a.license_id = l.id AND a.slot_returned = FALSE AND a.released_at IS NOT NULL \
             AND a.slot_free_at <= $2), l.expires_at, l.entitlements, l.metadata, l.version, \
             l.created_at, l.updated_at FROM licenses l WHERE l.app_id = $1 AND l.id < $3",
            $lead,
            " AND (CAST($4 AS UUID) IS NULL OR l.user_id = $4) \
             AND (CAST($5 AS UUID) IS NULL OR l.tenant_id = $5) \
             AND (CAST($6 AS TEXT) IS NULL OR l.issued_to = $6) \
             AND (CAST($7 AS TEXT) IS NULL OR (l.label >= $7 AND l.label < $8)) \
             AND (CAST($9 AS TEXT) IS NULL OR l.key_hint = $9) \
             AND (CAST($10 AS TEXT) IS NULL OR $10 = CASE WHEN l.status <> 'active' THEN l.status \
             WHEN l.expires_at <= $2 THEN 'expired' ELSE (SELECT CASE \
             WHEN l.activations_used - COUNT(*) = 0 THEN 'issued' \
             WHEN l.activations_used - COUNT(*) >= l.max_activations THEN 'full' \
             ELSE 'active' END FROM license_activations a WHERE a.app_id = $1 \
             AND a.license_id = l.id AND a.slot_returned = FALSE AND a.released_at IS NOT NULL \
             AND a.slot_free_at <= $2) END) ORDER BY l.id DESC LIMIT $11"
        )
    };
}

fn activation(mut row: Row) -> Result<Activation, StoreError> {
    let (id, license_id, device_label) = (row.take()?, row.take()?, row.take()?);
    let (created_at, last_seen_at) = (row.take()?, row.take()?);
    let released = match (row.take::<Option<_>>()?, row.take::<Option<String>>()?) {
        (None, _) => None,
        (Some(at), reason) => {
            let reason = reason
                .as_deref()
                .and_then(ReleaseReason::from_stored)
                .ok_or_else(|| StoreError::decode("an unknown reason of a release"))?;
            Some((at, reason))
        }
    };
    Ok(Activation {
        id,
        license_id,
        device_label,
        created_at,
        last_seen_at,
        released,
        slot_free_at: row.take()?,
    })
}

impl AppRead<'_> {
    /// Licences of this app, newest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn licenses(
        &mut self,
        filter: &LicenseFilter,
        now: Timestamp,
    ) -> Result<Vec<License>, StoreError> {
        let sql = if filter.user_id.is_some() {
            list!(" AND l.user_id = $4")
        } else if filter.issued_to.is_some() {
            list!(" AND l.issued_to = $6")
        } else if filter.label_prefix.is_some() {
            list!(" AND l.label >= $7 AND l.label < $8")
        } else if filter.tenant_id.is_some() {
            list!(" AND l.tenant_id = $5")
        } else {
            list!("")
        };
        let before = filter
            .before
            .unwrap_or(LicenseId::from_uuid(uuid::Uuid::max()));
        // Nothing sorts after the last character there is.
        let label_end = filter
            .label_prefix
            .as_ref()
            .map(|prefix| format!("{prefix}\u{10FFFF}"));
        let params = [
            self.app_id.into(),
            now.into(),
            before.into(),
            filter.user_id.into(),
            filter.tenant_id.into(),
            filter.issued_to.as_deref().into(),
            filter.label_prefix.as_deref().into(),
            label_end.as_deref().into(),
            filter.key_hint.as_deref().into(),
            filter.state.map(LicenseState::as_str).into(),
            filter.limit.into(),
        ];
        let rows = self.connection.query(sql, &params)?;
        rows.into_iter().map(license).collect()
    }

    /// A device's slot of this app, whatever has become of it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn activation(&mut self, id: ActivationId) -> Result<Option<Activation>, StoreError> {
        const SQL: &str = "SELECT id, license_id, device_label, created_at, last_seen_at, \
             released_at, release_reason, slot_free_at FROM license_activations \
             WHERE app_id = $1 AND id = $2";
        let rows = self
            .connection
            .query(SQL, &[self.app_id.into(), id.into()])?;
        rows.into_iter().next().map(activation).transpose()
    }

    /// The devices that hold a slot of a licence at `now`, those that cool off included, in order
    /// of their activation, after the given one.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn activations(
        &mut self,
        license_id: LicenseId,
        after: Option<ActivationId>,
        limit: u32,
        now: Timestamp,
    ) -> Result<Vec<Activation>, StoreError> {
        const SQL: &str = "SELECT id, license_id, device_label, created_at, last_seen_at, \
             released_at, release_reason, slot_free_at FROM license_activations \
             WHERE app_id = $1 AND license_id = $2 AND id > $3 AND slot_returned = FALSE \
             AND (released_at IS NULL OR slot_free_at > $4) ORDER BY id LIMIT $5";
        let after = after.unwrap_or(ActivationId::from_uuid(uuid::Uuid::nil()));
        let params = [
            self.app_id.into(),
            license_id.into(),
            after.into(),
            now.into(),
            limit.into(),
        ];
        let rows = self.connection.query(SQL, &params)?;
        rows.into_iter().map(activation).collect()
    }
}
