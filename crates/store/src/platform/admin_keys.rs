//! Operators' API keys.

use doorward_domain::scope::Scopes;
use doorward_domain::{AdminKeyId, Timestamp};

use super::{PlatformRead, PlatformWrite};
use crate::error::StoreError;
use crate::value::Row;

/// A key as stored: its hash only, which is left out where it is serialized.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub struct AdminKey {
    /// Its id, part of the key.
    pub id: AdminKeyId,
    /// A name for people.
    pub name: String,
    /// SHA-256 of the secret part.
    #[serde(skip)]
    pub key_hash: [u8; 32],
    /// What it may do.
    pub scopes: Scopes,
    /// Creation.
    pub created_at: Timestamp,
    /// End of life, if it has one.
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
    /// The last day it was used (whole days, so that use does not mean a write each time).
    pub last_used_on: Option<Timestamp>,
}

const BY_ID: &str = "SELECT id, name, key_hash, scopes, created_at, expires_at, revoked_at, \
     last_used_on FROM admin_keys WHERE id = $1";
const LIST: &str = "SELECT id, name, key_hash, scopes, created_at, expires_at, revoked_at, \
     last_used_on FROM admin_keys WHERE id > $1 ORDER BY id LIMIT $2";

fn key(mut row: Row) -> Result<AdminKey, StoreError> {
    Ok(AdminKey {
        id: row.take()?,
        name: row.take()?,
        key_hash: row.take()?,
        scopes: Scopes::from_stored(&row.take::<String>()?),
        created_at: row.take()?,
        expires_at: row.take()?,
        revoked_at: row.take()?,
        last_used_on: row.take()?,
    })
}

impl PlatformRead<'_> {
    /// A key.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn admin_key(&mut self, id: AdminKeyId) -> Result<Option<AdminKey>, StoreError> {
        self.connection
            .query(BY_ID, &[id.into()])?
            .into_iter()
            .next()
            .map(key)
            .transpose()
    }

    /// Keys in order of creation, after the given one.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn admin_keys(
        &mut self,
        after: Option<AdminKeyId>,
        limit: u32,
    ) -> Result<Vec<AdminKey>, StoreError> {
        let after = after.unwrap_or(AdminKeyId::from_uuid(uuid::Uuid::nil()));
        let rows = self.connection.query(LIST, &[after.into(), limit.into()])?;
        rows.into_iter().map(key).collect()
    }
}

impl PlatformWrite<'_> {
    /// Whether a key other than this one has all of the scopes, and is good beyond `then`. Whoever asks
    /// holds the answer until the transaction ends: nobody else revokes a key meanwhile.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn has_another_admin_key(
        &mut self,
        id: AdminKeyId,
        scopes: &Scopes,
        then: Timestamp,
    ) -> Result<bool, StoreError> {
        const SQL: &str = "SELECT 1 FROM admin_keys WHERE id <> $1 AND revoked_at IS NULL \
             AND (expires_at IS NULL OR expires_at > $2) \
             AND ' ' || REPLACE(scopes, ' ', '  ') || ' ' LIKE $3 LIMIT 1";
        self.bump_state()?;
        // Each name between spaces of its own, in the order in which all of them are stored.
        let names = scopes.names();
        let pattern: String = names.iter().map(|name| format!("% {name} ")).collect();
        let pattern = format!("{pattern}%");
        let params = [id.into(), then.into(), pattern.as_str().into()];
        Ok(!self.connection.query(SQL, &params)?.is_empty())
    }

    /// Writes a key.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn insert_admin_key(&mut self, key: &AdminKey) -> Result<(), StoreError> {
        const SQL: &str = "INSERT INTO admin_keys (id, name, key_hash, scopes, created_at, \
             expires_at) VALUES ($1, $2, $3, $4, $5, $6)";
        let scopes = key.scopes.to_stored();
        self.connection.defer(
            SQL,
            &[
                key.id.into(),
                (&key.name).into(),
                (&key.key_hash).into(),
                (&scopes).into(),
                key.created_at.into(),
                key.expires_at.into(),
            ],
        )
    }

    /// Revokes a key; `false` when it is unknown or revoked already.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn revoke_admin_key(&mut self, id: AdminKeyId, now: Timestamp) -> Result<bool, StoreError> {
        const SQL: &str =
            "UPDATE admin_keys SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL";
        Ok(self.connection.execute(SQL, &[id.into(), now.into()])? == 1)
    }

    /// Notes the day of use.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn admin_key_used(&mut self, id: AdminKeyId, day: Timestamp) -> Result<(), StoreError> {
        const SQL: &str = "UPDATE admin_keys SET last_used_on = $2 WHERE id = $1 \
             AND (last_used_on IS NULL OR last_used_on < $2)";
        self.connection.defer(SQL, &[id.into(), day.into()])
    }
}
