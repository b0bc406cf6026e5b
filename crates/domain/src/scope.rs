//! What an operator's key may do.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

macro_rules! scopes {
    ($($(#[$doc:meta])* $variant:ident = $name:literal;)*) => {
        /// A scope of an admin key.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Scope { $($(#[$doc])* $variant,)* }

        impl Scope {
            /// Every scope.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// As stored and as shown.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }
    };
}

scopes! {
    /// Read apps and their settings.
    AppsRead = "apps:read";
    /// Create and change apps, rotate their secrets.
    AppsWrite = "apps:write";
    /// Read signing keys.
    KeysRead = "keys:read";
    /// Rotate signing keys.
    KeysWrite = "keys:write";
    /// Read users and their sessions.
    UsersRead = "users:read";
    /// Change users, end sessions.
    UsersWrite = "users:write";
    /// Read organizations, their members and an app's roles.
    OrgsRead = "orgs:read";
    /// Create and change organizations, assign and define roles.
    OrgsWrite = "orgs:write";
    /// Read licences and their devices.
    LicensesRead = "licenses:read";
    /// Generate and change licences, reveal a key.
    LicensesWrite = "licenses:write";
    /// Read an app's templates, providers and SMS usage.
    DeliveryRead = "delivery:read";
    /// Change an app's templates and providers, send test messages.
    DeliveryWrite = "delivery:write";
    /// Read the audit log.
    AuditRead = "audit:read";
    /// Read metrics and health details.
    MetricsRead = "metrics:read";
    /// Run maintenance.
    MaintenanceWrite = "maintenance:write";
    /// List admin keys.
    AdminKeysRead = "admin-keys:read";
    /// Create and revoke admin keys.
    AdminKeysWrite = "admin-keys:write";
}

impl Scope {
    /// Reads one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|scope| scope.as_str() == text)
    }
}

/// A set of scopes, stored as a space-separated list.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct Scopes(BTreeSet<Scope>);

impl Scopes {
    /// All there are.
    #[must_use]
    pub fn all() -> Self {
        Self(Scope::ALL.iter().copied().collect())
    }

    /// Whether it contains `scope`.
    #[must_use]
    pub fn allows(&self, scope: Scope) -> bool {
        self.0.contains(&scope)
    }

    /// The names, in order.
    #[must_use]
    pub fn names(&self) -> Vec<&'static str> {
        self.0.iter().map(|scope| scope.as_str()).collect()
    }

    /// The stored form.
    #[must_use]
    pub fn to_stored(&self) -> String {
        self.names().join(" ")
    }

    /// From the stored form; a scope that no longer exists is dropped.
    #[must_use]
    pub fn from_stored(text: &str) -> Self {
        Self(text.split_whitespace().filter_map(Scope::parse).collect())
    }
}

impl From<String> for Scopes {
    fn from(text: String) -> Self {
        Self::from_stored(&text)
    }
}

impl From<Scopes> for String {
    fn from(scopes: Scopes) -> Self {
        scopes.to_stored()
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(iter: I) -> Self {
        Self(iter.into_iter().collect())
    }
}
