//! An app: an isolated customer of the platform, and its settings.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::ids::AppId;
use crate::role::RoleBook;
use crate::time::Timestamp;

pub use crate::settings::{AppLimits, AppSettings};

/// Short, URL-safe, unique name of an app; one of the two audiences of its tokens.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Slug(String);

impl Slug {
    /// What a slug looks like, for people.
    pub const RULE: &'static str = "Must be 2 to 63 characters of a-z, 0-9 and -, starting with a letter and not ending with -";

    /// Parses a slug.
    ///
    /// # Errors
    /// [`Slug::RULE`] when it does not look like one.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let ok = (2..=63).contains(&text.len())
            && text
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            && text.as_bytes().first().is_some_and(u8::is_ascii_lowercase)
            && !text.ends_with('-')
            && !text.contains("--");
        if ok {
            Ok(Self(text.to_owned()))
        } else {
            Err(Self::RULE)
        }
    }

    /// The slug.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Slug {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        Self::parse(&text)
    }
}

impl From<Slug> for String {
    fn from(slug: Slug) -> Self {
        slug.0
    }
}

/// A name shown to people: 1 to 100 characters, no control characters, trimmed.
///
/// # Errors
/// What is wrong with it.
pub fn parse_name(text: &str) -> Result<String, &'static str> {
    let trimmed = text.trim();
    if trimmed.is_empty() || trimmed.chars().count() > 100 {
        Err("Must be 1 to 100 characters")
    } else if trimmed.chars().any(char::is_control) {
        Err("Must not contain control characters")
    } else {
        Ok(trimmed.to_owned())
    }
}

/// Whether an app may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AppStatus {
    /// In use.
    Active,
    /// Signs nobody in, refreshes nothing; its API answers as for a wrong secret.
    Deactivated,
}

impl AppStatus {
    /// As stored and as shown.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Deactivated => "deactivated",
        }
    }

    /// From the stored form.
    #[must_use]
    pub fn from_stored(text: &str) -> Option<Self> {
        match text {
            "active" => Some(Self::Active),
            "deactivated" => Some(Self::Deactivated),
            _ => None,
        }
    }
}

/// An app as the store knows it. What authenticates it is left out where it is serialized.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct App {
    /// Its id.
    pub id: AppId,
    /// Its URL-safe name.
    pub slug: Slug,
    /// Its name for people.
    pub name: String,
    /// Whether it may be used.
    pub status: AppStatus,
    /// Grows by one with every change of the app, its secret or its settings. A write that was
    /// authorised by a cached copy is refused when the version has moved on.
    pub version: i64,
    /// Sessions of an older epoch are ended: one statement signs a whole app out.
    pub session_epoch: i64,
    /// SHA-256 of the current secret (256 random bits need no slow hash, ASVS 6.5.2).
    #[serde(skip)]
    pub secret_hash: [u8; 32],
    /// The former secret, if an overlap was chosen when it was rotated.
    #[serde(skip)]
    pub previous_secret: Option<PreviousSecret>,
    /// When the current secret was made.
    pub secret_rotated_at: Timestamp,
    /// Everything that can be set per app.
    pub settings: AppSettings,
    /// What its roles permit.
    #[serde(skip)]
    pub roles: Arc<RoleBook>,
    /// Creation.
    pub created_at: Timestamp,
    /// Last change.
    pub updated_at: Timestamp,
}

/// A rotated secret that is still accepted for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreviousSecret {
    /// SHA-256 of it.
    pub hash: [u8; 32],
    /// Accepted before this.
    pub until: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs() {
        for good in ["ab", "shop", "my-shop-2"] {
            assert_eq!(Slug::parse(good).unwrap().as_str(), good);
        }
        let long = "a".repeat(64);
        for bad in [
            "",
            "a",
            "-a",
            "a-",
            "A",
            "a_b",
            "a.b",
            "2a",
            "a--b",
            "ä",
            long.as_str(),
        ] {
            assert!(Slug::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn names() {
        assert_eq!(parse_name("  My shop ").unwrap(), "My shop");
        assert!(parse_name("  ").is_err());
        assert!(parse_name("a\nb").is_err());
        assert!(parse_name(&"x".repeat(101)).is_err());
    }
}
