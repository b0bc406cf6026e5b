//! Audit events: who did what to what, in which app, with which outcome.

use std::net::IpAddr;

use crate::code::Code;
use crate::ids::{AdminKeyId, AppId, EventId, RequestId, SessionId, UserId};
use crate::time::Timestamp;

/// Who acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Actor {
    /// Nobody known (a request whose credentials were refused).
    Anonymous,
    /// An app's backend, by its secret.
    App(AppId),
    /// A user, by its own token.
    User(UserId),
    /// An operator's key.
    AdminKey(AdminKeyId),
    /// Somebody at the machine's command line.
    Cli,
    /// The server itself (rotation, maintenance, delivery).
    System,
}

impl Actor {
    /// The kind, as stored.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Anonymous => "anonymous",
            Self::App(_) => "app",
            Self::User(_) => "user",
            Self::AdminKey(_) => "admin_key",
            Self::Cli => "cli",
            Self::System => "system",
        }
    }

    /// The id, where there is one.
    #[must_use]
    pub fn id(&self) -> Option<String> {
        match self {
            Self::App(id) => Some(id.to_string()),
            Self::User(id) => Some(id.to_string()),
            Self::AdminKey(id) => Some(id.to_string()),
            Self::Anonymous | Self::Cli | Self::System => None,
        }
    }
}

/// What is acted upon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The kind of thing, e.g. `user`.
    pub kind: &'static str,
    /// Its id.
    pub id: String,
}

impl Target {
    /// Names a thing.
    #[must_use]
    pub fn new(kind: &'static str, id: impl ToString) -> Self {
        Self {
            kind,
            id: id.to_string(),
        }
    }
}

macro_rules! actions {
    ($($(#[doc = $doc:literal])+ $variant:ident = $name:literal;)*) => {
        /// What was done. A closed list, documented in `docs/reference/audit-actions.md`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Action { $($(#[doc = $doc])+ $variant,)* }

        impl Action {
            /// Every action.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// As stored and as shown.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// What it means, for the reference.
            #[must_use]
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$variant => concat!($($doc),+),)* }
            }
        }
    };
}

actions! {
    /// An app was created.
    AppCreated = "app.created";
    /// An app's name or settings were changed.
    AppUpdated = "app.updated";
    /// An app was switched off.
    AppDeactivated = "app.deactivated";
    /// An app was switched on again.
    AppReactivated = "app.reactivated";
    /// An app's secret was replaced.
    AppSecretRotated = "app.secret_rotated";
    /// An app's credentials were refused.
    AppAuthenticationFailed = "app.authentication_failed";
    /// The database was restored from a backup: what happened after the backup is not in it.
    DatabaseRestored = "platform.restored";
    /// An admin key was made.
    AdminKeyCreated = "admin_key.created";
    /// An admin key was revoked.
    AdminKeyRevoked = "admin_key.revoked";
    /// An admin key was refused, or lacked the scope.
    AdminKeyRefused = "admin_key.refused";
    /// A creating call of an operator was answered again from the stored answer (same
    /// Idempotency-Key, same request).
    OperatorAnswerRepeated = "operator.answer_repeated";
    /// Maintenance was run by an operator.
    MaintenanceRun = "maintenance.run";
    /// What was counted against the limits of a contact, an address or a licence was forgotten.
    LimitsCleared = "limits.cleared";
    /// A signing key was generated.
    SigningKeyCreated = "signing_key.created";
    /// The next signing key became the active one.
    SigningKeyRotated = "signing_key.rotated";
    /// A signing key left the JWKS and its private part was erased.
    SigningKeyRetired = "signing_key.retired";
    /// A one-time code was asked for.
    OtpSent = "otp.sent";
    /// A one-time code was right.
    OtpVerified = "otp.verified";
    /// An attempt to verify a one-time code was refused.
    OtpRefused = "otp.refused";
    /// A user came into being.
    UserCreated = "user.created";
    /// A user was deactivated, deleted or activated again; the sessions of an inactive one ended.
    UserStatusChanged = "user.status_changed";
    /// A user's addresses were changed by an operator.
    UserUpdated = "user.updated";
    /// A user was deleted; it can be restored for a while.
    UserDeleted = "user.deleted";
    /// A deleted user was restored.
    UserRestored = "user.restored";
    /// Everything personal about a user was erased.
    UserErased = "user.erased";
    /// What is held about a user was read out: a page of it.
    UserExported = "user.exported";
    /// A user's address was set or confirmed.
    UserContactVerified = "user.contact_verified";
    /// Somebody signed in.
    SignedIn = "session.created";
    /// A sign-in was refused after the factor was proved (inactive account, sign-up closed).
    SignInRefused = "session.refused";
    /// A refresh token was exchanged.
    SessionRefreshed = "session.refreshed";
    /// A refresh was answered again from the stored answer (same token, same Idempotency-Key).
    SessionRefreshReplayed = "session.refresh_replayed";
    /// A refresh was refused.
    SessionRefreshRefused = "session.refresh_refused";
    /// A used refresh token came back: the session was revoked.
    SessionReuseDetected = "session.reuse_detected";
    /// A session was ended on purpose.
    SessionRevoked = "session.revoked";
    /// Every session of a user was ended.
    UserSessionsRevoked = "user.sessions_revoked";
    /// Every session of an app was ended.
    AppSessionsRevoked = "app.sessions_revoked";
    /// An organization was created.
    OrganizationCreated = "organization.created";
    /// An organization was renamed.
    OrganizationRenamed = "organization.renamed";
    /// An organization was archived: it goes into no token any more.
    OrganizationArchived = "organization.archived";
    /// An archived organization was taken into use again.
    OrganizationRestored = "organization.restored";
    /// A user was given a role in an organization.
    RoleAssigned = "role.assigned";
    /// A user lost a role, or all of them, in an organization.
    RoleRevoked = "role.revoked";
    /// A user was removed from an organization.
    MemberRemoved = "organization.member_removed";
    /// An app defined a role, or changed its permissions.
    RoleDefined = "role.defined";
    /// An app's definition of a role was deleted.
    RoleDeleted = "role.deleted";
    /// A tenant was asked for that the user is no member of.
    TenantRefused = "session.tenant_refused";
    /// A licence was generated.
    LicenseGenerated = "license.generated";
    /// A licence's terms were changed: expiry, slots, entitlements, label.
    LicenseUpdated = "license.updated";
    /// A licence was suspended.
    LicenseSuspended = "license.suspended";
    /// A suspended licence was resumed.
    LicenseResumed = "license.resumed";
    /// A licence was revoked for good.
    LicenseRevoked = "license.revoked";
    /// A licence key was shown to an operator.
    LicenseRevealed = "license.revealed";
    /// A device took a slot of a licence.
    LicenseActivated = "license.activated";
    /// A device gave its slot back.
    LicenseDeactivated = "license.deactivated";
    /// The holder of a licence released the slot of a lost device.
    LicenseSeatReleased = "license.seat_released";
    /// A licence was verified on a device for the first time in an hour.
    LicenseVerified = "license.verified";
    /// A licence file was issued for use without a network.
    LicenseCheckedOut = "license.checked_out";
    /// A call about a licence was refused.
    LicenseRefused = "license.refused";
    /// The key that signs an app's licence files was made or replaced.
    LicenseKeyRotated = "license_key.rotated";
    /// A reset token was issued.
    PasswordResetIssued = "password.reset_issued";
    /// A message was given up.
    MessageFailed = "message.failed";
    /// A message was handed to the provider.
    MessageSent = "message.sent";
    /// A provider reported that a message did not arrive; `resent` says whether another one has it now.
    MessageUndelivered = "message.undelivered";
    /// An app's own words for a message were set.
    TemplateChanged = "template.changed";
    /// An app's own words for a message were deleted: the built-in ones are used again.
    TemplateReset = "template.reset";
    /// An app's own words failed while a message was sent; it went out in the built-in ones.
    TemplateFailed = "template.failed";
    /// The providers that carry an app's messages were set.
    DeliveryChanged = "delivery.changed";
    /// The providers of an app were deleted: the deployment's own sender is used again.
    DeliveryReset = "delivery.reset";
    /// A test message was sent through the providers of an app.
    DeliveryTested = "delivery.tested";
    /// The SMS of an app need a look: a budget is used up, or codes go where nobody types them in.
    DeliveryAlarm = "delivery.alarm";
    /// A test alarm was sent to whoever is told of alarms.
    AlarmTested = "alarm.tested";
}

/// How it went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It was done.
    Success,
    /// It was refused, with the code that was answered.
    Refused(Code),
}

impl Outcome {
    /// As stored.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Refused(_) => "refused",
        }
    }

    /// The reason code, where it was refused.
    #[must_use]
    pub const fn reason(&self) -> Option<&'static str> {
        match self {
            Self::Success => None,
            Self::Refused(code) => Some(code.as_str()),
        }
    }
}

/// The keyed hash that stands for an address: the same one gives the same, and nobody without the
/// master key finds the address from it.
pub type ContactRef = [u8; 16];

/// What an event says of a person beyond ids. It is kept apart from the event, which cannot be
/// changed, so that it can be erased (ADR 0011).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Personal {
    /// Whom it is about, where that is known and the event's target does not say so.
    pub user_id: Option<UserId>,
    /// Which address it is about.
    pub contact_ref: Option<ContactRef>,
    /// The address, masked.
    pub contact: Option<String>,
    /// The person's own network address, where the app's backend names it.
    pub ip: Option<IpAddr>,
}

/// One event. Never contains a secret, a code or a token. What it says of a person beyond ids is
/// in `personal` and nowhere else: everything else stays for as long as the audit does.
#[derive(Debug, Clone)]
pub struct AuditEvent {
    /// Ordered by time.
    pub id: EventId,
    /// When.
    pub at: Timestamp,
    /// In which app; `None` for the platform itself.
    pub app_id: Option<AppId>,
    /// Who.
    pub actor: Actor,
    /// What.
    pub action: Action,
    /// To what.
    pub target: Option<Target>,
    /// How it went.
    pub outcome: Outcome,
    /// From where: the operator, or the app's backend.
    pub ip: Option<IpAddr>,
    /// With what, cut to 256 characters.
    pub user_agent: Option<String>,
    /// In which request.
    pub request_id: Option<RequestId>,
    /// In which session.
    pub session_id: Option<SessionId>,
    /// Anything more, as a JSON object. No personal data.
    pub details: Option<serde_json::Value>,
    /// What is to be erased with the person.
    pub personal: Option<Personal>,
}

impl AuditEvent {
    /// The user it is about: the target, else the actor, else whom the personal part names.
    #[must_use]
    pub fn subject(&self) -> Option<UserId> {
        let target = self.target.as_ref().filter(|target| target.kind == "user");
        target
            .and_then(|target| target.id.parse().ok())
            .or(match self.actor {
                Actor::User(id) => Some(id),
                _ => None,
            })
            .or(self.personal.as_ref().and_then(|personal| personal.user_id))
    }
}
