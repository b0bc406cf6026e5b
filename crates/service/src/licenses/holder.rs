//! Whom an event about a licence is about: the address that a device called from is erased with that
//! person (ADR 0011).

use doorward_crypto::keyring::Keyring;
use doorward_domain::audit::{AuditEvent, ContactRef};
use doorward_domain::contact::{Contact, EmailAddress, PhoneNumber};
use doorward_domain::{AppId, LicenseId, OtpRequestId, Timestamp, UserId};
use doorward_store::WriteTx;

use crate::caller::Here;
use crate::error::Result;

/// The person behind a licence: its user, or whom it was issued to.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Holder {
    pub(crate) user_id: Option<UserId>,
    contact_ref: Option<ContactRef>,
}

impl Holder {
    /// Who it is. Nobody looks where the call names no person's address.
    pub(super) fn hold(
        keyring: &Keyring,
        here: &Here,
        tx: &mut WriteTx<'_>,
        license: LicenseId,
    ) -> Result<Self> {
        if !here.context.origin.of_person {
            return Ok(Self::default());
        }
        let found = Self::of_license(keyring, tx, here.app.id, license, here.now())?;
        // Before the licence, as an erasure does: neither waits for the other in a circle.
        match found.user_id {
            Some(user) if !tx.app(here.app.id).hold_user(user)? => Ok(found.unknown()),
            _ => Ok(found),
        }
    }

    /// Who it is, without holding the user.
    pub(crate) fn of_license(
        keyring: &Keyring,
        tx: &mut WriteTx<'_>,
        app: AppId,
        license: LicenseId,
        now: Timestamp,
    ) -> Result<Self> {
        let mut scope = tx.app(app);
        let Some(license) = scope.license(license, now)? else {
            return Ok(Self::default());
        };
        if license.user_id.is_some() {
            return Ok(Self {
                user_id: license.user_id,
                contact_ref: None,
            });
        }
        match license.issued_to.as_deref().and_then(contact) {
            Some(contact) => Self::of_contact(keyring, tx, app, &contact),
            None => Ok(Self::default()),
        }
    }

    /// Who asked for a code, without holding the user.
    pub(crate) fn of_code(
        keyring: &Keyring,
        tx: &mut WriteTx<'_>,
        app: AppId,
        id: OtpRequestId,
    ) -> Result<Self> {
        match tx.app(app).otp_standing(id)? {
            Some(found) => Self::of_contact(keyring, tx, app, &found.contact),
            None => Ok(Self::default()),
        }
    }

    fn of_contact(
        keyring: &Keyring,
        tx: &mut WriteTx<'_>,
        app: AppId,
        contact: &Contact,
    ) -> Result<Self> {
        let user = tx.app(app).user_by_contact(contact)?;
        Ok(Self {
            user_id: user.map(|user| user.id),
            contact_ref: Some(keyring.contact_ref(app, contact.canonical())),
        })
    }

    /// The user was erased meanwhile: what comes now is nobody's, and goes after 90 days.
    pub(crate) const fn unknown(self) -> Self {
        Self {
            user_id: None,
            ..self
        }
    }

    /// The event, tied to the person where it holds anything of one.
    pub(crate) const fn name(self, mut event: AuditEvent) -> AuditEvent {
        if let Some(personal) = &mut event.personal {
            personal.user_id = self.user_id;
            personal.contact_ref = self.contact_ref;
        }
        event
    }
}

/// `issued_to` is any text; often it is an address.
fn contact(issued_to: &str) -> Option<Contact> {
    EmailAddress::parse(issued_to)
        .map(Contact::Email)
        .or_else(|_| PhoneNumber::parse(issued_to).map(Contact::Phone))
        .ok()
}

/// `issued_to` as it is stored and looked for: an address in its canonical form, so that it is found, and
/// erased, with the person who has it.
pub(super) fn as_stored(issued_to: String) -> String {
    contact(&issued_to).map_or(issued_to, |contact| contact.canonical().to_owned())
}
