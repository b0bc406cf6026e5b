//! All that is held about a person (GDPR Art. 15 and 20), page by page, so that no answer grows with
//! what there is. No secrets: neither hashes nor what is sealed.

use std::str::FromStr;
use std::sync::Arc;

use doorward_crypto::keyring::Keyring;
use doorward_domain::audit::{Action, ContactRef};
use doorward_domain::scope::Scope;
use doorward_domain::session::SessionRecord;
use doorward_domain::time::iso;
use doorward_domain::user::User;
use doorward_domain::{AppId, EventId, Timestamp, UserId};
use doorward_store::WriteTx;
use doorward_store::app::{AppRead, CodeRecord, LicenseFilter, LicensePlace, MessageRecord};
use doorward_store::platform::StoredEvent;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{contacts, found};
use crate::caller::{Caller, Here};
use crate::context::{Describe, Operator};
use crate::core::Core;
use crate::error::Result;

/// Where a page begins: in which part, behind which row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ExportPlace {
    part: u16,
    after: Option<Uuid>,
}

impl std::fmt::Display for ExportPlace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.part)?;
        self.after.map_or(Ok(()), |after| write!(f, ".{after}"))
    }
}

impl FromStr for ExportPlace {
    type Err = ();

    fn from_str(text: &str) -> std::result::Result<Self, ()> {
        let (part, after) = match text.split_once('.') {
            Some((part, after)) => (part, Some(after.parse().map_err(drop)?)),
            None => (text, None),
        };
        Ok(Self {
            part: part.parse().map_err(drop)?,
            after,
        })
    }
}

/// One thing that is held.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct ExportItem {
    /// What it is: `user`, `membership`, `session`, `license`, `device`, `code`, `secret`,
    /// `message`, `audit_event`.
    pub kind: &'static str,
    /// What is held of it.
    pub data: Value,
}

/// A page.
#[derive(Debug, Clone)]
pub struct ExportPage {
    /// What it holds.
    pub items: Vec<ExportItem>,
    /// Where the next one begins.
    pub next: Option<ExportPlace>,
}

/// What there may be of a person, one part after the other.
enum Part {
    User,
    Memberships,
    Sessions,
    Licenses(LicenseFilter),
    Devices,
    CodesOf,
    CodesTo(String),
    Secrets,
    MessagesOf,
    MessagesTo(ContactRef),
    EventsOf,
    EventsAbout,
    EventsOfLicenses,
}

/// The parts for this user. What is held by an address comes once for each address.
fn parts(keyring: &Keyring, app_id: AppId, user: &User) -> Vec<Part> {
    let known: Vec<_> = contacts(user).collect();
    let sold = |to: &str| LicenseFilter {
        issued_to: Some(to.to_owned()),
        ..LicenseFilter::default()
    };
    let own = LicenseFilter {
        user_id: Some(user.id),
        ..LicenseFilter::default()
    };
    let mut all = vec![
        Part::User,
        Part::Memberships,
        Part::Sessions,
        Part::Licenses(own),
        Part::Devices,
        Part::Secrets,
        // Those to an address that is not the person's yet, or not any more, too.
        Part::CodesOf,
        Part::MessagesOf,
        Part::EventsOf,
        Part::EventsAbout,
        Part::EventsOfLicenses,
    ];
    for contact in &known {
        let canonical = contact.canonical();
        all.push(Part::Licenses(sold(canonical)));
        if contact.original() != canonical {
            all.push(Part::Licenses(sold(contact.original())));
        }
        all.push(Part::CodesTo(canonical.to_owned()));
        let refs = keyring.contact_refs(app_id, canonical);
        all.extend(refs.into_iter().map(Part::MessagesTo));
    }
    all
}

/// A page of all that is held about a user; the first one without a place. That it was read out is in
/// the audit.
///
/// # Errors
/// [`doorward_domain::Code::Forbidden`] without `users:read`;
/// [`doorward_domain::Code::AppNotFound`]; [`doorward_domain::Code::UserNotFound`].
pub async fn export(
    core: &Core,
    operator: &Operator,
    app_id: AppId,
    id: UserId,
    from: Option<ExportPlace>,
    limit: u32,
) -> Result<ExportPage> {
    let keyring = Arc::clone(&core.keyring);
    let caller = Caller::Operator(operator, app_id);
    core.write_as(caller, Scope::UsersRead, move |here, tx| {
        let user = found(tx.app(here.app.id).user(id)?)?;
        // Every page: anybody can write the cursor of a later one by hand.
        let event = here.event(Action::UserExported).on("user", id);
        let details = json!({ "from": from.map(|place| place.to_string()) });
        tx.app(here.app.id).audit(&event.with(details))?;
        let parts = parts(&keyring, here.app.id, &user);
        let mut place = from.unwrap_or_default();
        let mut items = Vec::new();
        while let Some(part) = parts.get(usize::from(place.part)) {
            let room = limit.saturating_sub(u32::try_from(items.len()).unwrap_or(u32::MAX));
            if room == 0 {
                return Ok(Ok(ExportPage {
                    items,
                    next: Some(place),
                }));
            }
            let rows = read(here, tx, &user, part, place.after, room)?;
            let full = rows.len() >= usize::try_from(room).unwrap_or(usize::MAX);
            place = match rows.last() {
                Some((last, _)) if full && !matches!(part, Part::User) => ExportPlace {
                    after: Some(*last),
                    ..place
                },
                _ => ExportPlace {
                    part: place.part.saturating_add(1),
                    after: None,
                },
            };
            items.extend(rows.into_iter().filter_map(|(_, item)| item));
        }
        Ok(Ok(ExportPage { items, next: None }))
    })
    .await
}

fn at(time: Option<Timestamp>) -> Option<String> {
    time.map(iso)
}

/// At most `limit` rows of a part, each with what the next page begins behind. One that another part
/// gives has no item.
fn read(
    here: &Here,
    tx: &mut WriteTx<'_>,
    user: &User,
    part: &Part,
    after: Option<Uuid>,
    limit: u32,
) -> Result<Vec<(Uuid, Option<ExportItem>)>> {
    let mut scope = tx.app(here.app.id);
    let item = |id: Uuid, kind: &'static str, data: Value| (id, Some(ExportItem { kind, data }));
    let own = |of: Option<UserId>| of == Some(user.id);
    Ok(match part {
        Part::User => vec![item(user.id.as_uuid(), "user", profile(user))],
        Part::Memberships => scope
            .memberships_of_user(user.id, after.map(Into::into), limit)?
            .into_iter()
            .map(|found| {
                let data = json!({
                    "tenant_id": found.tenant_id, "name": found.name,
                    "joined_at": iso(found.joined_at), "roles": found.roles,
                });
                item(found.tenant_id.as_uuid(), "membership", data)
            })
            .collect(),
        Part::Sessions => scope
            .sessions_of_user(user.id, after.map(Into::into), limit)?
            .iter()
            .map(|found| item(found.session.id.as_uuid(), "session", session(found, here)))
            .collect(),
        Part::Licenses(filter) => {
            let filter = LicenseFilter {
                after: after.map(|id| LicensePlace::Id(id.into())),
                limit,
                ..filter.clone()
            };
            scope
                .licenses(&filter, here.now())?
                // Whole: the index leads to exactly these, so a short page is the last one.
                .licenses
                .into_iter()
                .map(|found| {
                    if filter.user_id.is_none() && own(found.user_id) {
                        return (found.id.as_uuid(), None);
                    }
                    let data = json!({
                        "license_id": found.id, "key_hint": found.key_hint,
                        "label": found.label, "issued_to": found.issued_to,
                        "tenant_id": found.tenant_id, "status": found.status.as_str(),
                        "expires_at": at(found.expires_at), "metadata": found.metadata,
                        "created_at": iso(found.created_at),
                    });
                    item(found.id.as_uuid(), "license", data)
                })
                .collect()
        }
        Part::Devices => scope
            .devices_of_user(user.id, after.map(Into::into), limit)?
            .into_iter()
            .map(|found| {
                let data = json!({
                    "activation_id": found.id, "license_id": found.license_id,
                    "label": found.label, "created_at": iso(found.created_at),
                    "last_seen_at": iso(found.last_seen_at),
                    "released_at": at(found.released_at),
                });
                item(found.id.as_uuid(), "device", data)
            })
            .collect(),
        Part::CodesOf => scope
            .codes_of_user(user.id, after.map(Into::into), limit)?
            .into_iter()
            .map(|found| item(found.id.as_uuid(), "code", code(&found)))
            .collect(),
        Part::CodesTo(contact) => scope
            .codes_to(contact, after.map(Into::into), limit)?
            .into_iter()
            .map(|found| match own(found.user_id) {
                true => (found.id.as_uuid(), None),
                false => item(found.id.as_uuid(), "code", code(&found)),
            })
            .collect(),
        Part::Secrets => scope
            .secrets_of_user(user.id, after.map(Into::into), limit)?
            .into_iter()
            .map(|found| {
                let data = json!({
                    "purpose": found.purpose, "created_at": iso(found.created_at),
                    "expires_at": iso(found.expires_at), "used_at": at(found.used_at),
                });
                item(found.id.as_uuid(), "secret", data)
            })
            .collect(),
        Part::MessagesOf => scope
            .messages_of_user(user.id, after.map(Into::into), limit)?
            .into_iter()
            .map(|found| item(found.id.as_uuid(), "message", message(&found)))
            .collect(),
        Part::MessagesTo(contact_ref) => scope
            .messages_to(contact_ref, after.map(Into::into), limit)?
            .into_iter()
            .map(|found| match own(found.user_id) {
                true => (found.id.as_uuid(), None),
                false => item(found.id.as_uuid(), "message", message(&found)),
            })
            .collect(),
        Part::EventsOf => scope
            .events_of_user(user.id, after.map(Into::into), limit)?
            .into_iter()
            .map(|found| item(found.id.as_uuid(), "audit_event", event(&found)))
            .collect(),
        Part::EventsAbout => scope
            .events_about_user(user.id, after.map(Into::into), limit)?
            .into_iter()
            .map(|found| item(found.id.as_uuid(), "audit_event", event(&found)))
            .collect(),
        Part::EventsOfLicenses => events_of_licenses(here, &mut scope, user.id, after, limit)?
            .into_iter()
            .map(|found| item(found.id.as_uuid(), "audit_event", event(&found)))
            .collect(),
    })
}

/// Events about the user's licences, one licence after the other: behind the event `after` of one of
/// them.
fn events_of_licenses(
    here: &Here,
    scope: &mut AppRead<'_>,
    user: UserId,
    after: Option<Uuid>,
    limit: u32,
) -> Result<Vec<StoredEvent>> {
    let mut before = after.map(EventId::from_uuid);
    let mut license = match before {
        // Anybody can write a cursor by hand: only of a licence of this user.
        Some(event) => match scope.license_of_event(event)? {
            Some(id) => scope
                .license(id, here.now())?
                .filter(|license| license.user_id == Some(user))
                .map(|license| license.id),
            None => None,
        },
        None => scope.next_license_of_user(user, None)?,
    };
    let mut found: Vec<StoredEvent> = Vec::new();
    while let Some(id) = license {
        let room = limit.saturating_sub(u32::try_from(found.len()).unwrap_or(u32::MAX));
        if room == 0 {
            break;
        }
        found.extend(scope.events_of_license(id, user, before.take(), room)?);
        license = scope.next_license_of_user(user, Some(id))?;
    }
    Ok(found)
}

fn code(found: &CodeRecord) -> Value {
    json!({
        "otp_request_id": found.id, "purpose": found.purpose,
        "channel": found.channel, "contact": found.contact,
        "wrong_attempts": found.attempts, "created_at": iso(found.created_at),
        "expires_at": iso(found.expires_at), "used_at": at(found.used_at),
    })
}

fn message(found: &MessageRecord) -> Value {
    json!({
        "message_id": found.id, "channel": found.channel,
        "template": found.template, "state": found.state,
        "created_at": iso(found.created_at), "finished_at": at(found.finished_at),
    })
}

fn profile(user: &User) -> Value {
    let email = user.email.as_ref();
    let phone = user.phone.as_ref();
    json!({
        "user_id": user.id,
        "status": user.status.as_str(),
        "email": email.map(|known| known.value.original()),
        "email_verified_at": at(email.and_then(|known| known.verified_at)),
        "phone": phone.map(|known| known.value.as_str()),
        "phone_verified_at": at(phone.and_then(|known| known.verified_at)),
        "created_at": iso(user.created_at),
        "updated_at": iso(user.updated_at),
        "deleted_at": at(user.deleted_at),
        "erased_at": at(user.erased_at),
    })
}

fn session(record: &SessionRecord, here: &Here) -> Value {
    let session = &record.session;
    json!({
        "session_id": session.id,
        "state": record.state(here.now()),
        "tenant_id": session.tenant_id,
        "ip": record.ip,
        "user_agent": record.user_agent,
        "amr": session.amr.split_whitespace().collect::<Vec<_>>(),
        "created_at": iso(session.created_at),
        "last_used_at": iso(session.last_used_at),
        "refreshes": session.generation - 1,
        "expires_at": iso(session.expires_at),
        "ended_at": at(session.ended.map(|(at, _)| at)),
        "end_reason": session.ended.map(|(_, why)| why.as_str()),
    })
}

/// Without the operators' and backends' own addresses: they are not the person's.
fn event(event: &StoredEvent) -> Value {
    json!({
        "id": event.id,
        "at": iso(event.at),
        "actor_type": event.actor_type,
        "action": event.action,
        "target_type": event.target_type,
        "target_id": event.target_id,
        "outcome": event.outcome,
        "reason": event.reason,
        "session_id": event.session_id,
        "ip": event.ip,
        "details": event.details,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_reads_back() {
        let after = Some(Uuid::from_u128(7));
        for place in [
            ExportPlace::default(),
            ExportPlace {
                part: 3,
                after: None,
            },
            ExportPlace { part: 12, after },
        ] {
            assert_eq!(place.to_string().parse(), Ok(place));
        }
        for bad in ["", ".", "x", "1.", "1.x", "-1", "70000", "1.2.3"] {
            assert!(bad.parse::<ExportPlace>().is_err(), "{bad}");
        }
    }
}
