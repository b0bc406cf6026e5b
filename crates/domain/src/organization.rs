//! Organizations inside an app (`tenant` on the wire) and their members.

use serde::{Deserialize, Serialize};

use crate::ids::{TenantId, UserId};
use crate::role::RoleName;
use crate::time::Timestamp;

/// An organization.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Organization {
    /// Its id.
    pub id: TenantId,
    /// Its name for people (see [`crate::app::parse_name`]); two may have the same.
    pub name: String,
    /// Grows with every change of the organization itself.
    pub version: i64,
    /// Creation.
    pub created_at: Timestamp,
    /// Last change.
    pub updated_at: Timestamp,
    /// Since then it goes into no token, and nobody joins it.
    pub archived_at: Option<Timestamp>,
}

/// A member of an organization: has at least one role in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Who.
    pub user_id: UserId,
    /// Since when.
    pub joined_at: Timestamp,
    /// With which roles, in order of their names.
    pub roles: Vec<RoleName>,
}

/// What a user is in one organization.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Belonging {
    /// The organization.
    pub tenant_id: TenantId,
    /// The user's roles in it, in order of their names.
    pub roles: Vec<RoleName>,
}
