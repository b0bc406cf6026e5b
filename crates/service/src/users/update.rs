//! Changing a user's addresses.

use std::sync::Arc;

use doorward_domain::audit::Action;
use doorward_domain::contact::{Contact, EmailAddress, PhoneNumber, VerifiedAt};
use doorward_domain::scope::Scope;
use doorward_domain::user::{User, UserStatus};
use doorward_domain::{AppId, Code, Timestamp, UserId};
use doorward_store::app::UserContacts;

use super::{NewContact, contacts, found};
use crate::caller::Caller;
use crate::context::{Describe, Operator};
use crate::core::Core;
use crate::error::{Error, FieldError, Result};

/// What becomes of an address.
#[derive(Debug, Clone, Default)]
pub enum ContactChange<T> {
    /// It stays.
    #[default]
    Keep,
    /// The user has none any more.
    Remove,
    /// The user has this one.
    Set(NewContact<T>),
    /// It stays, and the operator says whether the user proved to hold it.
    Verified(bool),
}

impl<T: Clone + PartialEq> ContactChange<T> {
    /// Whether it says that the address there is now is verified.
    const fn vouches(&self) -> bool {
        matches!(self, Self::Verified(true))
    }

    fn applied(self, old: Option<VerifiedAt<T>>, now: Timestamp) -> Option<VerifiedAt<T>> {
        match self {
            Self::Keep => old,
            Self::Remove => None,
            Self::Set(new) => Some(new.stored(now)),
            Self::Verified(verified) => old.map(|old| VerifiedAt {
                verified_at: verified.then(|| old.verified_at.unwrap_or(now)),
                value: old.value,
            }),
        }
    }
}

/// What is to change.
#[derive(Debug, Clone, Default)]
pub struct UpdateUser {
    /// The e-mail address.
    pub email: ContactChange<EmailAddress>,
    /// The phone number.
    pub phone: ContactChange<PhoneNumber>,
    /// The version the change was made against; a change meanwhile is then a conflict.
    pub expected_version: Option<i64>,
}

impl UpdateUser {
    /// Why nothing can be said to be verified that is not there.
    pub const NOTHING_TO_VERIFY: &'static str = "There is no address to verify";
}

/// Changes a user's addresses. Codes that were on their way to the old ones sign nobody in as this
/// user any more, and set no address on its account.
///
/// # Errors
/// [`Code::ValidationError`] when no address would be left, or one is said to be verified that the
/// user does not have; [`Code::AddressTaken`];
/// [`Code::Conflict`] when the user was changed meanwhile; [`Code::UserDeleted`] for a deleted user;
/// [`Code::UserNotFound`]; [`Code::Forbidden`] without `users:write`; [`Code::AppNotFound`].
pub async fn update(
    core: &Core,
    operator: &Operator,
    app_id: AppId,
    id: UserId,
    request: UpdateUser,
) -> Result<User> {
    let keyring = Arc::clone(&core.keyring);
    let caller = Caller::Operator(operator, app_id);
    core.write_as(caller, Scope::UsersWrite, move |here, tx| {
        let now = here.now();
        let request = request.clone();
        let mut scope = tx.app(here.app.id);
        let old = found(scope.user(id)?)?;
        if request
            .expected_version
            .is_some_and(|version| version != old.version)
        {
            return Err(changed_meanwhile());
        }
        if old.status == UserStatus::Deleted {
            return Err(Error::new(Code::UserDeleted)
                .with_message("This user is deleted. Restore it first."));
        }
        let missing: Vec<_> = [
            (
                "email_verified",
                request.email.vouches() && old.email.is_none(),
            ),
            (
                "phone_verified",
                request.phone.vouches() && old.phone.is_none(),
            ),
        ]
        .into_iter()
        .filter(|(_, missing)| *missing)
        .map(|(field, _)| FieldError::new(field, UpdateUser::NOTHING_TO_VERIFY))
        .collect();
        if !missing.is_empty() {
            return Err(Error::validation(missing));
        }
        let new = UserContacts {
            id,
            email: request.email.applied(old.email.clone(), now),
            phone: request.phone.applied(old.phone.clone(), now),
            now,
        };
        if (&new.email, &new.phone) == (&old.email, &old.phone) {
            return Ok(Ok(old));
        }
        if new.email.is_none() && new.phone.is_none() {
            return Err(Error::field(
                "email",
                "A user needs an e-mail address or a phone number",
            ));
        }
        let left: Vec<Contact> = contacts(&old)
            .filter(|contact| match contact {
                Contact::Email(old) => value(&new.email) != Some(old),
                Contact::Phone(old) => value(&new.phone) != Some(old),
            })
            .collect();
        for contact in &left {
            // Whoever signs in by it at this moment is waited for; nobody does afterwards.
            scope.void_codes_to(contact, now)?;
        }
        if !left.is_empty() {
            // Otherwise a code that was asked for before would undo the change, and a token for a
            // new password that went to the old address would still be good.
            scope.void_codes_of_user(id, now)?;
            scope.void_secrets_of_user(id, now)?;
        }
        if !scope.replace_contacts(&new, old.version)? {
            return Err(changed_meanwhile());
        }
        let user = found(scope.user(id)?)?;
        let mut event = here.event(Action::UserUpdated).on("user", id);
        let changed: Vec<&str> = [
            (new.email != old.email).then_some("email"),
            (new.phone != old.phone).then_some("phone"),
        ]
        .into_iter()
        .flatten()
        .collect();
        event = event.with(serde_json::json!({ "changed": changed }));
        scope.audit(&event)?;
        for contact in contacts(&user) {
            let contact_ref = keyring.contact_ref(here.app.id, contact.canonical());
            scope.claim_personal(id, &contact_ref)?;
        }
        Ok(Ok(user))
    })
    .await
}

fn value<T>(known: &Option<VerifiedAt<T>>) -> Option<&T> {
    known.as_ref().map(|known| &known.value)
}

fn changed_meanwhile() -> Error {
    Error::new(Code::Conflict)
        .with_message("The user was changed meanwhile. Read it again and repeat your change.")
}
