//! The limits of an app, as operators see them: how they stand, and how somebody who has locked himself
//! out begins anew. The rules themselves are settings of the app.

use std::net::IpAddr;

use doorward_crypto::keyring::Keyring;
use doorward_domain::app::{App, AppLimits};
use doorward_domain::audit::Action;
use doorward_domain::contact::{Contact, EmailAddress, PhoneNumber};
use doorward_domain::limit::{LimitRule, used, wait};
use doorward_domain::scope::Scope;
use doorward_domain::{AppId, LicenseId, Timestamp};
use doorward_store::app::{AppRead, Hit};

use crate::caller::Caller;
use crate::context::{Describe, Operator};
use crate::core::Core;
use crate::error::{Error, Result};

/// Whose limits.
#[derive(Debug, Clone)]
pub enum Subject {
    /// Those of the app as a whole.
    App,
    /// Those of an e-mail address or phone number.
    Contact(Contact),
    /// Those of a client's address; of IPv6 its /64.
    Address(IpAddr),
    /// Those of a licence.
    License(LicenseId),
}

/// How a limit stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Its name among the app's settings.
    pub name: &'static str,
    /// The rule.
    pub rule: LimitRule,
    /// Counted in the window at present.
    pub used: u32,
    /// Seconds until one more is allowed; 0 when it is now.
    pub retry_after: i64,
}

/// Reads an e-mail address or a phone number.
///
/// # Errors
/// What it looks like.
pub fn parse_contact(text: &str) -> std::result::Result<Contact, &'static str> {
    EmailAddress::parse(text)
        .map(Contact::Email)
        .or_else(|_| PhoneNumber::parse(text).map(Contact::Phone))
        .map_err(|_| "Must be an e-mail address or a phone number in E.164 format")
}

/// How limits stand.
///
/// # Errors
/// [`doorward_domain::Code::Forbidden`] without `users:read` (for the app as a whole `apps:read`);
/// [`doorward_domain::Code::AppNotFound`].
pub async fn show(
    core: &Core,
    operator: &Operator,
    app_id: AppId,
    subject: Subject,
) -> Result<Vec<Standing>> {
    let scope = match subject {
        Subject::App => Scope::AppsRead,
        _ => Scope::UsersRead,
    };
    let keyring = std::sync::Arc::clone(&core.keyring);
    core.read_as(
        Caller::Operator(operator, app_id),
        scope,
        move |here, tx| {
            let limits = of(&keyring, &here.app, &subject);
            standing(&mut tx.app(here.app.id), &limits, here.now())
        },
    )
    .await
}

/// Forgets what was counted, so that the next call is allowed. Gives how the limits stood before.
///
/// # Errors
/// [`doorward_domain::Code::Forbidden`] without `users:write`; [`doorward_domain::Code::AppNotFound`]; [`doorward_domain::Code::ValidationError`] for the
/// app as a whole: its limits protect the platform.
pub async fn clear(
    core: &Core,
    operator: &Operator,
    app_id: AppId,
    subject: Subject,
) -> Result<Vec<Standing>> {
    if matches!(subject, Subject::App) {
        return Err(Error::field(
            "contact",
            "Is required, or an address or a licence",
        ));
    }
    let keyring = std::sync::Arc::clone(&core.keyring);
    let caller = Caller::Operator(operator, app_id);
    core.write_as(caller, Scope::UsersWrite, move |here, tx| {
        let limits = of(&keyring, &here.app, &subject);
        let mut scope = tx.app(here.app.id);
        let before = standing(&mut scope, &limits, here.now())?;
        let mut cleared = Vec::new();
        for (name, hit) in &limits {
            if scope.clear_limit(&hit.key)? {
                cleared.push(*name);
            }
        }
        let event = here
            .event(Action::LimitsCleared)
            .with(serde_json::json!({ "limits": cleared }));
        let event = match &subject {
            Subject::App => event,
            Subject::Contact(contact) => {
                let user = scope.user_by_contact(contact)?.map(|user| user.id);
                let contact_ref = keyring.contact_ref(here.app.id, contact.canonical());
                let event = event.about(contact_ref, contact, user);
                match user {
                    Some(user) => event.on("user", user),
                    None => event,
                }
            }
            // An address may be a person's: the audit, which is never changed, has none.
            Subject::Address(_) => event,
            Subject::License(id) => event.on("license", id),
        };
        scope.audit(&event)?;
        Ok(Ok(before))
    })
    .await
}

/// The limits of a subject, by their names.
fn of(keyring: &Keyring, app: &App, subject: &Subject) -> Vec<(&'static str, Hit)> {
    let limits: &AppLimits = &app.settings.limits;
    match subject {
        Subject::App => vec![
            ("otp_per_app", crate::otp::sends_of_app(keyring, limits)),
            (
                "license_failures_per_app",
                crate::licenses::guesses_of_app(keyring, limits),
            ),
        ],
        Subject::Contact(contact) => {
            let contact = contact.canonical();
            vec![
                (
                    "otp_per_contact",
                    crate::otp::sends_to_contact(keyring, limits, contact),
                ),
                (
                    "otp_failures_per_contact",
                    crate::otp::failures_of_contact(keyring, limits, contact),
                ),
            ]
        }
        Subject::Address(address) => vec![
            (
                "otp_per_address",
                crate::otp::sends_of_address(keyring, limits, *address),
            ),
            (
                "license_failures_per_address",
                crate::licenses::guesses_of_address(keyring, limits, *address),
            ),
        ],
        Subject::License(id) => vec![
            (
                "license_per_key",
                crate::licenses::tries_of_license(keyring, limits, *id),
            ),
            (
                "license_releases",
                crate::licenses::releases_of_license(keyring, limits, *id),
            ),
        ],
    }
}

fn standing(
    scope: &mut AppRead<'_>,
    limits: &[(&'static str, Hit)],
    now: Timestamp,
) -> Result<Vec<Standing>> {
    limits
        .iter()
        .map(|(name, Hit { key, rule })| {
            let state = scope.limit_state(key)?.unwrap_or_default();
            Ok(Standing {
                name,
                rule: *rule,
                used: used(*rule, &state, now),
                retry_after: wait(*rule, &state, now),
            })
        })
        .collect()
}
