//! What every use case is told: who acts, in which request, from where, and at what time.

use std::net::IpAddr;
use std::sync::Arc;

use doorward_domain::app::App;
use doorward_domain::audit::{Action, Actor, AuditEvent, ContactRef, Outcome, Personal, Target};
use doorward_domain::contact::Contact;
use doorward_domain::scope::{Scope, Scopes};
use doorward_domain::{
    AppId, Clock, Code, EventId, RequestId, SecureRandom, SessionId, Timestamp, UserId,
};

use crate::error::{Error, Result};
use crate::idempotency::IdempotencyKey;

/// Longest user agent kept, in characters.
const USER_AGENT_MAX: usize = 256;

/// Where a request comes from.
#[derive(Debug, Clone)]
pub struct Origin {
    /// Named in the answer, the logs and the audit events.
    pub request_id: RequestId,
    /// The client's address, as told by the connection or a trusted proxy.
    pub ip: Option<IpAddr>,
    /// The client's own words about itself.
    pub user_agent: Option<String>,
    /// Whether `ip` is the address of a user of an app, and not of a backend or an operator. Then
    /// audit events keep it where it can be erased.
    pub of_person: bool,
}

/// The context of one operation.
#[derive(Clone)]
pub struct Context {
    /// Who acts.
    pub actor: Actor,
    /// In which request, from where.
    pub origin: Origin,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The randomness.
    pub random: Arc<dyn SecureRandom>,
}

impl Context {
    /// The current time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The client's own words about itself, cut to 256 characters.
    #[must_use]
    pub fn user_agent(&self) -> Option<String> {
        self.origin
            .user_agent
            .as_deref()
            .map(|text| text.chars().take(USER_AGENT_MAX).collect())
    }

    /// The same operation, for what is no person's: nothing that it notes has the address of one.
    #[must_use]
    pub(crate) fn impersonal(&self) -> Self {
        let mut context = self.clone();
        if context.origin.of_person {
            context.origin.ip = None;
            context.origin.user_agent = None;
            context.origin.of_person = false;
        }
        context
    }

    /// The same operation, by somebody who has meanwhile proved who they are.
    #[must_use]
    pub fn acting(&self, actor: Actor) -> Self {
        Self {
            actor,
            ..self.clone()
        }
    }

    /// An audit event of this operation, to be written in the transaction it describes.
    #[must_use]
    pub fn event(&self, app_id: Option<AppId>, action: Action) -> AuditEvent {
        // A backend that passes its user's address on may pass on this header, too.
        let user_agent = self.user_agent().filter(|_| !self.origin.of_person);
        let at = self.now();
        AuditEvent {
            id: EventId::from_uuid(doorward_domain::ids::uuid_v7(at, &*self.random)),
            at,
            app_id,
            actor: self.actor,
            action,
            target: None,
            outcome: Outcome::Success,
            ip: self.origin.ip.filter(|_| !self.origin.of_person),
            user_agent,
            request_id: Some(self.origin.request_id),
            session_id: None,
            details: None,
            personal: self.origin.of_person.then(|| Personal {
                ip: self.origin.ip,
                ..Personal::default()
            }),
        }
    }
}

/// What a caller showed to speak for an app. Kept, so that it can be checked again when the cached
/// copy of the app turns out to be old.
#[derive(Clone, Copy)]
pub enum Credential {
    /// The hash of the app's secret.
    Secret([u8; 32]),
}

/// An operation in the name of an app, which exists, is active, and whose secret was shown.
/// Only [`crate::apps::authenticate`] makes one.
#[derive(Clone)]
pub struct AppContext {
    /// The operation.
    pub context: Context,
    /// The app, as cached; a write checks that its version is still current.
    pub app: Arc<App>,
    /// What was shown.
    pub(crate) credential: Credential,
}

impl AppContext {
    /// An audit event of this operation in this app.
    #[must_use]
    pub fn event(&self, action: Action) -> AuditEvent {
        self.context.event(Some(self.app.id), action)
    }
}

/// An operation by an operator: somebody at the machine's command line, or a key with scopes.
#[derive(Clone)]
pub struct Operator {
    /// The operation.
    pub context: Context,
    scopes: Scopes,
    /// What makes a creating call safe to repeat, where the caller sent a key.
    pub(crate) idempotency: Option<IdempotencyKey>,
}

impl Operator {
    /// An operator who may do what `scopes` say. Only authentication and the command line make one.
    #[must_use]
    pub const fn new(context: Context, scopes: Scopes) -> Self {
        Self {
            context,
            scopes,
            idempotency: None,
        }
    }

    /// The same operator with an `Idempotency-Key`: a creating call that is repeated with it within
    /// a day gets the answer of the first. Calls that create nothing take no notice of it.
    #[must_use]
    pub fn repeatable(self, key: Option<IdempotencyKey>) -> Self {
        Self {
            idempotency: key,
            ..self
        }
    }

    /// What the operator may do.
    #[must_use]
    pub const fn scopes(&self) -> &Scopes {
        &self.scopes
    }

    /// Whether the operator has a scope. Use cases ask [`crate::Core::authorise`], which leaves a trace.
    ///
    /// # Errors
    /// [`Code::Forbidden`] when the scope is missing.
    pub(crate) fn require(&self, scope: Scope) -> Result<()> {
        if self.scopes.allows(scope) {
            Ok(())
        } else {
            Err(Error::new(Code::Forbidden).with_message(format!(
                "This admin key lacks the scope {}.",
                scope.as_str()
            )))
        }
    }
}

/// Fills in the parts of an event that only some have.
pub trait Describe {
    /// What was acted upon.
    #[must_use]
    fn on(self, kind: &'static str, id: impl ToString) -> Self;
    /// It was refused with this code.
    #[must_use]
    fn refused(self, code: Code) -> Self;
    /// In this session.
    #[must_use]
    fn in_session(self, id: SessionId) -> Self;
    /// Anything more. Never a secret, and nothing personal.
    #[must_use]
    fn with(self, details: serde_json::Value) -> Self;
    /// It concerns this address, of that user where one is known.
    #[must_use]
    fn about(self, contact_ref: ContactRef, contact: &Contact, user: Option<UserId>) -> Self;
}

impl Describe for AuditEvent {
    fn on(mut self, kind: &'static str, id: impl ToString) -> Self {
        self.target = Some(Target::new(kind, id));
        self
    }

    fn refused(mut self, code: Code) -> Self {
        self.outcome = Outcome::Refused(code);
        self
    }

    fn in_session(mut self, id: SessionId) -> Self {
        self.session_id = Some(id);
        self
    }

    fn with(mut self, details: serde_json::Value) -> Self {
        self.details = Some(details);
        self
    }

    fn about(mut self, contact_ref: ContactRef, contact: &Contact, user: Option<UserId>) -> Self {
        let personal = self.personal.get_or_insert_default();
        personal.contact_ref = Some(contact_ref);
        personal.contact = Some(contact.masked());
        personal.user_id = user;
        self
    }
}
