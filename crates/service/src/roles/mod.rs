//! Roles: given and taken in an organization, and defined per app.

mod assign;
mod define;

pub(crate) use assign::grant;
pub use assign::{RoleChange, assign, revoke};
pub use define::{DefineRole, DeleteRole, RoleInfo, define, delete, list};
