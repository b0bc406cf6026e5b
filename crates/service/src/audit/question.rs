//! What can be asked of the audit log: only what an index leads to.

use doorward_store::platform::{AuditFilter, Party};

use super::PAGE_MAX;
use crate::error::{Error, FieldError, Result};

/// Kinds of actors that have no id.
const NAMELESS: [&str; 3] = ["anonymous", "cli", "system"];

/// Reads who or what is asked for: `kind` or `kind:id`.
///
/// # Errors
/// What it looks like.
pub fn party(text: &str) -> std::result::Result<Party, &'static str> {
    const RULE: &str =
        "Must be a kind and an id, such as user:0199… (cli, system and anonymous have no id)";
    let (kind, id) = match text.split_once(':') {
        Some((kind, id)) => (kind, Some(id)),
        None => (text, None),
    };
    let is_kind =
        (1..=40).contains(&kind.len()) && kind.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    // No id holds a control character, and no database looks for a NUL.
    let is_id = id.is_none_or(|id| (1..=200).contains(&id.len()) && !id.contains(char::is_control));
    if is_kind && is_id {
        Ok(Party {
            kind: kind.to_owned(),
            id: id.map(str::to_owned),
        })
    } else {
        Err(RULE)
    }
}

/// Reads an outcome.
///
/// # Errors
/// What there is.
pub fn outcome(text: &str) -> std::result::Result<String, &'static str> {
    if matches!(text, "success" | "refused") {
        Ok(text.to_owned())
    } else {
        Err("Must be success or refused")
    }
}

/// Whether an index leads to the answer.
pub(super) fn check(mut filter: AuditFilter) -> Result<AuditFilter> {
    let mut problems = Vec::new();
    let mut refuse = |field, message| problems.push(FieldError::new(field, message));
    if !(1..=PAGE_MAX).contains(&filter.limit) {
        refuse("limit", "Must be between 1 and 200");
    }
    match &filter.actor {
        Some(Party { kind, id: None }) if !NAMELESS.contains(&kind.as_str()) => {
            refuse("actor", "Must name an id as well");
        }
        Some(Party { kind, id: Some(_) }) if NAMELESS.contains(&kind.as_str()) => {
            refuse("actor", "Has no id");
        }
        // What an app does stands in its own log.
        Some(Party { kind, id: Some(id) }) if kind == "app" => match id.parse() {
            Ok(app) => filter.app_id = Some(filter.app_id.unwrap_or(app)),
            Err(_) => refuse("actor", "Must be an app's id"),
        },
        _ => {}
    }
    match &filter.target {
        Some(Party { id: None, .. }) => refuse("target", "Must name an id as well"),
        Some(Party { kind, .. }) if kind == "user" && filter.app_id.is_none() => {
            refuse("app_id", "Is required with a user as target");
        }
        _ => {}
    }
    if problems.is_empty() {
        Ok(filter)
    } else {
        Err(Error::validation(problems))
    }
}
