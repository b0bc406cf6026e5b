//! What an app says of its roles.

use std::collections::BTreeSet;

use doorward_domain::Timestamp;
use doorward_domain::role::{Permission, RoleDefinition, RoleName};

use super::AppWrite;
use crate::error::StoreError;
use crate::value::Row;

/// A role from the columns name, description, permissions.
pub(crate) fn role_definition(mut row: Row) -> Result<(RoleName, RoleDefinition), StoreError> {
    let name = RoleName::parse(&row.take::<String>()?).map_err(StoreError::decode)?;
    let description = row.take()?;
    let permissions: BTreeSet<Permission> = serde_json::from_str(&row.take::<String>()?)
        .map_err(|error| StoreError::Decode(format!("permissions of a role: {error}")))?;
    let definition = RoleDefinition {
        description,
        permissions,
    };
    Ok((name, definition))
}

impl AppWrite<'_> {
    /// Says what a role permits, whether or not something was said of it before.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn put_role(
        &mut self,
        name: &RoleName,
        definition: &RoleDefinition,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        const SQL: &str = "INSERT INTO app_roles (app_id, name, description, permissions, \
             created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $5) \
             ON CONFLICT (app_id, name) DO UPDATE SET description = excluded.description, \
             permissions = excluded.permissions, updated_at = excluded.updated_at";
        let permissions = serde_json::to_string(&definition.permissions)
            .map_err(|error| StoreError::Internal(format!("permissions: {error}")))?;
        let params = [
            self.app_id.into(),
            name.as_str().into(),
            (&definition.description).into(),
            (&permissions).into(),
            now.into(),
        ];
        self.connection.execute(SQL, &params).map(|_| ())
    }

    /// Forgets what was said of a role; `false` when nothing was. A custom role that somebody has
    /// cannot be forgotten.
    ///
    /// # Errors
    /// [`StoreError::Constraint`] when somebody has it.
    pub fn delete_role(&mut self, name: &RoleName) -> Result<bool, StoreError> {
        const SQL: &str = "DELETE FROM app_roles WHERE app_id = $1 AND name = $2";
        let params = [self.app_id.into(), name.as_str().into()];
        Ok(self.connection.execute(SQL, &params)? == 1)
    }
}
