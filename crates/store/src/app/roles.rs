//! What an app says of its roles.

use std::collections::BTreeSet;

use doorward_domain::role::{Permission, RoleDefinition, RoleName};

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
