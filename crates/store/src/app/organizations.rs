//! Organizations of an app.

use doorward_domain::organization::Organization;
use doorward_domain::{TenantId, Timestamp};

use super::{AppRead, AppWrite};
use crate::error::StoreError;
use crate::value::Row;

fn organization(mut row: Row) -> Result<Organization, StoreError> {
    Ok(Organization {
        id: row.take()?,
        name: row.take()?,
        version: row.take()?,
        created_at: row.take()?,
        updated_at: row.take()?,
        archived_at: row.take()?,
    })
}

impl AppRead<'_> {
    /// An organization of this app, archived or not.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn organization(&mut self, id: TenantId) -> Result<Option<Organization>, StoreError> {
        const SQL: &str = "SELECT id, name, version, created_at, updated_at, archived_at \
             FROM organizations WHERE app_id = $1 AND id = $2";
        let rows = self
            .connection
            .query(SQL, &[self.app_id.into(), id.into()])?;
        rows.into_iter().next().map(organization).transpose()
    }

    /// Organizations in order of creation, after the given one.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn organizations(
        &mut self,
        after: Option<TenantId>,
        limit: u32,
    ) -> Result<Vec<Organization>, StoreError> {
        const SQL: &str = "SELECT id, name, version, created_at, updated_at, archived_at \
             FROM organizations WHERE app_id = $1 AND id > $2 ORDER BY id LIMIT $3";
        let after = after.unwrap_or(TenantId::from_uuid(uuid::Uuid::nil()));
        let params = [self.app_id.into(), after.into(), limit.into()];
        let rows = self.connection.query(SQL, &params)?;
        rows.into_iter().map(organization).collect()
    }
}

impl AppWrite<'_> {
    /// Creates an organization at version 1.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn insert_organization(
        &mut self,
        id: TenantId,
        name: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        const SQL: &str = "INSERT INTO organizations (app_id, id, name, version, created_at, \
             updated_at) VALUES ($1, $2, $3, 1, $4, $4)";
        let params = [self.app_id.into(), id.into(), name.into(), now.into()];
        self.connection.execute(SQL, &params).map(|_| ())
    }

    /// Renames an organization; `false` when it is unknown, or has moved on from the version that
    /// the change was made against.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn rename_organization(
        &mut self,
        id: TenantId,
        expected_version: i64,
        name: &str,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        const SQL: &str = "UPDATE organizations SET name = $4, updated_at = $5, \
             version = version + 1 WHERE app_id = $1 AND id = $2 AND version = $3";
        let params = [
            self.app_id.into(),
            id.into(),
            expected_version.into(),
            name.into(),
            now.into(),
        ];
        Ok(self.connection.execute(SQL, &params)? == 1)
    }

    /// Archives an organization, or takes it into use again; `false` when it is unknown or is so
    /// already.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn set_organization_archived(
        &mut self,
        id: TenantId,
        archived: bool,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        const ARCHIVE: &str = "UPDATE organizations SET archived_at = $3, updated_at = $3, \
             version = version + 1 WHERE app_id = $1 AND id = $2 AND archived_at IS NULL";
        const RESTORE: &str = "UPDATE organizations SET archived_at = NULL, updated_at = $3, \
             version = version + 1 WHERE app_id = $1 AND id = $2 AND archived_at IS NOT NULL";
        let sql = if archived { ARCHIVE } else { RESTORE };
        let params = [self.app_id.into(), id.into(), now.into()];
        Ok(self.connection.execute(sql, &params)? == 1)
    }

    /// Holds an organization until the transaction ends: whoever changes its members waits. `false`
    /// when it is unknown, or archived and not asked for.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn hold_organization(
        &mut self,
        id: TenantId,
        even_archived: bool,
    ) -> Result<bool, StoreError> {
        const SQL: &str = "UPDATE organizations SET updated_at = updated_at \
             WHERE app_id = $1 AND id = $2 AND (archived_at IS NULL OR $3)";
        let params = [self.app_id.into(), id.into(), even_archived.into()];
        Ok(self.connection.execute(SQL, &params)? == 1)
    }
}
