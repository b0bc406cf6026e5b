//! What a dangerous act needs beside a scope: that whoever does it proved a moment ago who they are,
//! said why, and named what they do it to.

use doorward_domain::Code;
use doorward_domain::app::App;
use doorward_domain::audit::Actor;
use doorward_domain::reason::Reason;

use crate::context::Operator;
use crate::error::{Error, Result};

/// That an operator proved a moment ago who they are. Only [`Operator::fresh_proof`] makes one, so
/// that no dangerous use case can be called without.
#[derive(Debug)]
pub struct FreshProof(());

impl Operator {
    /// The proof. An admin key is shown with every request, and whoever is at the command line holds
    /// the database: for both the proof is as fresh as the request. A session, which lives on after
    /// its sign-in, has to prove it again.
    ///
    /// # Errors
    /// [`Code::Forbidden`] for any other actor.
    pub fn fresh_proof(&self) -> Result<FreshProof> {
        match self.context.actor {
            Actor::AdminKey(_) | Actor::Cli => Ok(FreshProof(())),
            Actor::Anonymous | Actor::App(_) | Actor::User(_) | Actor::System => {
                Err(Error::new(Code::Forbidden))
            }
        }
    }
}

/// A dangerous act that somebody means to do.
#[derive(Debug)]
pub struct Deliberate {
    reason: Reason,
    confirm: String,
}

impl Deliberate {
    /// Joins the proof, the reason, and the name of what the act is done to, as the caller repeated
    /// it: a script that is aimed at the wrong thing fails.
    #[must_use]
    pub fn new(proof: FreshProof, reason: Reason, confirm: impl Into<String>) -> Self {
        // It has served its purpose: that the caller had one.
        let FreshProof(()) = proof;
        Self {
            reason,
            confirm: confirm.into(),
        }
    }

    /// Why.
    pub(crate) fn reason(&self) -> &str {
        self.reason.as_str()
    }

    /// What was named.
    pub(crate) fn confirm(&self) -> &str {
        &self.confirm
    }

    /// Whether this app is the one that was named: by slug or id.
    ///
    /// # Errors
    /// As [`Self::names`].
    pub(crate) fn names_app(&self, app: &App) -> Result<()> {
        self.names([app.slug.as_str(), &app.id.to_string()])
    }

    /// Whether one of these names is the one that was repeated.
    ///
    /// # Errors
    /// [`Code::ValidationError`] on `confirm`.
    pub(crate) fn names<'a>(&self, names: impl IntoIterator<Item = &'a str>) -> Result<()> {
        if names.into_iter().any(|name| name == self.confirm) {
            Ok(())
        } else {
            Err(Error::field(
                "confirm",
                "Does not name what this would be done to",
            ))
        }
    }
}
