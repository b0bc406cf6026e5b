//! Roles inside an organization, and the permissions an app ties to them.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// The roles every app has. What each permits is said by the app.
pub const BUILT_IN: [&str; 4] = ["owner", "admin", "staff", "viewer"];

/// Roles that an app may define beside the built-in ones, at most.
pub const MAX_CUSTOM_ROLES: usize = 64;

/// Permissions of one role, at most: all of a user's ride in its token.
pub const MAX_PERMISSIONS: usize = 64;

/// What the names of all permissions of an app come to, in bytes of JSON, at most. A member with
/// every role carries them all in its token, and a token that is too long is refused everywhere.
pub const MAX_PERMISSIONS_LEN: usize = 4_096;

/// Members' roles in one organization, at most.
pub const MAX_ROLES_OF_MEMBER: usize = 16;

/// The name of a role.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct RoleName(String);

impl RoleName {
    /// What one looks like, for people.
    pub const RULE: &'static str =
        "Must be 1 to 32 characters of a-z, 0-9, _ and -, starting with a letter";

    /// The role nobody may be the last to lose.
    #[must_use]
    pub fn owner() -> Self {
        Self("owner".to_owned())
    }

    /// Parses one.
    ///
    /// # Errors
    /// [`RoleName::RULE`] when it does not look like one.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        if (1..=32).contains(&text.len()) && is_word(text, b"_-") {
            Ok(Self(text.to_owned()))
        } else {
            Err(Self::RULE)
        }
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether every app has it.
    #[must_use]
    pub fn is_built_in(&self) -> bool {
        BUILT_IN.contains(&self.as_str())
    }

    /// Whether it is the owner's.
    #[must_use]
    pub fn is_owner(&self) -> bool {
        self.0 == "owner"
    }
}

impl std::fmt::Display for RoleName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// The name of something that may be done, e.g. `invoices:write`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Permission(String);

impl Permission {
    /// What one looks like, for people.
    pub const RULE: &'static str =
        "Must be 1 to 64 characters of a-z, 0-9, _, -, . and :, starting with a letter";

    /// Parses one.
    ///
    /// # Errors
    /// [`Permission::RULE`] when it does not look like one.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        if (1..=64).contains(&text.len()) && is_word(text, b"_-.:") {
            Ok(Self(text.to_owned()))
        } else {
            Err(Self::RULE)
        }
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Lower-case letters, digits and the characters of `more`, beginning with a letter.
pub(crate) fn is_word(text: &str, more: &[u8]) -> bool {
    text.as_bytes().first().is_some_and(u8::is_ascii_lowercase)
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || more.contains(&b))
}

/// What an app says of a role.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct RoleDefinition {
    /// For people (at most 200 characters).
    pub description: String,
    /// What the role permits.
    pub permissions: BTreeSet<Permission>,
}

/// What an app says of its roles. A built-in role that it says nothing of permits nothing by name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RoleBook(BTreeMap<RoleName, RoleDefinition>);

impl RoleBook {
    /// Whether there is such a role.
    #[must_use]
    pub fn contains(&self, role: &RoleName) -> bool {
        role.is_built_in() || self.0.contains_key(role)
    }

    /// What the app says of a role.
    #[must_use]
    pub fn definition(&self, role: &RoleName) -> Option<&RoleDefinition> {
        self.0.get(role)
    }

    /// All that the app says something of.
    pub fn iter(&self) -> impl Iterator<Item = (&RoleName, &RoleDefinition)> {
        self.0.iter()
    }

    /// How many custom roles there are.
    #[must_use]
    pub fn custom_count(&self) -> usize {
        self.0.keys().filter(|name| !name.is_built_in()).count()
    }

    /// Bytes of JSON that the names of all permissions come to, each counted once, were this role
    /// defined like this.
    #[must_use]
    pub fn permissions_len_with(&self, role: &RoleName, definition: &RoleDefinition) -> usize {
        let others = self.0.iter().filter(|(name, _)| *name != role);
        let names: BTreeSet<&Permission> = others
            .flat_map(|(_, other)| &other.permissions)
            .chain(&definition.permissions)
            .collect();
        // Two quotes and a comma.
        names.iter().map(|name| name.as_str().len() + 3).sum()
    }

    /// What all of these roles permit together, each permission once, in order.
    #[must_use]
    pub fn permissions<'a>(&'a self, roles: &[RoleName]) -> Vec<&'a str> {
        let all: BTreeSet<&str> = roles
            .iter()
            .filter_map(|role| self.0.get(role))
            .flat_map(|definition| definition.permissions.iter().map(Permission::as_str))
            .collect();
        all.into_iter().collect()
    }
}

impl FromIterator<(RoleName, RoleDefinition)> for RoleBook {
    fn from_iter<I: IntoIterator<Item = (RoleName, RoleDefinition)>>(iter: I) -> Self {
        Self(iter.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for good in ["owner", "a", "team-lead_2"] {
            assert_eq!(RoleName::parse(good).unwrap().as_str(), good);
        }
        let long = "a".repeat(33);
        for bad in [
            "",
            "Owner",
            "2nd",
            "-a",
            "a b",
            "a:b",
            "ä",
            "a\"",
            long.as_str(),
        ] {
            assert!(RoleName::parse(bad).is_err(), "{bad}");
        }
        assert!(Permission::parse("invoices:write.own").is_ok());
        for bad in ["", "Invoices", ":a", "a b", "a*", "a,b"] {
            assert!(Permission::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn permissions_of_several_roles_are_joined() {
        let definition = |names: &[&str]| RoleDefinition {
            description: String::new(),
            permissions: names
                .iter()
                .map(|name| Permission::parse(name).unwrap())
                .collect(),
        };
        let role = |name: &str| RoleName::parse(name).unwrap();
        let book: RoleBook = [
            (role("admin"), definition(&["b", "a"])),
            (role("editor"), definition(&["c", "b"])),
        ]
        .into_iter()
        .collect();
        assert_eq!(
            book.permissions(&[role("editor"), role("admin"), role("viewer")]),
            ["a", "b", "c"]
        );
        assert!(book.permissions(&[role("viewer")]).is_empty());
        assert!(book.contains(&role("viewer")) && book.contains(&role("editor")));
        assert!(!book.contains(&role("lector")));
        assert_eq!(book.custom_count(), 1);
        // ["a","b","c"] and one comma more; a role defined anew counts as it will be.
        assert_eq!(
            book.permissions_len_with(&role("viewer"), &definition(&["c"])),
            12
        );
        assert_eq!(
            book.permissions_len_with(&role("editor"), &definition(&["long"])),
            15
        );
    }
}
