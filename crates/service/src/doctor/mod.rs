//! An examination of the deployment: what was seen, how bad it is, what to do.
//!
//! This half asks the database; the machine's half (files, ports, disk, certificates) is the
//! binary's, which knows them.

mod ages;
mod work;

use doorward_domain::Timestamp;
use doorward_domain::scope::Scope;
use serde::Serialize;

use crate::context::Operator;
use crate::core::Core;
use crate::error::Result;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// As it should be.
    Ok,
    /// To be looked at, soon.
    Warn,
    /// Broken or unsafe.
    Fail,
}

impl Severity {
    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was looked at, e.g. `keys.signing`. Stable.
    pub id: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// What was seen.
    pub seen: String,
    /// What to do; absent when nothing is to be done.
    pub advice: Option<String>,
}

impl Finding {
    /// As it should be.
    pub fn ok(id: &'static str, seen: impl Into<String>) -> Self {
        Self {
            id,
            severity: Severity::Ok,
            seen: seen.into(),
            advice: None,
        }
    }

    /// To be looked at.
    pub fn warn(id: &'static str, seen: impl Into<String>, advice: impl Into<String>) -> Self {
        Self {
            id,
            severity: Severity::Warn,
            seen: seen.into(),
            advice: Some(advice.into()),
        }
    }

    /// Broken or unsafe.
    pub fn fail(id: &'static str, seen: impl Into<String>, advice: impl Into<String>) -> Self {
        Self {
            id,
            severity: Severity::Fail,
            seen: seen.into(),
            advice: Some(advice.into()),
        }
    }
}

/// What the database tells. Costs the same however many apps, users and sessions there are.
///
/// # Errors
/// [`doorward_domain::Code::Forbidden`] without `metrics:read`. A database out of reach is a
/// finding.
pub async fn examine(core: &Core, operator: &Operator) -> Result<Vec<Finding>> {
    core.authorise(operator, Scope::MetricsRead).await?;
    let mut findings = vec![work::schema(core).await];
    match ages::examine(core).await {
        Ok(found) => findings.extend(found),
        Err(error) => findings.push(unreachable(&error)),
    }
    match work::examine(core).await {
        Ok(found) => findings.extend(found),
        Err(error) => findings.push(unreachable(&error)),
    }
    Ok(findings)
}

fn unreachable(error: &crate::error::Error) -> Finding {
    Finding::fail(
        "database.reach",
        format!("the database does not answer: {error}"),
        "Look at the database and at the way to it; `doorward config check --connect` tries it.",
    )
}

/// Whole days between two times.
fn days(from: Timestamp, to: Timestamp) -> i64 {
    (to.as_second() - from.as_second()).div_euclid(86_400)
}
